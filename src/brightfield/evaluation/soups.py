"""Soups: one network with the mean of the weights of several, which costs as much as one of them.

Fine-tunings of one network lie in one basin of the loss, where the mean of weights answers about as the mean of answers does
(Wortsman et al. 2022, ICML, Model soups).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import Objective

Weights = Mapping[str, Tensor]


def ingredients(settings: params.Params, names: Sequence[str], best: str) -> list[str]:
    """The models whose weights can be averaged with those of the best one, which is the first of them.

    They have the same network and the same classes, and began with the same weights.

    Raises:
        BrightfieldError: there is no other.
    """
    wanted = settings.models[best].basin
    found = [best, *(name for name in names if name != best and settings.models[name].basin == wanted)]
    if wanted is None or len(found) < 2:
        why = "begins with random weights" if wanted is None else "has no other like it"
        raise BrightfieldError(
            f"A soup needs several trainings of one network that begin with the same weights; {best!r}, the best member, {why}. "
            "Give two models the same `network`, `settings` and `training.init_from`, and other seeds."
        )
    return found


def greedy(
    states: Mapping[str, Weights], score: Callable[[Weights], float], alone: Mapping[str, float], objective: Objective
) -> tuple[list[str], dict[str, Tensor], float]:
    """Add one model after the other to the mean, the best first, where that is no worse on the validation split.

    Args:
        states: weights of each ingredient.
        score: the objective on the validation split of a network with these weights.
        alone: that of each ingredient.
        objective: in which direction it is better.

    Returns:
        The names of the models that are in; the mean of their weights; and its score.
    """
    order = sorted(states, key=lambda name: objective.rank(alone[name]), reverse=True)
    chosen, mean, best = [order[0]], dict(states[order[0]]), alone[order[0]]
    for name in order[1:]:
        tried = average([states[each] for each in (*chosen, name)])
        value = score(tried)
        if not objective.better(best, value):
            chosen, mean, best = [*chosen, name], tried, value
    return chosen, mean, best


def average(states: Sequence[Weights]) -> dict[str, Tensor]:
    """The mean of each tensor; whole numbers (counts of batches) are those of the first."""
    first = states[0]
    return {
        name: torch.stack([state[name].double() for state in states]).mean(dim=0).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }
