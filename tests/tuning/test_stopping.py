"""The improvement that a further trial is expected to bring: much while a valley is unknown, little when it is known."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, create_trial

from brightfield.params import Search
from brightfield.tuning import stopping

SPACE = {"a": Search(low=0.0, high=1.0), "b": Search(low=1e-4, high=1.0, log=True)}
NAMED = {**SPACE, "kind": Search(choices=["plain", "deep"])}


def trials(places: list[tuple[float, float]], noise: float = 0.0, sign: float = 1.0) -> list[FrozenTrial]:
    """Of a parabola whose top, 1, is at a = 0.3, b = 0.01: the middle of its range on a logarithmic scale."""
    rng = np.random.default_rng(5)
    distributions: dict[str, BaseDistribution] = {
        "a": FloatDistribution(0, 1),
        "b": FloatDistribution(1e-4, 1, log=True),
    }
    found = []
    for a, b in places:
        height = 1 - (a - 0.3) ** 2 - (np.log10(b / 0.01) / 4) ** 2 + rng.normal(0, noise)
        found.append(create_trial(params={"a": a, "b": b}, distributions=distributions, value=sign * float(height)))
    return found


CORNER = [(0.7 + 0.03 * i, 10 ** (-0.5 + 0.04 * i)) for i in range(10)]
AROUND = [(a, b) for a in (0.1, 0.3, 0.5, 0.9) for b in (0.001, 0.01, 0.1, 0.5)]


def expected(found: list[FrozenTrial], noise: float = 0.01) -> float:
    value = stopping.expected_improvement(SPACE, found, "maximize", noise)
    assert value is not None
    return value


def test_before_there_are_enough_trials_nothing_is_said() -> None:
    assert stopping.expected_improvement(SPACE, trials(CORNER[:9]), "maximize", 0.01) is None


def test_an_unknown_valley_promises_more_than_a_known_one() -> None:
    assert expected(trials(CORNER)) > 5 * expected(trials(AROUND))
    assert expected(trials(AROUND, noise=0.01)) < 0.01  # less than another seed changes: stop


def test_errors_are_as_good_upside_down() -> None:
    upside_down = stopping.expected_improvement(SPACE, trials(AROUND, sign=-1), "minimize", 0.01)
    assert upside_down == pytest.approx(expected(trials(AROUND)), rel=1e-3)


def test_trials_that_are_all_alike_promise_nothing() -> None:
    alike = [create_trial(params=t.params, distributions=t.distributions, value=0.5) for t in trials(AROUND)]
    assert expected(alike) == 0


def test_names_and_what_a_trial_does_not_have() -> None:
    found = []
    for number, trial in enumerate(trials(AROUND)):
        kind = ("plain", "deep")[number % 2]
        own = {**trial.distributions, "kind": CategoricalDistribution(["plain", "deep"])}
        params = {**trial.params, "kind": kind}
        if kind == "plain":
            del own["b"], params["b"]
        found.append(create_trial(params=params, distributions=own, value=trial.value))
    value = stopping.expected_improvement(NAMED, found, "maximize", 0.01)
    assert value is not None
    assert 0 < value < 1


def test_what_is_said() -> None:
    said = stopping.said(0.0012, 0.0034, "mean_iou", 12, 30.0)
    assert said == (
        "a further trial is expected to improve mean_iou by 0.0012 at most, less than another seed changes it (0.0034): 12 trials "
        "are not made, which saves about 6 min"
    )
