"""What studies are asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

import studied
from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.tuning import storage, studies

pytestmark = pytest.mark.usefixtures("project")


def test_a_row_says_how_a_trial_ended() -> None:
    table = studies.table(studied.fill(studied.begin(studied.identity()))).set_index("number")
    assert table["state"].value_counts().to_dict() == {"complete": 14, "pruned": 8, "failed": 1, "running": 1}
    assert table.loc[4, "reason"] == studied.REASON
    assert table.loc[7, "reason"] == studied.TOO_SLOW
    assert list(table.loc[[0, 9], "note"]) == ["the entry as it is", "as trial 3"]
    assert table.loc[2, ["state", "value", "epochs", "duration_s"]].tolist() == ["pruned", 0.5, 3, 20.0]
    assert table.loc[23, "epochs"] == 4
    assert table.loc[23, ["duration_s", "ended"]].isna().all()
    assert table.loc[0, "started"] == studied.BEGUN.astimezone(UTC)
    assert studies.parameters(table.reset_index()) == list(studied.SPACE)
    of_turns = table["training.augment"] == "turns"
    assert (table["training.turn_degrees"].notna() == of_turns).all()


def test_an_empty_study_has_all_columns() -> None:
    table = studies.table(studied.begin(studied.identity()))
    assert list(table) == list(studies.COLUMNS)
    assert table.empty


def test_epochs_saved_are_counted_by_what_saved_them() -> None:
    # 13 complete trials of 10 epochs, 7 given up after 3, a failed one of 2, a running one of 4; 7 had 7 epochs left
    study = studied.fill(studied.begin(studied.identity()))
    assert studies.epochs(study) == studies.Epochs(157, saved_by_pruning=49, saved_by_bounds=10, saved_by_repeats=10)


def test_a_trial_that_drew_its_epochs_saves_the_rest_of_those() -> None:
    study = studied.begin(studied.identity(epochs=10))
    distributions = {"training.epochs": optuna.distributions.IntDistribution(10, 40)}
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.PRUNED,
            params={"training.epochs": 30},
            distributions=distributions,
            intermediate_values={1: 0.5, 2: 0.4},
        )
    )
    assert studies.epochs(study) == studies.Epochs(2, 28, 0, 0)


def test_there_are_no_epochs_of_baselines_and_of_fronts() -> None:
    assert studies.epochs(studied.begin(studied.identity(epochs=None))) is None
    assert studies.epochs(studied.begin(studied.identity(), ["minimize", "minimize"])) is None


def _moments(*spans: tuple[int, int | None]) -> pd.DataFrame:
    zero = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {
            "number": number,
            "state": "complete",
            "started": zero + timedelta(seconds=start),
            "ended": None if end is None else zero + timedelta(seconds=end),
        }
        for number, (start, end) in enumerate(spans)
    ]
    return pd.DataFrame(rows)


def test_trials_that_overlap_have_different_workers() -> None:
    now = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    table = studies.workers(_moments((0, 10), (1, 5), (5, 9), (9, None), (20, 30)), now)
    assert list(table["worker"]) == [1, 2, 2, 2, 1]
    assert table["ended"].iloc[3] == now


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_importance_is_of_reaching_the_good_values(direction: str) -> None:
    study = studied.begin(studied.identity(), [direction])
    sign = 1 if direction == "minimize" else -1
    for number in range(60):
        x, y = (number * 7 % 60) / 60, (number * 11 % 60) / 60
        error = abs(x - 0.5) if x > 0.4 and x < 0.6 else 1 + y  # only near x = 0.5 it is good; else y decides
        study.add_trial(
            optuna.trial.create_trial(
                value=sign * error,
                params={"x": x, "y": y},
                distributions=dict.fromkeys("xy", optuna.distributions.FloatDistribution(0, 1)),
            )
        )
    found = studies.importances(study)
    assert list(found) == ["x", "y"]
    assert found["x"] > 0.8


def test_importances_wait_for_trials_that_differ() -> None:
    study = studied.begin(studied.identity())
    for number in range(3):
        study.add_trial(studied.trial(number, [0.3]))
    assert studies.importances(study) == {}


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
    assert len(studies.trials(studied.MODEL)) == 0
    other = optuna.load_study(study_name=studied.identity().study, storage=storage.place().storage)
    other.add_trial(studied.trial(0, [0.3]))
    assert len(studies.trials(studied.MODEL)) == 1


def test_a_journal_that_was_replaced_is_opened_anew(project: Path) -> None:
    studied.fill(studied.begin(studied.identity()), 5)
    assert len(studies.trials(studied.MODEL)) == 5
    (project / layout.JOURNAL).rename(project / "older.log")
    assert studies.names() == []
    studied.fill(studied.begin(studied.identity()), 3)
    assert len(studies.trials(studied.MODEL)) == 3
