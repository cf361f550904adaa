"""Audits as tables."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import tiny
from brightfield import layout
from brightfield.data import store, versions
from brightfield.errors import BrightfieldError
from brightfield.system import versioning
from brightfield.system.files import write_json
from queries import closeup, data


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


@pytest.mark.usefixtures("answered")
def test_the_map_of_a_dataset_and_the_image_of_a_point() -> None:
    table = data.embedding("bacteria")
    assert len(table) == 18
    row = table.iloc[3]
    (pane,) = closeup.of_data("bacteria", row["split"], row["id"])
    assert pane.instances is not None
    assert set(pane.verdicts[1:]) == {"right"}
    with pytest.raises(BrightfieldError, match="not in bacteria any more"):
        closeup.of_data("bacteria", "test", "stranger")


@pytest.mark.usefixtures("answered")
def test_a_contact_sheet_is_drawn_where_there_are_images() -> None:
    sheet = data.gallery("bacteria")
    assert sheet is not None
    assert sheet.startswith(b"\x89PNG")
    assert data.gallery("beads") is None


def test_versions_and_what_can_be_compared(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versioning, "track", lambda folder: versioning.pointer_of(folder).write_text(pointer(folder)))
    for count in (3, 4):
        versions.add(
            "rbc",
            lambda folder, count=count: store.write_raw(folder, tiny.records("classification", count), {}),
            who="Anna",
            why="so",
            corrections={"a": []},
        )
    table = data.history("rbc")
    assert table["version"].tolist() == [2, 1]
    assert table["in use"].tolist() == ["\u2713", ""]
    assert table["by"].tolist() == ["Anna", "Anna"]
    assert data.comparable("rbc") == ["rbc@1", "rbc@2", "rbc"]
    assert data.history("beads").empty
    assert data.comparable("beads") == []
    assert data.difference("rbc", "rbc").same == 4


def pointer(folder: Path) -> str:
    """What DVC would write, with a hash of the index alone."""
    found = hashlib.md5((folder / layout.INDEX).read_bytes(), usedforsecurity=False).hexdigest()
    return f"outs:\n- md5: {found}.dir\n  path: {folder.name}\n"
