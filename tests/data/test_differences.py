"""What differs between two datasets, in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tiny
from brightfield import layout
from brightfield.data import differences, store
from brightfield.data.records import Record

pytestmark = pytest.mark.usefixtures("project")


def write(name: str, records: list[Record]) -> None:
    layout.raw(name).mkdir(parents=True, exist_ok=True)
    store.write_raw(layout.raw(name), records, {})


def test_each_change_of_the_truth_is_named() -> None:
    records = tiny.records("classification", 4)
    write("rbc", records)
    brighter = replace(records[1], image=np.where(np.arange(32)[:, None, None] == 0, 255, records[1].image))
    relabelled = replace(records[0], row={**records[0].row, "label": 1, "first_label": 0})
    write("other", [relabelled, brighter, records[2], replace(records[3], id="new", group="elsewhere")])
    found = differences.between("rbc", "other")
    assert (found.images, found.same) == ((4, 4), 1)
    rows = found.table.set_index("id")
    assert rows.loc[records[0].id, "what"] == "bad -> good"
    assert rows.loc[records[1].id, "what"].startswith("image: ")
    assert rows.loc[records[1].id, "what"].endswith(" of 3072 values differ")
    assert rows.loc[records[3].id, "difference"] == "only in the first"
    assert rows.loc["new", "difference"] == "only in the second"
    assert rows.loc["new", "group"] == "elsewhere"
    assert str(found).startswith("rbc: 4 images, other: 4; 1 the same, 2 changed, 1 only in the first, 1 only in")


def test_the_same_dataset_has_no_difference() -> None:
    records = [replace(record, row={**record.row, "kind": np.nan}) for record in tiny.records("tracking", 3)]
    write("a", records)
    write("b", records)
    found = differences.between("a", "b")
    assert found.same == 3
    assert found.table.empty
    assert str(found) == "a: 3 images, b: 3; 3 the same."


def test_positions_more_fewer_and_moved() -> None:
    image = np.zeros((9, 9), np.uint8)

    def frame(name: str, *positions: tuple[float, float]) -> Record:
        return Record(name, "g", image, {"positions": np.array(positions, float).reshape(-1, 2)}, {"focus_um": 1.0})

    write("a", [frame("x", (1, 1)), frame("y", (1, 1))])
    write("b", [frame("x", (1, 1), (2, 2)), replace(frame("y", (1, 2)), group="h", row={"focus_um": 2.0})])
    rows = differences.between("a", "b").table.set_index("id")["what"]
    assert rows["x"] == "positions: 1 x 2 -> 2 x 2"
    assert rows["y"] == "group g -> h; positions: 1 of 2 values differ; focus_um 1 -> 2"
