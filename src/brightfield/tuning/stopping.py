"""When to stop: what a further trial is expected to gain, against what another seed changes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brightfield import params
from brightfield.metrics.declarations import Direction
from brightfield.params import spaces

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FEWEST = 10  # complete trials from which a prediction is made
CANDIDATES = 4096  # settings at random, of which the most promising counts
SEED = 0
UNTRIED = 0.5  # a parameter that a trial does not have


def expected_improvement(
    space: params.Space, trials: Sequence[FrozenTrial], direction: Direction, noise: float
) -> float | None:
    """The largest expected improvement that a further trial can bring, in units of the objective; None before it can be told.

    A Gaussian process with a Matern kernel (Snoek, Larochelle and Adams 2012, arXiv:1206.2944) learns the objective from complete
    trials. Since each value holds the luck of a seed, improvement is meant over the best mean of what was tried, not over the best
    value.

    Args:
        space: what is tried.
        trials: complete ones.
        direction: of the objective.
        noise: standard deviation of the objective over seeds.
    """
    if len(trials) < FEWEST:
        return None
    from scipy.stats import norm
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    values = np.array([trial.values[0] for trial in trials]) * (1 if direction == "maximize" else -1)
    spread = float(values.std())
    if spread == 0:
        return 0.0
    seen = np.array([_place(space, trial.params) for trial in trials])
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(np.full(seen.shape[1], 0.5), (0.05, 20.0), nu=2.5)
    process = GaussianProcessRegressor(
        kernel, alpha=max((noise / spread) ** 2, 1e-6), n_restarts_optimizer=2, random_state=SEED
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # a length at the end of its range: what is tried does not matter there
        process.fit(seen, (values - values.mean()) / spread)
    rng = np.random.default_rng(SEED)
    mean, deviation = process.predict(_anywhere(space, rng), return_std=True)
    over = mean - process.predict(seen).max()
    deviation = np.maximum(deviation, 1e-9)
    expected = over * norm.cdf(over / deviation) + deviation * norm.pdf(over / deviation)
    return float(expected.max() * spread)


def _place(space: params.Space, values: Mapping[str, Any]) -> list[float]:
    """Where a setting is in the unit cube: a number for each range, one for each choice."""
    place: list[float] = []
    for path, search in space.items():
        value = values.get(path)
        if search.choices is not None:
            place += [float(spaces.label(choice) == value and path in values) for choice in search.choices]
        elif value is None:
            place.append(UNTRIED)
        else:
            assert search.low is not None
            assert search.high is not None
            low, high, at = (math.log(v) if search.log else v for v in (search.low, search.high, value))
            place.append((at - low) / (high - low))
    return place


def _anywhere(space: params.Space, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    columns: list[npt.NDArray[np.float64]] = []
    for search in space.values():
        if search.choices is None:
            columns.append(rng.random((CANDIDATES, 1)))
        else:
            columns.append(np.eye(len(search.choices))[rng.integers(len(search.choices), size=CANDIDATES)])
    return np.hstack(columns)


def said(improvement: float, noise: float, metric: str, left: int, seconds: float) -> str:
    """Why a study stops, in words.

    Args:
        improvement: that a further trial is expected to bring.
        noise: of a seed.
        metric: the objective.
        left: trials that are not made.
        seconds: that one takes.
    """
    return (
        f"a further trial is expected to improve {metric} by {improvement:.2g} at most, less than another seed changes it "
        f"({noise:.2g}): {left} trials are not made, which saves about {max(1, round(left * seconds / 60))} min"
    )
