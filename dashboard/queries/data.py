"""The results of the stage `prepare` for each dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from brightfield import layout
from brightfield.data import coverage as coverage_of
from brightfield.errors import BrightfieldError
from queries import project

DATASETS = ("dataset", "task", "images", "groups", "splits", "classes", "problems", "warnings")
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


def _named(number: str, names: Sequence[str]) -> str:
    return names[int(number)] if number.isdigit() and int(number) < len(names) else f"class {number}"


def checks(found: dict[str, Any]) -> pd.DataFrame:
    """One row per check of an audit: name, outcome (ok, warning, problem), count, and examples as one text."""
    table = pd.DataFrame(found.get("checks", []), columns=list(CHECKS))
    return table.assign(examples=["; ".join(examples) for examples in table["examples"]])
