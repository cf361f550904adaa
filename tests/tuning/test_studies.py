"""What studies are asked."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

import studied
from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.tuning import storage, studies, trial_tables

pytestmark = pytest.mark.usefixtures("project")


def test_the_newest_study_comes_first_and_says_what_changed() -> None:
    first = studied.fill(studied.begin(studied.identity(data="a", space={"rate": 1})), 3)
    second = studied.begin(studied.identity(data="b", space={"rate": 1}))
    studied.begin(studied.identity("other"))
    studied.confirm(first, studied.identity(data="a", space={"rate": 1}), 0.05)  # a confirmation is no study of its own
    known = studies.of_model(studied.MODEL)
    assert [(each.name, each.trials, each.changed) for each in known] == [
        (second.study_name, 0, ("data",)),
        (first.study_name, 3, ()),
    ]
    assert studies.names() == sorted([studied.MODEL, "other"])
    assert studies.existing(studied.MODEL).study_name == second.study_name
    assert studies.existing(studied.MODEL, first.study_name).study_name == first.study_name


def test_optuna_knows_what_is_measured() -> None:
    assert studied.begin(studied.identity(), studied.TWO_AIMS).metric_names == [studied.METRIC, "milliseconds"]


def test_a_study_that_is_not_there() -> None:
    assert studies.names() == []
    assert studies.of_model("net") == []
    assert not layout.STUDIES.exists()  # asking writes nothing
    with pytest.raises(BrightfieldError, match="There is no study of 'net'; known: none"):
        studies.existing("net")
    name = studied.begin(studied.identity()).study_name
    with pytest.raises(BrightfieldError, match=f"no study 'x' of '{studied.MODEL}'; known: {name}"):
        studies.existing(studied.MODEL, "x")


def test_what_another_process_adds_is_seen_through_the_place_that_is_open() -> None:
    studied.begin(studied.identity())
    here = studies.here()
    assert studies.here() is here
    assert len(trial_tables.trials(studied.MODEL)) == 0
    other = optuna.load_study(study_name=studied.identity().study, storage=storage.place().storage)
    other.add_trial(studied.trial(0, [0.3]))
    assert len(trial_tables.trials(studied.MODEL)) == 1


def test_a_journal_that_was_replaced_is_opened_anew(project: Path) -> None:
    studied.fill(studied.begin(studied.identity()), 5)
    assert len(trial_tables.trials(studied.MODEL)) == 5
    (project / layout.JOURNAL).rename(project / "older.log")
    assert studies.names() == []
    studied.fill(studied.begin(studied.identity()), 3)
    assert len(trial_tables.trials(studied.MODEL)) == 3
