"""Limits by conformal prediction: by hand, and by what they cover of simulated groups."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from brightfield import layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation import guarantees, scoring
from brightfield.evaluation.scoring import FloatArray, Split
from brightfield.inference.guarantees import Guarantees, Limit
from brightfield.system.files import read_json, write_json

INTERVALS = params.Evaluation(bootstrap=200)


def groups_of(*scores: list[float]) -> list[np.ndarray]:
    return [np.array(each, dtype=float) for each in scores]


# --- limits -----------------------------------------------------------------------------------------------------------


def test_the_limit_over_groups_by_hand() -> None:
    """Four groups, each 1/5 in all, and 1/5 at infinity: 60% are reached at the third fifth."""
    assert guarantees.over_groups(groups_of([1.0], [2.0], [3.0], [4.0]), 0.6) == 3.0
    # the first group counts as much as each other: 1/10 at 1 and at 5; in order 0.1, 0.3 (at 2), 0.5 (3), 0.7 (4), 0.8 (5)
    assert guarantees.over_groups(groups_of([1.0, 5.0], [2.0], [3.0], [4.0]), 0.6) == 4.0
    assert guarantees.over_groups(groups_of([1.0, 5.0], [2.0], [3.0], [4.0]), 0.5) == 3.0
    assert guarantees.over_groups(groups_of([1.0, 5.0], [2.0], [3.0], [4.0]), 0.8) == 5.0
    assert guarantees.over_groups(groups_of([1.0, 5.0], [2.0], [3.0], [4.0]), 0.81) == math.inf


def test_nine_groups_are_the_fewest_for_nine_tenths() -> None:
    assert guarantees.fewest(0.9) == 9
    assert guarantees.fewest(0.5) == 1
    nine = groups_of(*([float(i)] for i in range(9)))
    assert guarantees.over_groups(nine, 0.9) == 8.0
    assert guarantees.over_groups(nine[:8], 0.9) == math.inf
    assert guarantees.over_groups([], 0.9) == math.inf


def test_groups_without_objects_do_not_count() -> None:
    assert guarantees.over_groups(groups_of([1.0], [], [2.0], [3.0], [4.0]), 0.6) == 3.0


def test_the_limit_over_objects_by_hand() -> None:
    """The ceil((n + 1) 0.9)-th smallest: of 9 the 9th, of 19 the 18th, of 8 there is none."""
    assert guarantees.over_objects(np.arange(9.0), 0.9) == 8.0
    assert guarantees.over_objects(np.arange(19.0)[::-1], 0.9) == 17.0
    assert guarantees.over_objects(np.arange(8.0), 0.9) == math.inf


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(0, 10), min_size=1, max_size=4), min_size=1, max_size=15), st.floats(0.05, 0.95))
def test_groups_of_one_object_are_objects(scores: list[list[float]], coverage: float) -> None:
    """Both formulas are the same then; in general the limit is a score within which the wanted share lies, and the least one."""
    alone = [np.array(each[:1]) for each in scores]
    assert guarantees.over_groups(alone, coverage) == guarantees.over_objects(np.concatenate(alone), coverage)
    limit = guarantees.over_groups(groups_of(*scores), coverage)
    wanted = coverage * (len(scores) + 1)
    within = sum(np.mean(np.array(each) <= limit) for each in scores)
    assert (within >= wanted - 1e-6) == math.isfinite(limit)
    if math.isfinite(limit):
        assert sum(np.mean(np.array(each) < limit) for each in scores) < wanted + 1e-6


@settings(max_examples=12, deadline=None)
@given(
    number=st.integers(9, 30),
    objects=st.integers(1, 12),
    between=st.floats(0.0, 3.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_new_group_is_covered_as_often_as_promised(number: int, objects: int, between: float, seed: int) -> None:
    """On average over many repetitions: groups of sizes that differ, alike within by as much as they like."""
    rng, repetitions = np.random.default_rng(seed), 600
    covered = []
    for _ in range(repetitions):
        spread = np.exp(between * rng.normal(size=number + 1))
        scores = [
            s * rng.exponential(size=n) for s, n in zip(spread, rng.integers(1, objects + 1, number + 1), strict=True)
        ]
        covered.append(np.mean(scores[-1] <= guarantees.over_groups(scores[:-1], 0.9)))
    error = np.std(covered) / math.sqrt(repetitions)
    assert np.mean(covered) >= 0.9 - 4 * error
    assert np.mean(covered) <= 0.9 + 2 / (number + 1) + 4 * error


def test_single_objects_cover_too_little_of_new_groups_that_differ() -> None:
    """Why groups count: fourteen groups, in which all objects are alike. A limit in the n-th of them covers n of 15 new groups.

    Of single objects it lies in the 13th (12.6 of 14), of groups in the 14th (13.5 of 15).
    """
    rng = np.random.default_rng(0)
    covered: dict[str, list[float]] = {"groups": [], "objects": []}
    for _ in range(2000):
        scores = [np.full(20, rng.exponential()) for _ in range(15)]
        limits = {
            "groups": guarantees.over_groups(scores[:-1]),
            "objects": guarantees.over_objects(np.concatenate(scores[:-1])),
        }
        for name, limit in limits.items():
            covered[name].append(float(np.mean(scores[-1] <= limit)))
    assert np.mean(covered["groups"]) == pytest.approx(14 / 15, abs=0.02)
    assert np.mean(covered["objects"]) == pytest.approx(13 / 15, abs=0.02)


def test_too_few_groups_fall_back_to_objects_and_too_few_objects_to_nothing() -> None:
    images = [{"radius": np.array([0.1 * i, 0.2 * i])} for i in range(1, 11)]
    enough = guarantees.limits(images, [f"g{i}" for i in range(10)])["radius"]
    assert (enough.over, enough.groups, enough.objects) == ("groups", 10, 20)
    few = guarantees.limits(images, ["a", "b"] * 5)["radius"]
    assert (few.over, few.groups, few.objects) == ("objects", 2, 20)
    assert few.value == pytest.approx(1.8)  # the 19th of 0.1, 0.2, 0.2, 0.3, 0.4, 0.4 ... 1.6, 1.8, 2.0
    assert guarantees.limits(images[:4], ["a"] * 4)["radius"] == Limit(None, "objects", 1, 8)
    assert guarantees.limits([{"radius": np.empty(0)}], ["a"])["radius"] == Limit(None, "objects", 0, 0)
    assert guarantees.limits([{}, {}], ["a", "b"]) == {}


# --- what is measured ---------------------------------------------------------------------------------------------------


def test_the_columns_of_an_image() -> None:
    row = guarantees.columns({"radius": np.array([0.5, 1.0, 2.0])}, {"radius": 0.7}, {"radius": 1.0})
    assert row == {"covered_radius": 2.0, "objects_radius": 3.0, "size_radius": 0.7}
    nothing = guarantees.columns({"radius": np.empty(0)}, {}, {"radius": 1.0})
    assert (nothing["covered_radius"], nothing["objects_radius"]) == (0.0, 0.0)
    assert math.isnan(nothing["size_radius"])
    assert guarantees.columns({"radius": np.ones(2)}, {}, {}) == {}


TABLE = pd.DataFrame(
    {
        "group": ["a", "a", "b", "c"],
        "covered_radius": [1.0, 2.0, 4.0, 0.0],
        "objects_radius": [2.0, 2.0, 8.0, 0.0],
        "size_radius": [1.0, 2.0, 3.0, np.nan],
    }
)


def test_coverage_is_a_mean_over_what_is_exchangeable() -> None:
    """Groups a: 3 of 4, b: 4 of 8, c: none at all. Sizes of a: 1.5, of b: 3."""
    over = {
        each: guarantees.measured(TABLE, Limit(1.0, each, 9, 20), "radius", INTERVALS) for each in ("groups", "objects")
    }
    assert over["groups"]["coverage"]["value"] == pytest.approx((3 / 4 + 4 / 8) / 2)
    assert over["groups"]["size"]["value"] == pytest.approx((1.5 + 3) / 2)
    assert over["objects"]["coverage"]["value"] == pytest.approx(7 / 12)
    assert over["objects"]["size"]["value"] == pytest.approx((2 + 4 + 24) / 12)
    for found in over.values():
        assert (found["groups"], found["objects"]) == (2, 12)
        assert found["coverage"]["low"] == pytest.approx(0.5)  # b drawn twice
        assert found["coverage"]["high"] == pytest.approx(0.75)


def test_coverage_of_nothing_is_unknown() -> None:
    found = guarantees.measured(TABLE[3:], Limit(1.0, "groups", 9, 20), "radius", INTERVALS)
    assert found["coverage"] == {"value": None, "low": None, "high": None}
    assert (found["groups"], found["objects"]) == (0, 0)


def test_chance_leaves_a_kept_promise_between() -> None:
    """Of 100 objects at 90%: 84 to 95 (the 2.5% and 97.5% quantiles of the binomial distribution)."""
    assert guarantees.binomial(100) == pytest.approx((0.84, 0.95))


# --- reports ------------------------------------------------------------------------------------------------------------


def answered(task: tasks.Task, split: Split, seed: int) -> list[FloatArray]:
    """Probabilities of crops, which are right in most cases."""
    rng = np.random.default_rng(seed)
    logits = [rng.normal(2.0 if label.positive else -2.0, 2.0) for label in split.truth]
    return [np.array([1 / (1 + np.exp(-logit))], np.float32) for logit in logits]


def test_limits_of_validation_are_measured_on_the_other_splits(
    prepared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report with suites, from splits of few images: coverage 0.75, so that four of them are enough."""
    monkeypatch.setattr(guarantees, "COVERAGE", 0.75)
    monkeypatch.setattr(guarantees.limits, "__defaults__", (0.75,))
    task, folder = tasks.build("classification", tiny.SETTINGS["classification"]), prepared("classification")
    validation, test = (Split.load(task, folder, name) for name in ("validation", "test"))
    scores = {"validation": scoring.score(task, validation, answered(task, validation, 0))}
    for number, name in enumerate(("test", "focus"), start=1):
        split = Split(name, test.images, test.encoded, test.truth)
        scores[name] = scoring.score(task, split, answered(task, split, number), scores["validation"])
    limit = scores["validation"].limits["class"]
    assert (limit.over, limit.groups, limit.objects) == ("groups", 3, 4)
    assert "covered_class" not in scores["validation"].table
    tables = {name: scored.table for name, scored in scores.items()}
    metrics = {**scoring.summary(task, tables, INTERVALS, None, scores["validation"].limits), "bundle_hash": "abc"}
    assert set(metrics["guarantees"]["measured"]) == {"test", "focus"}
    for name in ("test", "focus"):
        table, found = tables[name], metrics["guarantees"]["measured"][name]["class"]
        within = [far["class"][0] <= limit.value for far in scores[name].nonconformity]
        np.testing.assert_array_equal(table["covered_class"], np.array(within, float))
        assert found["coverage"]["value"] == pytest.approx(table.groupby("group")["covered_class"].mean().mean())
        assert found["size"]["value"] == pytest.approx(table.groupby("group")["size_class"].mean().mean())
    scoring.write_report(tmp_path / "report", task, test, scores, metrics)
    written = Guarantees.read(tmp_path / "report" / layout.GUARANTEES)
    assert (written.coverage, written.limits, written.bundle_hash) == (0.75, {"class": limit}, "abc")
    assert written.measured == read_json(tmp_path / "report" / layout.METRICS, "")["guarantees"]["measured"]


def test_a_task_without_guarantees_has_no_such_file(prepared: Callable[[str], Path], tmp_path: Path) -> None:
    task, folder = tasks.build("restoration", tiny.SETTINGS["restoration"]), prepared("restoration")
    split = Split.load(task, folder, "test")
    scores = {"test": scoring.score(task, split, [each.tensor.numpy() for each in split.encoded])}
    metrics = scoring.summary(task, {"test": scores["test"].table}, INTERVALS, None, scores["test"].limits)
    assert "guarantees" not in metrics
    scoring.write_report(tmp_path / "report", task, split, scores, metrics)
    assert not (tmp_path / "report" / layout.GUARANTEES).exists()


def test_what_all_reports_say_in_rows(project: Path) -> None:
    """One model was scored, with a suite that has no objects."""
    interval = {"value": 0.88, "low": 0.8, "high": 0.95}
    size = {"value": 1.2, "low": None, "high": None}
    nothing = {"value": None, "low": None, "high": None}
    section = {
        "coverage": 0.9,
        "limits": {"class": vars(Limit(0.6, "objects", 8, 384))},
        "measured": {
            "test": {"class": {"coverage": interval, "size": size, "groups": 8, "objects": 100}},
            "dark": {"class": {"coverage": nothing, "size": nothing, "groups": 0, "objects": 0}},
        },
    }
    layout.report("rbc-convnet").mkdir(parents=True)
    write_json(layout.report("rbc-convnet") / layout.METRICS, {"test": {}, "guarantees": section})
    test, dark = guarantees.coverages(params.load())
    assert {key: test[key] for key in ("task", "model", "split", "guarantee", "over", "promised")} == {
        "task": "rbc",
        "model": "rbc-convnet",
        "split": "test",
        "guarantee": "class",
        "over": "objects",
        "promised": 0.9,
    }
    assert (test["coverage"], test["low"], test["high"], test["size"]) == (0.88, 0.8, 0.95, 1.2)
    assert (test["objects"], test["groups"]) == (100, 8)
    assert (test["objects_low"], test["objects_high"]) == pytest.approx((0.84, 0.95))
    assert (test["groups_low"], test["groups_high"]) == pytest.approx((0.625, 1.0))
    assert dark["coverage"] is None
    assert math.isnan(dark["objects_low"])
    section["limits"]["class"]["over"] = "images"
    write_json(layout.report("rbc-convnet") / layout.METRICS, {"test": {}, "guarantees": section})
    with pytest.raises(BrightfieldError, match="over groups or objects, got 'images' for class"):
        list(guarantees.coverages(params.load()))
