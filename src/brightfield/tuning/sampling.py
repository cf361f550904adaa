"""What a study tries next, and which trials it gives up early: rules that choose among Optuna's samplers and pruners."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from brightfield import params
from brightfield.params import spaces
from brightfield.tuning.gaussian_process import GaussianProcess

Pruning = Literal["auto", "hyperband", "median", "none"]

MOST_FOR_A_PROCESS = 250  # trials up to which a Gaussian process is quick enough
FIRST_TRIALS = 8  # drawn at random, before there is anything to learn from
COMPARED = 4  # trials that are never pruned, as there are too few to compare with
SHORT = 9  # epochs below which Hyperband has nothing to halve
# trials from which each bracket of Hyperband has enough to learn from: samplers of Optuna see those of their own bracket alone
MANY = 100
# share of the epochs, and their least number, after which the median rule asks: the order of trials after the first epoch says
# nothing of the end, or less than nothing (rank correlation -0.4 in 29 trials of denoise-blind; 0.2 after the second, 0.8 after the
# third of nine)
UNTIL_ASKED, FEWEST_UNTIL_ASKED = 1 / 5, 2
REDUCTION = 3  # of Hyperband: one trial in so many goes on


class SeededByTrial(BaseSampler):
    """A sampler that is made anew for each trial, seeded by the trial's number.

    So several workers never draw the same start, and a study that was interrupted draws what it would have drawn.

    Args:
        make: a sampler with a seed.
        seed: of the study.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int = 0) -> None:
        self._make, self._seed = make, seed
        self._of: tuple[int, BaseSampler] | None = None

    def _sampler(self, trial: FrozenTrial) -> BaseSampler:
        if self._of is None or self._of[0] != trial.number:
            self._of = trial.number, self._make(self._seed + trial.number)
        return self._of[1]

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """See Optuna."""
        self._sampler(trial).before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See Optuna."""
        return self._sampler(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See Optuna; but where the same was tried before, at random: an equal training is not done again, and teaches nothing."""
        drawn = self._sampler(trial).sample_relative(study, trial, search_space)
        others = (other for other in study.get_trials(deepcopy=False) if other.number != trial.number)
        return {} if any(drawn.items() <= other.params.items() for other in others) else drawn

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """See Optuna."""
        return self._sampler(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """See Optuna."""
        self._sampler(trial).after_trial(study, trial, state, values)


def sampler(space: params.Space, trials: int) -> BaseSampler:
    """The sampler that suits a space: the rule of OptunaHub's AutoSampler (Apache 2.0), which would be downloaded.

    A Gaussian process learns most from few trials, where all that is tried are numbers and all are tried in each trial. Else the
    tree-structured Parzen estimator (Bergstra et al. 2011), which takes names and conditions.

    Args:
        space: what is tried.
        trials: how many there will be.
    """
    if is_numeric(space) and trials <= MOST_FOR_A_PROCESS:
        return SeededByTrial(lambda seed: GaussianProcess(seed=seed, n_startup_trials=FIRST_TRIALS))

    def tree(seed: int) -> BaseSampler:
        return TPESampler(
            seed=seed,
            n_startup_trials=FIRST_TRIALS,
            group=any(search.when for search in space.values()),
            constant_liar=True,  # what other workers try at the moment is not tried again
        )

    return SeededByTrial(tree)


def is_numeric(space: params.Space) -> bool:
    """Whether all that is tried are numbers, each in every trial."""
    return all(search.choices is None and not search.when for search in space.values())


def pruner(name: Pruning, epochs: int, trials: int) -> optuna.pruners.BasePruner:
    """The pruner of a study; ``auto`` is Hyperband where trials are many and long, else the median.

    Hyperband (Li et al. 2018) lets one trial in three go on, in brackets that ask after different numbers of epochs, because a good
    setting may start slowly. The median rule gives up what is worse than half of the trials were after as many epochs.

    Args:
        name: which.
        epochs: of a trial.
        trials: how many there will be.
    """
    if name == "none" or epochs < 2:
        return optuna.pruners.NopPruner()
    if name == "hyperband" or (name == "auto" and epochs >= SHORT and trials >= MANY):
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=REDUCTION)
    return optuna.pruners.MedianPruner(
        n_startup_trials=COMPARED, n_warmup_steps=max(FEWEST_UNTIL_ASKED, math.ceil(epochs * UNTIL_ASKED))
    )


def suggest(trial: Any, path: str, search: params.Search) -> Any:
    """The value of one path in a trial: what the sampler draws, or what the trial has already."""
    if search.choices is not None:
        return spaces.chosen(search, trial.suggest_categorical(path, [spaces.label(each) for each in search.choices]))
    assert search.low is not None
    assert search.high is not None
    if isinstance(search.low, int) and isinstance(search.high, int):
        step = 1 if search.step is None else int(search.step)
        return trial.suggest_int(path, search.low, search.high, log=search.log, step=step)
    return trial.suggest_float(path, search.low, search.high, log=search.log, step=search.step)


def drawn(trial: Any, space: params.Space, content: Mapping[str, Any]) -> dict[str, Any]:
    """A value of every path of a space that is tried in a trial, given those before it.

    Args:
        trial: Optuna's, or one with fixed values.
        space: what is tried.
        content: of the entry, on which a condition may depend.
    """
    values: dict[str, Any] = {}
    for path, search in space.items():
        if spaces.is_tried(search, values, content):
            values[path] = suggest(trial, path, search)
    return values
