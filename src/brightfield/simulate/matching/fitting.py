"""A search for the numbers of a simulation that no frame tells directly: those whose images look most like the frames."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from brightfield.system import progress

Values = Mapping[str, float]

EXPLORED = (
    10  # values that are drawn anywhere, before a model of the objective chooses the next; at most half of the trials
)


@dataclass(frozen=True)
class SearchDimension:
    """A number to be found between two ends; ``log``: in the logarithm."""

    low: float
    high: float
    log: bool = True

    def at(self, share: float) -> float:
        """The value at a share of the range, 0 to 1."""
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
    """The values found and what they reach, by Bayesian optimisation with a Gaussian process (Optuna's ``GPSampler``).

    Args:
        dimensions: what to turn; the middle of every range is tried first.
        objective: what to make small; the same values give the same number.
        trials: how many values are tried.
        seed: of the search.
        description: of the progress bar.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)
        for name, dimension in dimensions.items()
    }
    explored = max(1, min(EXPLORED, trials // 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # that the objective has no noise
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=explored, deterministic_objective=True)
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial({name: dimension.at(0.5) for name, dimension in dimensions.items()})
    for _ in progress.track(range(trials if dimensions else 1), description, unit="simulation"):
        trial = study.ask(space)
        study.tell(trial, objective(trial.params))
    return dict(study.best_params), float(study.best_value)
