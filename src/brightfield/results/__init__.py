"""Types of answers and of truth: validated numpy, no torch. ``FORMS`` contains everything that depends on the type.

Coordinates: (0, 0) is the centre of the first pixel, x is the column, y the row; units are pixels unless a name says otherwise.

A further type needs a file beside these (a subclass of :class:`BaseResult`, and its :class:`Form`) and a line in ``FORMS``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from brightfield.results.base import BaseResult, Entry, Form, KnownTruth, Metadata, Objects
from brightfield.results.class_map import ClassMap
from brightfield.results.label import Label
from brightfield.results.picture import Picture
from brightfield.results.points import Points

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FORMS",
    "BaseResult",
    "ClassMap",
    "Entry",
    "Form",
    "KnownTruth",
    "Label",
    "Metadata",
    "Objects",
    "Picture",
    "Points",
    "Result",
    "form_of",
    "to_dataframe",
]

Result: TypeAlias = BaseResult  # of a type that FORMS has

FORMS: dict[type, Form[Any]] = {
    ClassMap: ClassMap.FORM,
    Points: Points.FORM,
    Label: Label.FORM,
    Picture: Picture.FORM,
}


def form_of(kind: type) -> Form[Any]:
    """How answers of a type are written, drawn, served and shown.

    Raises:
        ValueError: the type is not in ``FORMS``.
    """
    if kind not in FORMS:
        known = ", ".join(each.__name__ for each in FORMS)
        raise ValueError(f"an answer must be one of {known}, got {kind.__name__}: add a new type to results.FORMS")
    return FORMS[kind]


def to_dataframe(answers: Iterable[Result]) -> pd.DataFrame:
    """The tables of several answers, as ``answer.to_dataframe()`` returns them, in one table.

    Frames of a movie are numbered in the order of the answers.

    Raises:
        ValueError: no answer, answers of several types, or two images with the same name.
        BrightfieldError: an answer without metadata.
    """
    given = list(answers)
    kinds = {type(each) for each in given}
    if len(kinds) != 1:
        came = ", ".join(sorted(kind.__name__ for kind in kinds)) or "none"
        raise ValueError(f"expected one or more answers of one type, got {came}")
    named = {each.image_name: each for each in given}
    if len(named) < len(given):
        raise ValueError(f"got {len(given)} answers with {len(named)} different names: expected one name per image")
    return form_of(kinds.pop()).table_of(named)
