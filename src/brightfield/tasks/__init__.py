"""The tasks: what is asked of an image, behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brightfield import params
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.classification import Classification
from brightfield.tasks.restoration import Restoration
from brightfield.tasks.samples import Batch, Encoded
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


def kinds_that(can: Callable[[type[Task[Any, Any]]], bool]) -> str:
    """The kinds of task that declare a capability, for a message to someone who asked another kind for it."""
    return " or ".join(kind for kind, task in KINDS.items() if can(task)) or "none"


__all__ = ["KINDS", "Batch", "Encoded", "Objective", "Task", "build", "kinds_that"]
