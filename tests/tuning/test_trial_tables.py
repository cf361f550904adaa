"""What is told of trials: rows, workers, epochs that were saved, importances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

import studied
from brightfield.tuning import trial_tables

pytestmark = pytest.mark.usefixtures("project")


def test_a_row_says_how_a_trial_ended() -> None:
    table = trial_tables.table(studied.fill(studied.begin(studied.identity()))).set_index("number")
    assert table["state"].value_counts().to_dict() == {"complete": 14, "pruned": 8, "failed": 1, "running": 1}
    assert table.loc[4, "reason"] == studied.REASON
    assert table.loc[7, "reason"] == studied.TOO_SLOW
    assert list(table.loc[[0, 9], "note"]) == ["the entry as it is", "as trial 3"]
    assert table.loc[2, ["state", "value", "epochs", "duration_s"]].tolist() == ["pruned", 0.5, 3, 20.0]
    assert table.loc[23, "epochs"] == 4
    assert table.loc[23, ["duration_s", "ended"]].isna().all()
    assert table.loc[0, "started"] == studied.BEGUN.astimezone(UTC)
    assert trial_tables.parameters(table.reset_index()) == list(studied.SPACE)
    of_turns = table["training.augment"] == "turns"
    assert (table["training.turn_degrees"].notna() == of_turns).all()


def test_an_empty_study_has_all_columns() -> None:
    table = trial_tables.table(studied.begin(studied.identity()))
    assert list(table) == list(trial_tables.COLUMNS)
    assert table.empty


def test_epochs_saved_are_counted_by_what_saved_them() -> None:
    # 13 complete trials of 10 epochs, 7 given up after 3, a failed one of 2, a running one of 4; 7 had 7 epochs left
    study = studied.fill(studied.begin(studied.identity()))
    assert trial_tables.epochs(study) == trial_tables.Epochs(
        157, saved_by_pruning=49, saved_by_bounds=10, saved_by_repeats=10
    )


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
    assert trial_tables.epochs(study) == trial_tables.Epochs(2, 28, 0, 0)


def test_there_are_no_epochs_of_baselines_and_of_fronts() -> None:
    assert trial_tables.epochs(studied.begin(studied.identity(epochs=None))) is None
    assert trial_tables.epochs(studied.begin(studied.identity(), studied.TWO_AIMS)) is None


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
    table = trial_tables.workers(_moments((0, 10), (1, 5), (5, 9), (9, None), (20, 30)), now)
    assert list(table["worker"]) == [1, 2, 2, 2, 1]
    assert table["ended"].iloc[3] == now


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_importance_is_of_reaching_the_good_values(direction: str) -> None:
    study = studied.begin(studied.identity(), {studied.METRIC: direction})
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
    found = trial_tables.importances(study)
    assert list(found) == ["x", "y"]
    assert found["x"] > 0.8


def test_importances_wait_for_trials_that_differ() -> None:
    study = studied.begin(studied.identity())
    for number in range(3):
        study.add_trial(studied.trial(number, [0.3]))
    assert trial_tables.importances(study) == {}
