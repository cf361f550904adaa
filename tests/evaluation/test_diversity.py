"""How alike members err, by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import tasks
from brightfield.evaluation import diversity
from brightfield.evaluation.scoring import Split

CLASSES = tasks.build("classification", tiny.SETTINGS["classification"])
TRUTH = [1.0, 1.0, 0.0, 0.0]


def crops(*probabilities: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"probability": probabilities, "answered": [float(p >= 0.5) for p in probabilities], "truth": TRUTH}
    )


def test_pairs_by_hand() -> None:
    """a is wrong on the second and fourth image, b on the second and third, c nowhere."""
    tables = {"a": crops(0.9, 0.2, 0.1, 0.8), "b": crops(0.9, 0.2, 0.8, 0.1), "c": crops(0.9, 0.9, 0.1, 0.1)}
    ab, ac, bc = diversity.pairs(CLASSES, "auc", tables)
    assert [(row["a"], row["b"]) for row in (ab, ac, bc)] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert (ab["disagreement"], ab["double_fault"]) == (0.5, 0.25)
    assert (ac["disagreement"], ac["double_fault"]) == (0.5, 0.0)
    errors = [[0.01, 0.64, 0.01, 0.64], [0.01, 0.64, 0.64, 0.01]]
    assert ab["correlation"] == pytest.approx(np.corrcoef(errors)[0, 1])
    assert ac["correlation"] is None  # c errs by the same on all images


def test_positions_and_pixels_have_errors_but_are_neither_right_nor_wrong() -> None:
    task = tasks.build("tracking", tiny.SETTINGS["tracking"])
    counts = {"n_true": 1.0, "n_found": 1.0, "matched": 1.0, "sum_squared_error_px2": 0.1}
    tables = {
        name: pd.DataFrame({"sum_capped_error_px": errors}).assign(**counts)
        for name, errors in (("a", [0.1, 0.2, 0.3]), ("b", [0.2, 0.4, 0.6]))
    }
    assert diversity.pairs(task, "capped_error_px", tables) == [{"a": "a", "b": "b", "correlation": pytest.approx(1.0)}]


def test_an_error_is_larger_where_an_answer_is_worse(prepared: Callable[[str], Path]) -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    split = Split.load(task, prepared("segmentation"), "test")
    rows = [task.scoring.statistics_for("mean_iou", split.truth[0], true) for true in split.truth]
    errors = task.scoring.errors("mean_iou", pd.DataFrame(rows))
    assert errors[0] == pytest.approx(-1)
    assert (errors[1:] > -1).all()


def test_without_each_member_the_others_keep_their_proportions() -> None:
    asked: list[dict[str, float]] = []

    def score(weights: dict[str, float]) -> float:
        asked.append(weights)
        return float("nan") if "a" in weights else 0.7

    assert diversity.without_each(score, {"a": 0.5, "b": 0.3, "c": 0.2}) == {"a": 0.7, "b": None, "c": None}
    assert asked == [
        pytest.approx({"b": 0.6, "c": 0.4}),
        pytest.approx({"a": 5 / 7, "c": 2 / 7}),
        pytest.approx({"a": 5 / 8, "b": 3 / 8}),
    ]
    assert diversity.without_each(score, {"a": 1.0}) == {}


def test_disagreement_is_the_weighted_deviation_of_the_outputs() -> None:
    """Two images of two pixels; the second model has a channel more, which the first does not answer."""
    a = [np.array([[0.0, 1.0]], np.float32), np.array([[0.5, 0.5]], np.float32)]
    b = [np.array([[1.0, 1.0], [9.0, 9.0]], np.float32), np.array([[0.5, 0.5], [9.0, 9.0]], np.float32)]
    apart = diversity.disagreement(CLASSES, {"a": a, "b": b, "c": []}, {"a": 0.25, "b": 0.75})
    assert apart.tolist() == pytest.approx([np.sqrt(0.25 * 0.75) / 2, 0.0])


def test_disagreement_that_orders_images_by_their_errors_warns() -> None:
    errors = np.array([0.1, 0.4, np.nan, 0.9, 0.2])
    assert diversity.warns([1.0, 3.0, 9.0, 7.0, 2.0], errors) == pytest.approx(1)
    assert diversity.warns([7.0, 2.0, 9.0, 1.0, 3.0], errors) == pytest.approx(-1)
    assert diversity.warns([1.0, 1.0, 1.0, 1.0, 1.0], errors) is None
    assert diversity.warns([1.0, 2.0], errors[:2]) is None
