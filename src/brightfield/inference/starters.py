"""Starters: a trained model of each task that is part of the package, and answers before anything was trained here."""

from __future__ import annotations

from pathlib import Path

from brightfield import layout
from brightfield.errors import BrightfieldError


def folder(task: str) -> Path:
    """The folder with the bundle of a task's starter.

    Raises:
        BrightfieldError: the task has none.
    """
    found = layout.starter(task)
    if not (found / layout.BUNDLE).is_file():
        raise BrightfieldError(
            f"Task {task!r} has no starter: expected one of {', '.join(tasks()) or 'none'}. Train a model with `dvc repro`."
        )
    return found


def tasks() -> list[str]:
    """The tasks that have a starter."""
    return sorted(path.parent.name for path in layout.STARTERS.glob(f"*/{layout.BUNDLE}"))
