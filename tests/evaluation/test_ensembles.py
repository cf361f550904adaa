"""Members and weights: chosen on validation, judged on test, with outputs made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from brightfield import params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation import combining, ensembles, scoring
from brightfield.evaluation.combining import METHODS, Method
from brightfield.evaluation.mixtures import ObjectiveOfMixtures, Votes
from brightfield.evaluation.scoring import Split
from brightfield.results import ClassMap, Label
from brightfield.tasks.segmentation.masks import class_map, one_hot, parts_probability

TASK = tasks.build("classification", tiny.SETTINGS["classification"])
TRUTH = [0, 1, 0, 1, 0, 1]  # of the test split of tiny.records
GOOD = [0.1, 0.9, 0.2, 0.8, 0.3, 0.7]  # AUC 1
FAIR = [0.1, 0.9, 0.75, 0.8, 0.3, 0.7]  # 8 of 9 pairs are in order
BAD = [0.9, 0.1, 0.8, 0.2, 0.7, 0.3]  # AUC 0


@pytest.fixture(scope="module")
def split(prepared: Callable[[str], Path]) -> Split:
    return Split.load(TASK, prepared("classification"), "test")


def outputs(**models: list[float]) -> Votes:
    """Probabilities of each model; a vote is for the second class from 0.5."""
    probabilities = {name: [np.array([p], np.float32) for p in values] for name, values in models.items()}
    ballots = {name: [np.array([p >= 0.5], np.float32) for p in values] for name, values in models.items()}
    return Votes(probabilities, ballots)


def by_hand(truth: list[int], groups: list[str] | None = None) -> Split:
    """A split without images; each is a group of its own unless that is said."""
    named = [f"g{i}" for i in range(len(truth))] if groups is None else groups
    images: Any = SimpleNamespace(index=pd.DataFrame({"id": range(len(truth)), "group": named}))
    encoded: Any = [None] * len(truth)
    return Split("validation", images, encoded, [Label(float(t)) for t in truth])


def entry(**changes: Any) -> params.Ensemble:
    return params.Ensemble.model_validate({"task": "t", "kind": "classification", "dataset": "d", **changes})


def test_mix_is_the_weighted_mean_image_by_image() -> None:
    mixed = outputs(a=[0.0, 1.0], b=[1.0, 0.5]).mixed(TASK, {"a": 0.75, "b": 0.25})
    assert [float(image[0]) for image in mixed] == pytest.approx([0.25, 0.875])
    assert next(iter(outputs(a=[0.3], b=[0.9]).mixed(TASK, {"b": 1.0}))) == pytest.approx(0.9)


def test_soft_vote_counts_every_model_the_same() -> None:
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH), outputs(a=GOOD, b=BAD, c=FAIR))
    assert combining.equally(objective, 5) == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})


def test_the_objective_is_that_of_the_weighted_mean(split: Split) -> None:
    objective = ObjectiveOfMixtures(TASK, split, outputs(good=GOOD, fair=FAIR, bad=BAD))
    assert objective({"good": 1.0}) == 1.0
    assert objective({"fair": 1.0}) == pytest.approx(8 / 9)
    assert objective({"bad": 1.0}) == 0.0
    assert objective({"good": 0.5, "bad": 0.5}) == 0.5  # all ties


def test_a_mixture_is_decoded_once(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = ObjectiveOfMixtures(TASK, split, outputs(good=GOOD, bad=BAD))
    first = [objective(weights) for weights in ({"good": 1.0}, {"good": 0.75, "bad": 0.25})]
    monkeypatch.setattr(scoring, "decoded", None)
    assert [objective(weights) for weights in ({"good": 1.0}, {"good": 0.75, "bad": 0.25})] == first


def test_greedy_leaves_a_bad_model_out(split: Split) -> None:
    assert combining.greedy(ObjectiveOfMixtures(TASK, split, outputs(bad=BAD, good=GOOD)), 10) == {"good": 1.0}


def test_greedy_combines_models_that_make_up_for_each_other(split: Split) -> None:
    """Each of a and b has one positive below all negatives; their mean ranks all positives above all negatives."""
    a, b = [0.4, 0.9, 0.4, 0.3, 0.4, 0.9], [0.4, 0.3, 0.4, 0.9, 0.4, 0.9]
    objective = ObjectiveOfMixtures(TASK, split, outputs(a=a, b=b, bad=BAD))
    assert objective({"a": 1.0}) == pytest.approx(6 / 9)
    assert combining.greedy(objective, 10) == {"a": 0.5, "b": 0.5}
    assert combining.greedy(objective, 1) == {"a": 1.0}


probabilities = st.lists(st.integers(0, 20).map(lambda i: i / 20), min_size=6, max_size=6)


@settings(max_examples=40, deadline=None)
@given(models=st.lists(probabilities, min_size=1, max_size=4), most=st.integers(1, 6))
def test_greedy_is_never_worse_on_validation_than_the_best_model(models: list[list[float]], most: int) -> None:
    objective = ObjectiveOfMixtures(
        TASK, by_hand(TRUTH), outputs(**{f"m{i}": values for i, values in enumerate(models)})
    )
    weights = combining.greedy(objective, most)
    assert sum(weights.values()) == pytest.approx(1)
    assert all(weight > 0 for weight in weights.values())
    assert objective(weights) >= max(objective({name: 1.0}) for name in objective.names)


def test_greedy_minimises_where_less_is_better(prepared: Callable[[str], Path]) -> None:
    task = tasks.build("tracking", tiny.SETTINGS["tracking"])
    frames = Split.load(task, prepared("tracking"), "validation")
    exact = [task.learning.target(r, e).numpy() for r, e in zip(frames.images, frames.encoded, strict=True)]
    made = {"empty": [np.zeros_like(heat) for heat in exact], "exact": exact}
    assert task.objective.direction == "minimize"
    assert combining.greedy(ObjectiveOfMixtures(task, frames, Votes(made)), 5) == {"exact": 1.0}


def test_an_undefined_objective_does_not_stop_it() -> None:
    only_good = by_hand([1, 1])
    made = outputs(a=[0.5, 0.6], b=[0.1, 0.2])
    choice = ensembles.choose(TASK, only_good, made, entry())
    assert sum(choice.weights.values()) == pytest.approx(1)
    assert np.isnan(choice.validation["greedy"])


@pytest.mark.parametrize(
    ("method", "chosen", "weights"),
    [
        ("single", "single", {"good": 1.0}),
        ("greedy", "greedy", {"good": 1.0}),
        ("bagged", "bagged", {"good": 1.0}),
        ("soft_vote", "soft_vote", {"good": 0.5, "bad": 0.5}),
        ("stacking", "stacking", {"good": 1.0}),
        ("best_on_validation", "single", {"good": 1.0}),
    ],
)
def test_the_method_is_that_of_the_entry(split: Split, method: str, chosen: str, weights: dict[str, float]) -> None:
    choice = ensembles.choose(TASK, split, outputs(good=GOOD, bad=BAD), entry(method=method))
    assert (choice.method, choice.weights) == (chosen, weights)
    # of two, a median is their mean and a vote is undecided
    assert choice.validation == {"single": 1.0, "soft_vote": 0.5, "stacking": 1.0, "greedy": 1.0, "bagged": 1.0}


@pytest.mark.parametrize(("method", "way", "value"), [("median", "median", 8 / 9), ("majority_vote", "vote", 7.5 / 9)])
def test_three_members_may_answer_by_their_median_or_by_votes(
    split: Split, method: str, way: Any, value: float
) -> None:
    """By hand: medians of negatives 0.1, 0.75, 0.3 and of positives 0.9, 0.8, 0.7; votes 1, 2, 1 and 2, 2, 2 of 3."""
    made = outputs(good=GOOD, fair=FAIR, bad=BAD)
    choice = ensembles.choose(TASK, split, made, entry(method=method))
    assert (choice.method, choice.way) == (method, way)
    assert choice.weights == pytest.approx(dict.fromkeys(("good", "fair", "bad"), 1 / 3))
    assert ObjectiveOfMixtures(TASK, split, made)(choice.weights, way=way) == pytest.approx(value)
    assert choice.validation[method] == pytest.approx(value)  # nothing is chosen, so nothing flatters
    assert set(choice.validation) == set(METHODS)


def test_params_names_every_method() -> None:
    named = set(get_args(params.Ensemble.model_fields["method"].annotation))
    assert named == {*METHODS, ensembles.BEST, ensembles.GIVEN, "soup"}


def test_two_members_have_no_median(split: Split) -> None:
    with pytest.raises(
        BrightfieldError, match="'median' does not suit these 2 members: expected one of single, soft_vote, stacking"
    ):
        ensembles.choose(TASK, split, outputs(good=GOOD, bad=BAD), entry(method="median"))


def test_where_nothing_gains_the_best_member_answers_alone(split: Split) -> None:
    choice = ensembles.choose(TASK, split, outputs(a=GOOD, b=GOOD), entry())
    assert (choice.method, choice.weights) == ("single", {"a": 1.0})


def test_members_that_make_up_for_each_other_vote() -> None:
    """Noise of their own: the mean of both is better on groups that chose nothing."""
    rng = np.random.default_rng(3)
    truth = (rng.random(200) < 0.5).astype(int)
    logits = {name: 2 * truth - 1 + rng.normal(0, 1.5, 200) for name in "abc"}
    made = outputs(**{name: list(1 / (1 + np.exp(-values))) for name, values in logits.items()})
    validation = by_hand(list(truth), [f"g{i // 10}" for i in range(200)])
    choice = ensembles.choose(TASK, validation, made, entry())
    assert choice.method != "single"
    assert len(choice.weights) == 3
    assert choice.validation[choice.method] > choice.validation["single"] + 0.03


# --- stacking ---------------------------------------------------------------------------------------------------------


def test_stacking_has_the_least_squared_error() -> None:
    """By hand: truth = 0.75 a + 0.25 b in every image; c is its opposite, and gets nothing, as weights are not negative."""
    truth = [0, 1, 0, 1, 0, 1]
    a = [0.1, 0.8, 0.2, 0.9, 0.05, 0.95]
    b = [4 * t - 3 * p for t, p in zip(truth, a, strict=True)]
    objective = ObjectiveOfMixtures(TASK, by_hand(truth), outputs(a=a, b=b, c=[1 - t for t in truth]))
    assert combining.stacking(objective, 5) == pytest.approx({"a": 0.75, "b": 0.25}, abs=1e-4)


def test_stacking_shares_the_weight_of_members_that_answer_alike() -> None:
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH), outputs(a=GOOD, b=GOOD))
    assert combining.stacking(objective, 5) == pytest.approx({"a": 0.5, "b": 0.5}, abs=1e-3)


def test_stacking_compares_networks_with_and_without_species_by_what_both_say() -> None:
    """One network in both schemes: its answers are the same, and so are its weights."""
    three_classes = tiny.SETTINGS["segmentation"].model_copy(update={"species": ["long", "short"]})
    task = tasks.build("segmentation", three_classes.model_copy(update={"scheme": "species"}))
    rng, truth = np.random.default_rng(0), []
    for record in tiny.records("segmentation", 3):
        instances = record.fields["labels"]
        kinds = np.array([0, 1, 2, 1, 2], np.uint8)
        truth.append(ClassMap(class_map(instances, 2.0, kinds, "species"), instances, kinds))
    five = []
    for true in truth:
        noisy = one_hot(true.classes, 5) + rng.uniform(0, 1, (5, 64, 64)).astype(np.float32)
        five.append(noisy / noisy.sum(axis=0))
    made = Votes({"five": five, "three": [parts_probability(each) for each in five]})
    images: Any = SimpleNamespace(index=pd.DataFrame({"id": range(3), "group": list("abc")}))
    split = Split("validation", images, [None] * 3, truth)  # type: ignore[list-item]
    assert combining.stacking(ObjectiveOfMixtures(task, split, made), 5) == pytest.approx(
        {"five": 0.5, "three": 0.5}, abs=0.01
    )


def test_stacking_learns_from_the_images_that_count() -> None:
    objective = ObjectiveOfMixtures(TASK, by_hand([0, 1, 0, 1]), outputs(a=[0, 1, 1, 0], b=[1, 0, 0, 1]))
    assert combining.stacking(objective, 5, np.array([1.0, 1, 0, 0])) == pytest.approx({"a": 1.0}, abs=1e-3)
    assert combining.stacking(objective, 5, np.array([0.0, 0, 1, 1])) == pytest.approx({"b": 1.0}, abs=1e-3)


def test_without_a_truth_of_outputs_stacking_weighs_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TASK.answering), "ideal", lambda *_: None)
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH), outputs(a=GOOD, b=BAD))
    assert combining.stacking(objective, 5) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize("kind", list(tiny.SETTINGS))
def test_the_true_output_is_answered_by_the_truth(prepared: Callable[[str], Path], kind: str) -> None:
    """What stacking comes near to: decoded, it has the best score that there is."""
    task = tasks.build(kind, tiny.SETTINGS[kind])
    images = Split.load(task, prepared(kind), "test")
    pairs = zip(images.truth, images.encoded, strict=True)
    known = [task.answering.ideal(true, encoded) for true, encoded in pairs]
    assert all(each is not None and each.dtype == np.float32 for each in known)
    perfect = Votes({"perfect": known})  # type: ignore[dict-item]
    value = ObjectiveOfMixtures(task, images, perfect)({"perfect": 1.0})
    best = {"auc": 1.0, "capped_error_px": 0.0, "mean_iou": 1.0, "psnr_db": 100.0}[task.objective.metric]
    assert value == pytest.approx(best, abs=0.02)


# --- cross-fitting ----------------------------------------------------------------------------------------------------


def test_cross_fitting_scores_each_group_by_weights_that_others_chose() -> None:
    asked: list[list[float]] = []

    def method(objective: ObjectiveOfMixtures, most: int, counts: Any = None) -> dict[str, float]:
        asked.append(list(counts))
        return {"good": 1.0}

    groups = ["a", "a", "b", "b", "c", "c"]
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH, groups), outputs(good=GOOD, bad=BAD))
    assert combining.cross_fitted(objective, Method(method), 5) == 1.0
    assert len(asked) == 3
    assert np.sum(asked, axis=0).tolist() == [2.0] * 6  # each image had no part in one of three
    assert all(counts[::2] == counts[1::2] for counts in asked)  # groups are whole


def test_what_a_method_makes_up_on_its_own_groups_does_not_count() -> None:
    """Two members of pure chance: greedy selection is better than chance where it chose, and not beyond."""
    rng, selected, honest = np.random.default_rng(0), [], []
    for _ in range(40):
        truth = [int(t) for t in rng.permutation([0, 1] * 20)]
        made = outputs(**{f"m{i}": list(rng.random(40)) for i in range(8)})
        objective = ObjectiveOfMixtures(TASK, by_hand(truth), made)
        selected.append(objective(combining.greedy(objective, 10)))
        honest.append(combining.cross_fitted(objective, METHODS["greedy"], 10))
    assert np.mean(selected) > 0.65
    assert np.mean(honest) == pytest.approx(0.5, abs=0.04)


def test_one_group_is_scored_where_it_chose() -> None:
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH, ["one"] * 6), outputs(good=GOOD, bad=BAD))
    assert combining.cross_fitted(objective, METHODS["greedy"], 5) == 1.0


def test_images_count_as_often_as_they_are_drawn() -> None:
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH), outputs(fair=FAIR))
    assert objective({"fair": 1.0}, np.array([1.0, 1, 0, 1, 1, 1])) == 1.0  # without the image that is out of order
    assert objective({"fair": 1.0}, np.array([1.0, 1, 2, 1, 1, 1])) == pytest.approx(10 / 12)


def test_bagged_selection_is_the_mean_of_selections_and_the_same_each_time() -> None:
    a, b = [0.4, 0.9, 0.4, 0.3, 0.4, 0.9], [0.4, 0.3, 0.4, 0.9, 0.4, 0.9]
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH), outputs(a=a, b=b, bad=BAD))
    weights = combining.bagged(objective, 10)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights == combining.bagged(objective, 10)
    assert weights["a"] > 0 and weights["b"] > 0  # noqa: PT018
    assert "bad" not in weights


def test_the_order_of_picks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = ObjectiveOfMixtures(TASK, by_hand(TRUTH), outputs(a=GOOD, b=FAIR))
    first = objective({"a": 0.25, "b": 0.75})
    monkeypatch.setattr(scoring, "decoded", None)
    assert objective({"b": 0.75, "a": 0.25}) == first


def test_compare_tells_what_the_ensemble_gains_over_each(split: Split) -> None:
    """By hand: the ensemble is the good model alone, AUC 1; the fair one has 8/9, the baseline 0, the soft vote 1."""
    made = outputs(good=GOOD, fair=FAIR, baseline=BAD)
    choice = ensembles.Choice("greedy", {"good": 1.0}, {})
    table = scoring.score(TASK, split, made.mixed(TASK, choice.weights)).table
    told = ensembles.compare(
        TASK, split, made, choice, table, {"baseline": "baseline"}, params.Evaluation(bootstrap=200)
    )
    assert (told["metric"], told["direction"]) == ("auc", "maximize")
    rows = {row["name"]: row for row in told["rows"]}
    assert {name: row["role"] for name, row in rows.items()} == {
        "good": "member",
        "fair": "member",
        "baseline": "baseline",
        "soft_vote": "method",
        "greedy": "method",
    }
    assert {name: row["value"] for name, row in rows.items()} == pytest.approx(
        {"good": 1.0, "fair": 8 / 9, "baseline": 0.0, "soft_vote": 1.0, "greedy": 1.0}
    )
    for row in rows.values():
        assert row["gain"] == pytest.approx(1.0 - row["value"])
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]
    assert (rows["baseline"]["gain_low"], rows["baseline"]["gain_high"]) == (1.0, 1.0)
    assert (rows["good"]["gain_low"], rows["good"]["gain_high"]) == (0.0, 0.0)
    assert [(pair["a"], pair["b"]) for pair in told["pairs"]] == [("good", "fair")]
    assert (told["without"], told["warns"]) == ({}, None)  # one member alone


def test_compare_tells_what_each_member_contributes(split: Split) -> None:
    made = outputs(good=GOOD, fair=FAIR, baseline=BAD)
    choice = ensembles.Choice("soft_vote", {"good": 0.5, "fair": 0.5}, {})
    table = scoring.score(TASK, split, made.mixed(TASK, choice.weights)).table
    told = ensembles.compare(
        TASK, split, made, choice, table, {"baseline": "baseline"}, params.Evaluation(bootstrap=100)
    )
    assert told["without"] == pytest.approx({"good": 8 / 9, "fair": 1.0})
    # they are apart on the third image alone, where the mean is furthest from the truth
    assert told["warns"] > 0.5


def test_compare_scores_the_ensemble_as_a_model_is_scored(split: Split) -> None:
    made = outputs(fair=FAIR, bad=BAD)
    choice = ensembles.choose(TASK, split, made, entry(method="soft_vote"))
    table = scoring.score(TASK, split, made.mixed(TASK, choice.weights)).table
    told = ensembles.compare(TASK, split, made, choice, table, {}, params.Evaluation(bootstrap=100))
    (row,) = [row for row in told["rows"] if row["role"] == "method"]
    assert row["value"] == TASK.scoring.summarise(table)["auc"]
    assert row["name"] == "soft_vote"
