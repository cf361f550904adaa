"""Commands may change params.yaml, but never break it and never lose a comment."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny
from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.params import editing


def comments(path: Path) -> list[str]:
    return [line.split("#", 1)[1].strip() for line in path.read_text().splitlines() if "#" in line]


def test_an_entry_is_added_and_every_comment_stays(project: Path) -> None:
    before = comments(project / "params.yaml")
    editing.add_entry("datasets", "smears", {"task": "rbc", "kind": "classification"})
    assert params.load().datasets["smears"].task == "rbc"
    assert comments(project / "params.yaml") == before


def test_an_entry_that_is_there_is_not_replaced(project: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(BrightfieldError, match=r"datasets\.rbc already"):
        editing.add_entry("datasets", "rbc", {"task": "rbc", "kind": "classification"})
    assert (project / "params.yaml").read_bytes() == before


def test_a_change_that_would_not_be_valid_is_not_written(project: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(BrightfieldError, match=r"models\.rbc-convnet\.dataset: There is no dataset 'nothing'"):
        editing.set_values({"models.rbc-convnet.dataset": "nothing"})
    assert (project / "params.yaml").read_bytes() == before
    assert [path.name for path in project.iterdir()] == ["params.yaml"]


def test_the_projects_own_file_survives_a_round_trip_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((tiny.REPOSITORY / "params.yaml").read_bytes())
    editing.set_values({"evaluation.seed": 0}, path)
    assert path.read_text() == (tiny.REPOSITORY / "params.yaml").read_text()
