"""Experiment management for deep learning on microscope images.

From Python and notebooks::

    import brightfield

    answer = brightfield.load("bacteria").predict(image)
    answer.to_dataframe()

Names are imported when they are asked for: ``import brightfield`` itself brings neither torch nor pandas. What MLflow serves
imports this module and nothing below it, so these names stay where they are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brightfield import results, simulate
    from brightfield.data.records import Record
    from brightfield.errors import BrightfieldError
    from brightfield.prediction.model import Model, load

__all__ = ["BrightfieldError", "Model", "Record", "load", "results", "simulate"]

_HOMES = {
    "BrightfieldError": "brightfield.errors",
    "Model": "brightfield.prediction.model",
    "Record": "brightfield.data.records",
    "load": "brightfield.prediction.model",
}
_ROOMS = ("results", "simulate")

if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Import a public name when it is asked for first."""
        if name in _ROOMS:
            return import_module(f"brightfield.{name}")
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'brightfield' has no attribute {name!r}; public are {', '.join(__all__)}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
