"""A Gaussian process that learns from trials that were given up as well.

Optuna's own sees complete trials alone: with pruning it would try again and again what was given up there.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Container, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, TrialState


class GaussianProcess(GPSampler):
    """Optuna's sampler, to which a pruned trial is one that ended where it was heading."""

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See Optuna."""
        return super().infer_relative_search_space(_seen(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See Optuna."""
        return super().sample_relative(_seen(study), trial, search_space)


def with_expected_ends(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials of one objective, of which the pruned ones are complete, with the value that was to be expected of them.

    That is their last one, and what complete trials gained from that epoch on, their median. One that was not trained, because it
    costs too much, is expected to be like the median of all: what it costs is known by itself. Where there is nothing to go by, a
    trial stays as it is.
    """
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.values]
    found = []
    for trial in trials:
        value = _expected(trial, complete) if trial.state is TrialState.PRUNED else None
        if value is not None:
            trial = copy.copy(trial)
            trial.values, trial.state = [value], TrialState.COMPLETE
        found.append(trial)
    return found


def _expected(trial: FrozenTrial, complete: Sequence[FrozenTrial]) -> float | None:
    step = trial.last_step
    if step is None:
        return statistics.median(_value(each) for each in complete) if complete else None
    gains = [_value(each) - each.intermediate_values[step] for each in complete if step in each.intermediate_values]
    return trial.intermediate_values[step] + statistics.median(gains) if gains else None


def _value(trial: FrozenTrial) -> float:
    assert trial.values is not None
    return float(trial.values[0])


class _Seen:
    """A study whose pruned trials are complete; all else is the study's own."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        """All that samplers of Optuna ask of the trials of a study."""
        trials = with_expected_ends(self._study._get_trials(deepcopy=deepcopy, use_cache=use_cache))
        return [trial for trial in trials if states is None or trial.state in states]


def _seen(study: optuna.Study) -> Any:
    return study if len(study.directions) > 1 else _Seen(study)  # of several aims none is pruned for its curve
