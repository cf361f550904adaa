"""The file with what is guaranteed: what is written is read, and what is damaged is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brightfield.errors import BrightfieldError
from brightfield.inference.guarantees import Guarantees, Limit

INTERVAL = {"value": 0.9, "low": 0.8, "high": None}
MEASURED = {"test": {"count": {"coverage": INTERVAL, "size": INTERVAL, "groups": 3, "objects": 9}}}
LIMITS = {"count": Limit(0.25, "groups", 11, 11), "outline": Limit(None, "objects", 2, 5)}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = Guarantees(0.9, LIMITS, MEASURED, "abc")
    made.write(tmp_path / "guarantees.json")
    assert Guarantees.read(tmp_path / "guarantees.json") == made
    assert made.known == {"count": 0.25}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("coverage",), 1.5, "a coverage lies between 0 and 1, got 1.5"),
        (("coverage",), None, "damaged"),
        (("limits", "count", "value"), -1, "a limit is a number of at least 0, got -1.0 for count"),
        (("limits", "count", "value"), "far", "could not convert"),
        (("limits", "count", "over"), "images", "over groups or objects, got 'images' for count"),
        (("limits", "count", "groups"), None, "damaged"),
        (("measured", "test", "count", "coverage", "value"), 2, "got 2 for count"),
        (("limits", "count", "groups"), float("inf"), "damaged"),
        (("limits",), {}, "'count' was measured and has no limit"),
        (("measured", "test", "count", "size"), {}, "'value' is missing"),
        (("measured", "test", "count", "size", "value"), -2, "a mean size is at least 0, got -2 for count"),
        (("measured", "test", "count", "objects"), "x", "measured on 'x' objects"),
        (("limits",), [], "damaged"),
        (("measured", "test"), 3, "damaged"),
    ],
)
def test_what_is_damaged_is_refused_in_a_line(tmp_path: Path, place: tuple[str, ...], value: Any, message: str) -> None:
    path = tmp_path / "guarantees.json"
    Guarantees(0.9, LIMITS, MEASURED, "abc").write(path)
    content = json.loads(path.read_text())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(BrightfieldError, match=message) as caught:
        Guarantees.read(path)
    assert "\n" not in str(caught.value)
    assert "guarantees.json is damaged" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "guarantees.json").write_text(text)
    with pytest.raises(BrightfieldError, match=r"guarantees.json .* Make it again: `dvc repro`."):
        Guarantees.read(tmp_path / "guarantees.json")
