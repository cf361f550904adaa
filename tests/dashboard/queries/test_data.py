"""Audits as tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.system.files import write_json
from queries import data


@pytest.mark.usefixtures("project")
def test_a_row_a_dataset_that_is_prepared() -> None:
    table = data.datasets().set_index("dataset")
    assert list(table.index) == ["rbc", "beads"]
    assert table.loc["rbc", ["task", "images", "groups", "splits", "problems"]].tolist() == [
        "rbc",
        12,
        6,
        "train, validation, test",
        0,
    ]


@pytest.mark.usefixtures("empty")
def test_without_a_prepared_dataset_there_are_no_rows() -> None:
    assert data.datasets().empty
    assert "warnings" in data.datasets()
    assert data.audit("rbc") is None


def test_an_audit_without_checks_is_shown_as_far_as_it_goes(empty: Path) -> None:
    place = layout.prepared("rbc")
    place.mkdir(parents=True)
    counts = {"train": {"images": 3, "groups": 1}, "test": {"images": 1, "groups": 1}}
    write_json(place / "audit.json", {"problems": [], "warnings": ["w"], "counts": counts, "saturated": 0.0})
    found = data.audit("rbc")
    assert found is not None
    assert data.checks(found).empty
    assert data.splits("rbc", found)["images"].tolist() == [3, 1]
    assert data.datasets()["warnings"].tolist() == [1]
    (place / "audit.json").write_text("{", encoding="utf-8")
    with pytest.raises(BrightfieldError, match="cannot be read"):
        data.audit("rbc")
