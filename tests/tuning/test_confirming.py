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
    (gain,) = confirming.gains(scores({"0": list(a), "4": list(b)}), "0", 0.95, most=3)
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
    found = confirming.gains(table, "0", 0.95, most=3)
    residual = table.sub(table.mean(axis=1), axis=0).sub(table.mean(axis=0) - table.to_numpy().mean(), axis=1)
    deviation = np.sqrt((residual.to_numpy() ** 2).sum() / 10)
    bound = (found[0].high - found[0].value) / (deviation * np.sqrt(2 / 3))
    # all differences have the standard in common, so any two of them correlate by a half
    alike = stats.multivariate_t(shape=np.full((5, 5), 0.5) + 0.5 * np.eye(5), df=10, seed=0)
    assert alike.cdf([bound] * 5) == pytest.approx(0.975, abs=0.002)


def test_an_early_look_has_a_part_of_the_error_and_a_wider_interval() -> None:
    """After 3 of 8 splits: 0.05 * ln(1 + (e - 1) * 3 / 8) = 0.02487 of 0.05."""
    a, b = np.array([0.70, 0.74, 0.69]), np.array([0.73, 0.78, 0.71])
    (gain,) = confirming.gains(scores({"0": list(a), "4": list(b)}), "0", 0.95)
    reach = stats.t.ppf(1 - 0.02487 / 2, 2) * (b - a).std(ddof=1) / np.sqrt(3)
    assert gain.high - gain.value == pytest.approx(reach, rel=0.03)


def test_looking_again_and_again_finds_no_more_by_chance() -> None:
    """Two settings alike, with a look after each split from the third to the eighth: one of twenty finds a difference at any."""
    found_at_once, found_at_any = 0, 0
    for seed in range(400):
        table = scores({name: list(np.random.default_rng((seed, i)).normal(0, 1, 8)) for i, name in enumerate("01")})
        looks = [confirming.gains(table.iloc[:, :count], "0", 0.95)[0] for count in range(3, 9)]
        found = [look.low > 0 or look.high < 0 for look in looks]
        found_at_any += any(found)
        differences = (table.loc["1"] - table.loc["0"]).to_numpy()
        naive = [abs(stats.ttest_1samp(differences[:count], 0).pvalue) < 0.05 for count in range(3, 9)]
        found_at_once += any(naive)
    assert found_at_any / 400 == pytest.approx(0.05, abs=0.025)
    assert found_at_once / 400 > 0.08  # as a test at each look that knows nothing of the others would


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

    def _trained(self, trial: Any, entry: Any, number: int) -> dict[str, Any]:
        del entry
        of = trial.user_attrs[racing.OF]
        of_split = np.random.default_rng((self.seed, number))
        groups = of_split.normal(OF_A_SPLIT * of_split.normal(), OF_A_GROUP, GROUPS)
        own = np.random.default_rng((self.seed, number, of, 1))
        groups = groups + own.normal(0, OF_A_SEED) + own.normal(0, 0.5 * OF_A_SEED, GROUPS) + self.worth.get(of, 0.0)
        return {"value": float(groups.mean()), "groups": list(groups), studies.FINGERPRINT: f"{number} {of}"}


def study_on_noise(
    seed: int, worth: float = 0.0, found: int = 20, most: int = confirming.MOST, goes_on: bool = True
) -> confirming.Confirmed:
    """A search of twenty settings, of which all are worth the same but the sixth; its best, trained again.

    Args:
        seed: of all noise.
        worth: of the sixth, in deviations of a seed.
        found: number of settings.
        most: of them that are trained again.
        goes_on: whether there is time for further splits.
    """
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
    Race.line_up(search, study, most)
    place = NobodyElse(study._storage)
    race = OnNoise(place, search, study, seed, real)  # type: ignore[arg-type]

    def judged() -> confirming.Confirmed:
        return confirming.judge(racing.scores(study), "0", racing.searched(search), "psnr_db", "maximize", 0.95)

    def enough() -> bool:
        if study.get_trials(False, (TrialState.WAITING,)):
            return False
        return not racing.prolonged(place, search, study, judged, lambda _: goes_on)  # type: ignore[arg-type]

    workers.work(place, study, race, enough, lambda: None)  # type: ignore[arg-type]
    return judged()


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
    # the best of five that were trained again is lucky as well, but less, and further splits leave it little of that
    whole = [each for each in found if each.best is not None]  # else all were given up
    promised, flattered = (np.mean([getattr(each, name) for each in whole]) for name in ("promised", "flattered"))
    assert 0.6 * promised < flattered < promised


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_setting_that_is_better_is_adopted_and_further_splits_prove_a_smaller_gain() -> None:
    """Three deviations of a seed better: with further splits nine of ten studies find it and say so, on three splits half."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = {goes_on: [study_on_noise(seed, 3.0, goes_on=goes_on) for seed in range(30)] for goes_on in (False, True)}
    right = {goes_on: sum(each.better and each.best == "6" for each in all_of) for goes_on, all_of in found.items()}
    assert right[True] >= 27
    assert 8 <= right[False] <= 22
    assert max(each.splits for each in found[False]) == confirming.BLOCKS
    proved_later = [each for each in found[True] if each.better and each.splits > confirming.BLOCKS]
    assert proved_later
    for each in proved_later:
        # the entry, four others that were given up after two splits at the earliest, and the best
        assert each.trainings >= 2 * each.splits + 4 * confirming.FEWEST
        gain = each.gain
        assert gain is not None
        assert gain.trainings == each.splits


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_confirmation_goes_on_where_it_ended_for_want_of_time_and_ends_with_the_eighth_split() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ends = [study_on_noise(seed, 1.0) for seed in range(20)]
    assert max(each.splits for each in ends) == confirming.MOST_BLOCKS
    for each in ends:
        assert not each.is_open  # proved, no better than the entry, or at the last split
