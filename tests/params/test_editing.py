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
    editing.add_entry("datasets", "smears", {"task": "rbc"})
    assert params.load().datasets["smears"].task == "rbc"
    assert comments(project / "params.yaml") == before


def test_an_entry_that_is_there_is_not_replaced(project: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(BrightfieldError, match=r"datasets\.rbc already"):
        editing.add_entry("datasets", "rbc", {"task": "rbc"})
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


def test_what_one_entry_takes_over_from_another_is_changed_in_the_one_alone(project: Path) -> None:
    before = params.load().models
    editing.set_values({"models.bacteria-species.training.learning_rate": 0.5})
    after = params.load().models
    rates = {name: model.training.learning_rate for name, model in after.items() if model.training}
    assert rates.pop("bacteria-species") == 0.5
    assert rates == {name: m.training.learning_rate for name, m in before.items() if m.training and name in rates}
    with_options = params.load_with("models", "bacteria-augmented", ["--training.learning_rate", "0.25"]).models
    assert [name for name, m in with_options.items() if m.training and m.training.learning_rate == 0.25] == [
        "bacteria-augmented"
    ]
