"""The tasks: what is asked of an image, behind one interface."""

from __future__ import annotations

from typing import Any

from brightfield import params
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.classification import Classification
from brightfield.tasks.restoration import Restoration
from brightfield.tasks.samples import Encoded, Sample
from brightfield.tasks.segmentation import Segmentation
from brightfield.tasks.tracking import Tracking

KINDS: dict[str, type[Task[Any, Any]]] = {
    "classification": Classification,
    "tracking": Tracking,
    "segmentation": Segmentation,
    "restoration": Restoration,
}


def build(kind: str, settings: params.TaskSettings) -> Task[Any, Any]:
    """The task of a kind with its settings."""
    return KINDS[kind](settings)


__all__ = ["KINDS", "Encoded", "Objective", "Sample", "Task", "build"]
