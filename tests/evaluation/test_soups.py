"""Means of weights."""

from __future__ import annotations

import pytest
import torch

import tiny
from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.evaluation import soups
from brightfield.metrics.declarations import Objective

AUC = Objective("auc")


def state(value: float, batches: int = 0) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((2,), value), "batches": torch.tensor(batches)}


def test_weights_are_averaged_and_counts_are_not() -> None:
    mean = soups.average([state(1.0, 7), state(2.0, 9), state(6.0, 11)])
    assert mean["weight"].tolist() == [3.0, 3.0]
    assert mean["weight"].dtype == torch.float32
    assert mean["batches"] == 7


def test_a_model_is_added_where_the_mean_is_no_worse() -> None:
    """By hand: the score falls with the distance of the weight from 2. 1 is best; with 3 it is 2; 9 would draw it away."""
    states = {"far": state(9.0), "near": state(1.0), "other": state(3.5)}

    def score(weights: soups.Weights) -> float:
        return 1 - abs(float(weights["weight"][0]) - 2) / 10

    alone = {name: score(each) for name, each in states.items()}
    chosen, mean, value = soups.greedy(states, score, alone, AUC)
    assert chosen == ["near", "other"]
    assert mean["weight"][0] == pytest.approx(2.25)
    assert value == pytest.approx(score(mean))


def test_where_no_mean_is_as_good_the_best_stays_alone() -> None:
    states = {"good": state(2.0), "bad": state(8.0)}
    chosen, mean, value = soups.greedy(
        states, lambda weights: 1 - abs(float(weights["weight"][0]) - 2) / 10, {"good": 1.0, "bad": 0.4}, AUC
    )
    assert (chosen, value) == (["good"], 1.0)
    assert mean["weight"].tolist() == [2.0, 2.0]


def test_ingredients_are_those_that_begin_alike() -> None:
    content = tiny.full_content()
    tuned = content["models"]["bacteria-tuned"]
    content["models"]["again"] = {**tuned, "seed": 5}
    content["models"]["wider"] = {**tuned, "network": {**tuned["network"], "filters": 32}}
    content["models"]["nothing"] = {
        **tuned,
        "training": {key: value for key, value in tuned["training"].items() if key != "init_from"},
    }
    settings = params.parse(content)
    names = ["again", "wider", "nothing", "bacteria-tuned"]
    assert soups.ingredients(settings, names, "bacteria-tuned") == ["bacteria-tuned", "again"]
    with pytest.raises(BrightfieldError, match="'nothing', the best member, begins with random weights"):
        soups.ingredients(settings, names, "nothing")
    with pytest.raises(BrightfieldError, match="'wider', the best member, has no other like it"):
        soups.ingredients(settings, names, "wider")
