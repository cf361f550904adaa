"""Exchanges of whole groups: exact where they are few, and small by chance as often as they say."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from brightfield.evaluation import permutation
from brightfield.evaluation.permutation import p_values
from brightfield.metrics import Arrays, Real, Weights, classification, mean, paired_tests, ratio, total


def pooled(columns: Arrays, weights: Weights) -> dict[str, Real]:
    """A mean, and a ratio of sums."""
    return {
        "mean": mean(columns["x"], weights),
        "ratio": ratio(total(columns["x"], weights), total(columns["n"], weights)),
    }


def tables(seed: int, images: int, gain: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    return tuple(  # type: ignore[return-value]
        pd.DataFrame({"x": rng.normal(own, 1, images), "n": rng.integers(1, 9, images)}) for own in (0.0, gain)
    )


def test_few_groups_are_exchanged_in_all_ways() -> None:
    """Against a loop over the definition."""
    (a, b), groups = tables(1, 12, gain=0.6), np.arange(12) // 2
    found = p_values(a, b, groups, pooled, ["mean", "ratio"], permutations=64, seed=0)
    observed = {"mean": (b.x - a.x).mean(), "ratio": b.x.sum() / b.n.sum() - a.x.sum() / a.n.sum()}
    extreme = dict.fromkeys(observed, 0)
    for ways in product([False, True], repeat=6):
        swapped = np.array(ways)[groups]
        one, other = (pd.concat([x[~swapped], y[swapped]]) for x, y in ((a, b), (b, a)))
        difference = {
            "mean": other.x.mean() - one.x.mean(),
            "ratio": other.x.sum() / other.n.sum() - one.x.sum() / one.n.sum(),
        }
        for name, value in difference.items():
            extreme[name] += abs(value) >= abs(observed[name]) - 1e-12
    assert found == pytest.approx({name: count / 64 for name, count in extreme.items()})
    assert found["mean"] >= 2 / 64  # as they are, and all exchanged


def test_of_single_images_a_share_of_correct_answers_is_mcnemars() -> None:
    rng = np.random.default_rng(2)
    a, b = ((rng.random(10) < share).astype(float) for share in (0.3, 0.8))
    own = [pd.DataFrame({"x": each, "n": 1.0}) for each in (a, b)]
    (found,) = p_values(*own, range(10), pooled, ["mean"], permutations=1024, seed=0).values()
    assert found == pytest.approx(paired_tests.mcnemar(a, b))


def test_of_many_groups_some_exchanges_are_drawn() -> None:
    a, b = tables(3, 40, gain=0.35)
    exact = stats.permutation_test(
        ((b.x - a.x).to_numpy(),), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    ).pvalue
    found = p_values(a, b, range(40), pooled, ["mean"], permutations=4000, seed=0)["mean"]
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact / 4000) + 1e-3)
    assert found == p_values(a, b, range(40), pooled, ["mean"], permutations=4000, seed=0)["mean"]
    assert found != p_values(a, b, range(40), pooled, ["mean"], permutations=4000, seed=1)["mean"]


def test_the_answers_as_they_are_count_as_an_exchange() -> None:
    a, b = tables(4, 30, gain=50)
    assert p_values(a, b, range(30), pooled, ["mean"], permutations=99, seed=0)["mean"] == pytest.approx(0.01)


def test_how_many_are_computed_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = tables(5, 20, gain=0.5)
    for groups in (np.arange(20), np.arange(20) // 4):
        found = p_values(a, b, groups, pooled, ["mean"], permutations=300, seed=0)
        monkeypatch.setattr(permutation, "AT_ONCE", 200)
        assert p_values(a, b, groups, pooled, ["mean"], permutations=300, seed=0) == found


def test_equal_answers_have_p_1() -> None:
    a, _ = tables(6, 20)
    assert p_values(a, a, range(20), pooled, ["mean", "ratio"], permutations=100, seed=0) == {"mean": 1, "ratio": 1}


def test_one_group_and_what_is_not_defined_are_nan() -> None:
    a, b = tables(7, 6)
    assert math.isnan(p_values(a, b, ["g"] * 6, pooled, ["mean"], permutations=100, seed=0)["mean"])
    a.loc[0, "x"] = math.nan
    assert math.isnan(p_values(a, b, range(6), pooled, ["mean"], permutations=100, seed=0)["mean"])


def test_an_exchange_for_which_a_metric_is_not_defined_speaks_for_nobody() -> None:
    """The AUC of one class: the truth is that of the images, but the counts of a metric may vanish."""
    a, b = (pd.DataFrame({"x": x, "n": n}) for x, n in (([1.0, 1.0], [1, 0]), ([3.0, 3.0], [0, 1])))
    # as they are: 2 / 1 and 6 / 1; with one of two exchanged a sum of n is 0
    assert p_values(a, b, range(2), pooled, ["ratio"], permutations=4, seed=0)["ratio"] == 1


@pytest.mark.parametrize("groups", [7, 25])
def test_equal_models_are_told_apart_by_chance_once_in_twenty_times(groups: int) -> None:
    """Pooled counts of images of unlike size, alike within a group; also of AUCs."""
    rng, experiments = np.random.default_rng(groups), 400
    group = np.repeat(np.arange(groups), 6)
    small = {"ratio": 0, "auc": 0}
    for experiment in range(experiments):
        n = rng.integers(1, 9, len(group))
        light = rng.normal(0, 1, groups)[group]
        truth = (rng.random(len(group)) < 0.4).astype(float)
        own = [
            pd.DataFrame(
                {
                    "x": n * (light + rng.normal(0, 1, groups)[group]) + rng.normal(0, 1, len(group)),
                    "n": n,
                    "probability": truth + rng.normal(0, 0.7, groups)[group] + rng.normal(0, 1, len(group)),
                    "truth": truth,
                }
            )
            for _ in range(2)
        ]

        def both(columns: Arrays, weights: Weights) -> dict[str, Real]:
            return {"ratio": pooled(columns, weights)["ratio"], "auc": classification.auc(columns, weights)}

        found = p_values(*own, group, both, list(small), permutations=199, seed=experiment)
        for name, p in found.items():
            small[name] += p <= 0.05
    least, most = stats.binom.ppf([0.001, 0.999], experiments, 0.05)
    assert least * 0.5 <= min(small.values())  # with 7 groups the steps of p are 1/64: 0.047 is the level
    assert max(small.values()) <= most
