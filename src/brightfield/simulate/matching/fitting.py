"""Search for the parameters of a simulation that cannot be measured on frames, by the similarity of the images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from brightfield.system import progress

Values = Mapping[str, float]

EXPLORED = 10  # number of first trials drawn at random before the Gaussian process chooses; at most half of all


@dataclass(frozen=True)
class SearchDimension:
    """The range of a parameter, on a logarithmic scale if ``log``."""

    low: float
    high: float
    log: bool = True

    def at(self, share: float) -> float:
        """The value at a fraction of the range, 0 to 1."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return float(self.low + (self.high - self.low) * share)


def search(
    dimensions: Mapping[str, SearchDimension],
    objective: Callable[[Values], float],
    trials: int,
    seed: int,
    description: str,
) -> tuple[dict[str, float], float]:
    """The best values and their objective, by Bayesian optimisation with a Gaussian process (Optuna's ``GPSampler``).

    Args:
        dimensions: the ranges of the parameters; the middle of every range is tried first.
        objective: the function to minimise, without noise.
        trials: number of trials.
        seed: seed of the search.
        description: text of the progress bar.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)
        for name, dimension in dimensions.items()
    }
    explored = max(1, min(EXPLORED, trials // 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of GPSampler's options
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=explored, deterministic_objective=True)
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial({name: dimension.at(0.5) for name, dimension in dimensions.items()})
    for _ in progress.track(range(trials if dimensions else 1), description, unit="simulation"):
        trial = study.ask(space)
        study.tell(trial, objective(trial.params))
    return dict(study.best_params), float(study.best_value)
