"""The results of the stage `prepare` for each dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from brightfield import layout
from brightfield.data import coverage as coverage_of
from brightfield.data import differences, versions
from brightfield.errors import BrightfieldError
from brightfield.system import lineage
from queries import project

DATASETS = ("dataset", "task", "images", "groups", "splits", "classes", "problems", "warnings")
LARGE_PX = 1024  # height from which few images are drawn
CLASS = "class"  # column: the name of the class of an image
CHECKS = ("name", "outcome", "count", "examples")


def audit(name: str) -> dict[str, Any] | None:
    """The audit of a dataset, None before it is prepared."""
    return project.read_json(layout.prepared(name) / layout.AUDIT)


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def datasets() -> pd.DataFrame:
    """One row per prepared dataset: images, groups, splits and classes, and the numbers of problems and warnings."""
    rows: list[dict[str, Any]] = []
    for name, entry in project.settings().datasets.items():
        found = audit(name)
        if found is None:
            continue
        table = splits(name, found)
        totals = table.drop(columns=["split", "images", "groups"]).sum()
        rows.append(
            {
                "dataset": name,
                "task": entry.task,
                "images": int(table["images"].sum()),
                "groups": int(table["groups"].sum()),
                "splits": ", ".join(table["split"]),
                "classes": ", ".join(f"{count} {label}" for label, count in totals.items()),
                "problems": len(found["problems"]),
                "warnings": len(found["warnings"]),
            }
        )
    return pd.DataFrame(rows, columns=list(DATASETS))


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def coverage(name: str) -> pd.DataFrame | None:
    """One row per image of a dataset: id, group, split, light, contrast, noise, focus, density; None before the measurement."""
    try:
        return coverage_of.read(layout.prepared(name))
    except BrightfieldError:
        return None


def splits(name: str, found: dict[str, Any]) -> pd.DataFrame:
    """One row per split of a dataset's audit: split, images, groups, then one column per class, by its name in the task."""
    settings = project.settings()
    names = settings.tasks[settings.datasets[name].task].settings.class_names
    classes = found.get("classes", {})
    rows = [
        {"split": split, **counts, **{_named(number, names): n for number, n in classes.get(split, {}).items()}}
        for split, counts in found["counts"].items()
    ]
    return pd.DataFrame(rows)


def gallery(name: str) -> bytes | None:
    """A contact sheet of a dataset with its truth, a row a split, as PNG; None before it is made or imported."""
    changed = _changed(name)
    return None if changed is None else _gallery(name, changed)


@st.cache_data(max_entries=20, show_spinner="Drawing images")
def _gallery(name: str, changed: int) -> bytes | None:
    from brightfield import images
    from brightfield.data import gallery as sheets
    from brightfield.data.store import read_index

    try:
        index = read_index(layout.prepared(name))
        # each image is read as a whole
        columns = sheets.COLUMNS if index["height"].max() <= LARGE_PX else sheets.COLUMNS // 2
        return images.as_png(sheets.sheet(project.settings().datasets[name].task, name, truth=True, columns=columns))
    except BrightfieldError:
        return None


def embedding(name: str) -> pd.DataFrame:
    """The map of a prepared dataset, see :func:`brightfield.evaluation.embedding.of_dataset`; with the names of classes.

    Raises:
        BrightfieldError: the dataset is not here.
    """
    return _embedding(name, _changed(name) or 0)


@st.cache_data(
    max_entries=10, show_spinner="Looking at all images: up to a minute, once for each version of the dataset"
)
def _embedding(name: str, changed: int) -> pd.DataFrame:
    from brightfield.evaluation import embedding as maps

    table = maps.of_dataset(name)
    settings = project.settings()
    names = settings.tasks[settings.datasets[name].task].settings.class_names
    return table.assign(**{CLASS: [_named(str(int(n)), names) for n in table["label"]]}) if "label" in table else table


def is_here(name: str) -> bool:
    """Whether the prepared images of a dataset are on this machine."""
    return _changed(name) is not None


def pixel_size_um(name: str) -> float:
    """That of the task of a dataset."""
    settings = project.settings()
    return settings.tasks[settings.datasets[name].task].settings.pixel_size_um


def _changed(name: str) -> int | None:
    """When a dataset was prepared, in ns; None where it is not here."""
    path = layout.prepared(name) / layout.INDEX
    return path.stat().st_mtime_ns if path.is_file() else None


def history(name: str) -> pd.DataFrame:
    """The versions of a lab's own dataset, the newest first: version, made, by, corrected images, why, in use.

    Raises:
        BrightfieldError: their list is damaged.
    """
    used = versions.current(name)
    rows = [
        {
            "version": each.number,
            "made": pd.Timestamp(each.at) if each.at else pd.NaT,
            "by": each.who,
            "corrected images": len(each.corrections),
            "why": each.why,
            "in use": "\u2713" if each == used else "",
        }
        for each in reversed(versions.history(name))
    ]
    return pd.DataFrame(rows)


def comparable(name: str) -> list[str]:
    """With what a dataset can be compared: the other ones of its task that are here, and versions of it and of them."""
    known = project.settings().datasets
    found: list[str] = []
    for other, entry in known.items():
        if entry.task != known[name].task or not (layout.raw(other) / layout.INDEX).is_file():
            continue
        numbers = [each.number for each in versions.history(other)]
        found += [other, *(f"{other}{differences.AT}{number}" for number in numbers if len(numbers) > 1)]
    return sorted(found, key=lambda each: (differences.parse(each)[0] != name, each == name))


def difference(first: str, second: str) -> differences.Difference:
    """What differs between two datasets or versions, see :func:`brightfield.data.differences.between`.

    Raises:
        BrightfieldError: one of them is not here.
    """
    hashes = tuple(lineage.data_hash(layout.raw(differences.parse(each)[0])) for each in (first, second))
    return _difference(first, second, hashes)


@st.cache_data(max_entries=20, show_spinner="Comparing image by image")
def _difference(first: str, second: str, hashes: tuple[str | None, ...]) -> differences.Difference:
    return differences.between(first, second)


def _named(number: str, names: Sequence[str]) -> str:
    return names[int(number)] if number.isdigit() and int(number) < len(names) else f"class {number}"


def checks(found: dict[str, Any]) -> pd.DataFrame:
    """One row per check of an audit: name, outcome (ok, warning, problem), count, and examples as one text."""
    table = pd.DataFrame(found.get("checks", []), columns=list(CHECKS))
    return table.assign(examples=["; ".join(examples) for examples in table["examples"]])
