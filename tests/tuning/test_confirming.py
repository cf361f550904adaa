"""What training again says: hand-computed contrasts, intervals that hold together, and studies on noise alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial
from scipy import stats

from brightfield.tuning import confirming, racing, studies, workers
from brightfield.tuning.racing import Race

NOTHING = float("nan")


def scores(rows: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index")


def test_one_setting_against_the_entry_is_a_paired_t_test() -> None:
    """With two rows, a block design without interaction is the paired t test."""
    a, b = np.array([0.70, 0.74, 0.69]), np.array([0.73, 0.78, 0.71])
    (gain,) = confirming.gains(scores({"0": list(a), "4": list(b)}), "0", 0.95)
    difference = b - a  # 0.03, 0.04, 0.02
    assert gain.value == pytest.approx(0.03)
    reach = stats.t.ppf(0.975, 2) * difference.std(ddof=1) / np.sqrt(3)
    assert gain.high - gain.value == pytest.approx(reach, rel=0.02)  # its bound is simulated
    assert gain.value - gain.low == pytest.approx(reach, rel=0.02)
    assert gain.trainings == 3


def test_several_settings_have_the_bound_of_dunnett() -> None:
    """Five settings and a standard on three splits: 10 degrees of freedom, and the largest of five correlated |t|."""
    rng = np.random.default_rng(3)
    table = scores({str(i): list(rng.normal(0.7, 0.01, 3)) for i in range(6)})
    found = confirming.gains(table, "0", 0.95)
    residual = table.sub(table.mean(axis=1), axis=0).sub(table.mean(axis=0) - table.to_numpy().mean(), axis=1)
    deviation = np.sqrt((residual.to_numpy() ** 2).sum() / 10)
    bound = (found[0].high - found[0].value) / (deviation * np.sqrt(2 / 3))
    # all differences have the standard in common, so any two of them correlate by a half
    alike = stats.multivariate_t(shape=np.full((5, 5), 0.5) + 0.5 * np.eye(5), df=10, seed=0)
    assert alike.cdf([bound] * 5, lower_limit=[-bound] * 5) == pytest.approx(0.95, abs=0.002)


def test_a_setting_that_was_given_up_counts_with_what_it_has() -> None:
    full = {"0": [0.70, 0.80, 0.75], "1": [0.72, 0.82, 0.77], "2": [0.60, NOTHING, NOTHING]}
    found = {gain.name: gain for gain in confirming.gains(scores(full), "0", 0.95)}
    assert found["1"].value == pytest.approx(0.02)
    assert found["2"].value == pytest.approx(-0.10)  # on the first split; the others had other splits
    assert found["2"].trainings == 1
    result = confirming.judge(scores(full), "0", {"0": 0.7, "1": 0.76, "2": 0.9}, "mean_iou", "maximize", 0.95)
    assert result.best == "1"
    assert result.promised == pytest.approx(0.06)
    assert result.flattered == pytest.approx(0.04)
    assert result.trainings == 7


def test_the_direction_of_errors() -> None:
    """Of errors the smaller is better: 0.30 px against 0.40 px, on every split alike but for a little."""
    rows = {"0": [0.40, 0.42, 0.41], "3": [0.301, 0.319, 0.31], "5": [0.40, 0.43, 0.40]}
    result = confirming.judge(scores(rows), "0", {"0": 0.4, "3": 0.25, "5": 0.3}, "capped_error_px", "minimize", 0.95)
    assert result.best == "3"
    assert result.better
    assert result.flattered == pytest.approx(0.05, abs=0.001)  # 0.15 promised, 0.10 found
    assert not confirming.judge(scores(rows), "0", {"0": 0.4, "3": 0.25, "5": 0.3}, "auc", "maximize", 0.95).better


def test_without_a_second_training_nothing_is_claimed() -> None:
    rows = {"0": [0.70], "1": [0.90]}
    result = confirming.judge(scores(rows), "0", {"0": 0.7, "1": 0.9}, "auc", "maximize", 0.95)
    assert not result.better
    assert np.isnan(result.gains[0].low)
    nobody = confirming.judge(scores({"0": [0.7, 0.7, 0.7]}), "0", {"0": 0.7}, "auc", "maximize", 0.95)
    assert nobody.best is None
    assert not nobody.better


def test_an_entry_that_comes_to_nothing_is_compared_with_nothing() -> None:
    failed = confirming.judge(scores({"1": [0.9, 0.9, 0.9]}), "0", {"1": 0.9}, "auc", "maximize", 0.95)
    assert (failed.best, failed.better, list(failed.gains)) == (None, False, [])
    only_searched = {"0": [0.70, 0.71, 0.72], "1": [0.80, 0.82, 0.81]}
    found = confirming.judge(scores(only_searched), "0", {"1": 0.9}, "auc", "maximize", 0.95)
    assert found.better
    assert np.isnan(found.promised)


# --- on noise alone -------------------------------------------------------------------------------------------------

GROUPS = 14
OF_A_SEED, OF_A_SPLIT, OF_A_GROUP = 1.0, 3.0, 2.0  # deviations


class NoRun:
    """An MLflow run that nobody looks at."""

    def __enter__(self) -> NoRun:
        return self

    def log_metrics(self, *_: Any) -> None:
        """Nothing."""


class NoMirror:
    def child(self, *_: Any) -> NoRun:
        return NoRun()

    def end(self, *_: Any) -> None:
        """Nothing."""


class OnNoise(Race):
    """A race of settings that are equally good: what comes out is the luck of the seed, the split and its groups."""

    def __init__(self, place: Any, search: Any, study: Any, seed: int, worth: dict[int, float]) -> None:
        super().__init__(None, place, search, study, NoMirror())  # type: ignore[arg-type]
        self.seed, self.worth = seed, worth

    def entry(self, trial: Any) -> Any:
        return None

    def _block(self, trial: Any, entry: Any, number: int, run: Any) -> float:
        del entry
        of_split = np.random.default_rng((self.seed, number))
        groups = of_split.normal(OF_A_SPLIT * of_split.normal(), OF_A_GROUP, GROUPS)
        own = np.random.default_rng((self.seed, number, trial.number))
        groups = groups + own.normal(0, OF_A_SEED) + own.normal(0, 0.5 * OF_A_SEED, GROUPS)
        groups = groups + self.worth.get(trial.user_attrs[racing.OF], 0.0)
        known = {"value": float(groups.mean()), "groups": list(groups), studies.FINGERPRINT: f"{number} {trial.number}"}
        trial.set_user_attr(f"{racing.BLOCK}{number}", known)
        return self._compared(trial, known, number, run)


def study_on_noise(seed: int, worth: float = 0.0, found: int = 20) -> confirming.Confirmed:
    """A search of twenty settings, of which all are worth the same but the sixth; its best five, trained again."""
    rng = np.random.default_rng((seed, 99))
    search = optuna.create_study(direction="maximize")
    real = {6: worth}
    for number in range(found):
        value = float(rng.normal(0, OF_A_SEED) + real.get(number, 0.0))
        distribution = {"training.learning_rate": FloatDistribution(0, 1)}
        attributes = {studies.AS_IT_IS: True} if number == 0 else {}
        params = {"training.learning_rate": float(rng.random())}
        search.add_trial(create_trial(params=params, distributions=distribution, value=value, user_attrs=attributes))
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.WilcoxonPruner(p_threshold=confirming.GIVEN_UP_BELOW)
    )
    Race.line_up(search, study, confirming.MOST)
    place = NobodyElse(study._storage)
    race = OnNoise(place, search, study, seed, real)
    workers.work(place, study, race, lambda: not study.get_trials(False, (TrialState.WAITING,)), lambda: None)  # type: ignore[arg-type]
    return confirming.judge(racing.scores(study), "0", racing.searched(search), "psnr_db", "maximize", 0.95)


class NobodyElse:
    """Claims of the only worker."""

    def __init__(self, storage: Any) -> None:
        self.storage, self.claims = storage, self

    def turn(self, name: str) -> Any:
        import contextlib

        return contextlib.nullcontext(name)

    def take(self, name: str) -> bool:
        return bool(name)

    def held(self, name: str) -> bool:
        return bool(name)

    def release(self, name: str) -> None:
        """Nothing."""


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_of_a_hundred_studies_on_noise_at_most_five_are_adopted() -> None:
    """All settings are equally good; the search promises a gain each time."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = [study_on_noise(seed) for seed in range(100)]
    assert sum(result.better for result in found) <= 5
    assert np.nanmean([result.promised for result in found]) > 1.0  # deviations of a seed: the largest of many is luck
    # the best of five that were trained again is lucky as well, but less
    assert 0.2 < np.nanmean([result.flattered for result in found]) < 1.0


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_setting_that_is_better_is_adopted() -> None:
    """Five deviations of a seed better: nine of ten studies find it, and say so."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = [study_on_noise(seed, worth=5.0) for seed in range(30)]
    assert sum(result.better and result.best == "6" for result in found) >= 27
