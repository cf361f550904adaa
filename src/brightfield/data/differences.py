"""What two datasets, or two versions of one, have in common, and what not: images, pixels and truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from brightfield import params
from brightfield.data import versions
from brightfield.data.records import FIRST_LABEL, Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.system import progress
from brightfield.system.tables import text_table

AT = "@"  # between the name of a dataset and the number of a version
ADDED, REMOVED, CHANGED = "only in the second", "only in the first", "changed"
COLUMNS = ("id", "group", "difference", "what")
SHOWN = 30  # images that the text lists


@dataclass(frozen=True)
class Difference:
    """What differs between two datasets.

    Attributes:
        first, second: as they were asked for.
        images: number of images of each.
        same: number of images that are the same in both, truth included.
        table: one row an image that is not; columns ``COLUMNS``: ``what`` names in words what has changed.
    """

    first: str
    second: str
    images: tuple[int, int]
    same: int
    table: pd.DataFrame

    def __str__(self) -> str:
        counts = self.table["difference"].value_counts()
        parts = [f"{int(counts[each])} {each}" for each in (CHANGED, REMOVED, ADDED) if each in counts]
        lines = [
            f"{self.first}: {self.images[0]} images, {self.second}: {self.images[1]}; {self.same} the same"
            f"{''.join(f', {part}' for part in parts)}."
        ]
        if len(self.table):
            lines.append(text_table(COLUMNS, (tuple(row) for row in self.table.head(SHOWN).itertuples(index=False))))
        if len(self.table) > SHOWN:
            lines.append(f"... and {len(self.table) - SHOWN} more")
        return "\n".join(lines)


def parse(asked: str) -> tuple[str, int | None]:
    """Name and version of ``NAME`` or ``NAME@VERSION``.

    Raises:
        BrightfieldError: the version is no number.
    """
    name, at, number = asked.partition(AT)
    if at and not number.isdecimal():
        raise BrightfieldError(f"Expected NAME or NAME{AT}VERSION, such as smears{AT}2, got {asked!r}.")
    return name, int(number) if at else None


def between(first: str, second: str) -> Difference:
    """Compare two datasets, or versions: each is ``NAME``, for what is in use now, or ``NAME@VERSION``.

    Raises:
        BrightfieldError: one of them is not here.
    """
    a, b = (versions.images(*parse(asked)) for asked in (first, second))
    name = parse(first)[0]
    settings = params.load()
    dataset = settings.datasets.get(name)
    classes = [] if dataset is None else settings.tasks[dataset.task].settings.class_names
    table = pd.DataFrame(_rows(a, b, classes), columns=list(COLUMNS))
    common = len(set(a.index["id"]) & set(b.index["id"]))
    return Difference(first, second, (len(a), len(b)), common - int((table["difference"] == CHANGED).sum()), table)


def _rows(a: ImageSet, b: ImageSet, classes: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    places_a, places_b = ({str(image): i for i, image in enumerate(each.index["id"])} for each in (a, b))
    for image, i in progress.track(places_a.items(), "compare", unit="image", total=len(places_a)):
        if image not in places_b:
            yield image, str(a.index["group"].iloc[i]), REMOVED, ""
            continue
        changes = list(_changes(a[i], b[places_b[image]], classes))
        if changes:
            yield image, str(a.index["group"].iloc[i]), CHANGED, "; ".join(changes)
    for image, i in places_b.items():
        if image not in places_a:
            yield image, str(b.index["group"].iloc[i]), ADDED, ""


def _changes(a: Record, b: Record, classes: Sequence[str]) -> Iterator[str]:
    """What differs between two records of the same id, in words."""
    if a.group != b.group:
        yield f"group {a.group} -> {b.group}"
    if "label" in a.row and "label" in b.row and a.row["label"] != b.row["label"]:
        yield f"{_named(a.row['label'], classes)} -> {_named(b.row['label'], classes)}"
    arrays_a, arrays_b = ({"image": each.image, **each.fields} for each in (a, b))
    for name in arrays_a | arrays_b:
        change = _change(arrays_a.get(name), arrays_b.get(name))
        if change:
            yield f"{name}: {change}"
    others = sorted((set(a.row) | set(b.row)) - {"label", FIRST_LABEL, "labelled"})
    for name in others:
        before, after = a.row.get(name), b.row.get(name)
        if before != after and not (_is_nothing(before) and _is_nothing(after)):
            yield f"{name} {_plain(before)} -> {_plain(after)}"


def _change(a: np.ndarray | None, b: np.ndarray | None) -> str:
    if a is None or b is None:
        return "" if a is b else "added" if a is None else "removed"
    if a.shape != b.shape:
        return f"{' x '.join(map(str, a.shape))} -> {' x '.join(map(str, b.shape))}"
    different = int((a != b).sum())
    return f"{different} of {a.size} values differ" if different else ""


def _named(label: Any, classes: Sequence[str]) -> str:
    number = int(label)
    return classes[number] if 0 <= number < len(classes) else f"class {number}"


def _plain(value: Any) -> str:
    if _is_nothing(value):
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_nothing(value: Any) -> bool:
    return value is None or value == "" or bool(pd.isna(value))
