"""Against frames worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightfield.metrics import tracking
from brightfield.results import Points

STATISTICS = ("n_true", "n_found", "matched", "sum_squared_error_px2", "sum_capped_error_px")


def columns(*frames: dict[str, float]) -> dict[str, np.ndarray]:
    return {name: np.array([frame[name] for frame in frames]) for name in STATISTICS}


def test_hand_computed_frame() -> None:
    truth = Points.exact([[10, 10], [30, 10], [50, 10], [70, 10]])
    # 0.5 px off; 2 tolerances off; nothing within 3 tolerances of the third and fourth; one 4 tolerances from the third
    found = Points.exact([[10.3, 10.4], [30, 12], [54, 10]])
    statistics = tracking.statistics(found, truth, tolerance_px=1.0)
    assert statistics == pytest.approx(
        {
            "n_true": 4,
            "n_found": 3,
            "matched": 1,
            "sum_squared_error_px2": 0.25,
            "sum_capped_error_px": 0.5 + 1 + (1 + 1) + 1,  # matched, badly located, missed and invented, missed
        }
    )


def test_hand_computed_summary() -> None:
    frames = (
        {"n_true": 4, "n_found": 3, "matched": 2, "sum_squared_error_px2": 0.5, "sum_capped_error_px": 3.0},
        {"n_true": 1, "n_found": 2, "matched": 1, "sum_squared_error_px2": 0.04, "sum_capped_error_px": 1.2},
    )
    assert tracking.summarise(columns(*frames)) == pytest.approx(
        {
            "recall": 3 / 5,
            "precision": 3 / 5,
            "f1": 6 / 10,
            "rmse_px": math.sqrt(0.54 / 6),
            "capped_error_px": 4.2 / 5,
            "failure_percent": 40.0,
        }
    )


def test_rmse_is_of_one_coordinate() -> None:
    rng = np.random.default_rng(0)
    truth = np.stack(np.meshgrid(np.arange(40) * 20.0, np.arange(25) * 20.0), axis=-1).reshape(-1, 2)
    found = Points.exact(truth + rng.normal(0, 0.1, truth.shape))
    rmse = tracking.summarise(columns(tracking.statistics(found, Points.exact(truth), 1.0)))["rmse_px"]
    assert rmse == pytest.approx(0.1, rel=0.05)


def test_a_bead_is_found_once() -> None:
    statistics = tracking.statistics(Points.exact([[5, 5], [5.2, 5]]), Points.exact([[5, 5]]), 1.0)
    assert statistics["matched"] == 1
    assert statistics["sum_squared_error_px2"] == 0
    # the second position is left over, and no bead is left for it
    assert statistics["sum_capped_error_px"] == 1.0


def test_matching_takes_most_pairs_not_the_nearest_first() -> None:
    # the nearest pair (1.0 -> 0.9) would leave 0.0 with nothing within the gate
    rows, cols, distance = tracking.match(np.array([[0.9, 0.0], [1.9, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]), 1.0)
    assert dict(zip(rows.tolist(), cols.tolist(), strict=True)) == {0: 0, 1: 1}
    assert distance == pytest.approx([0.9, 0.9])


def test_a_bad_match_never_replaces_a_good_one() -> None:
    truth, found = Points.exact([[0, 0], [2, 0]]), Points.exact([[0.9, 0], [-2.5, 0]])
    # 0.9 could go to the second bead and -2.5 to the first, both badly; but the first is found, and the second missed
    statistics = tracking.statistics(found, truth, 1.0)
    assert statistics["matched"] == 1
    assert statistics["sum_capped_error_px"] == pytest.approx(0.9 + 1 + 1)


def test_the_tolerance_is_inclusive() -> None:
    exactly = tracking.statistics(Points.exact([[3, 4]]), Points.exact([[0, 0]]), 5.0)
    just_over = tracking.statistics(Points.exact([[3, 4]]), Points.exact([[0, 0]]), 4.999)
    assert (exactly["matched"], just_over["matched"]) == (1, 0)
    assert just_over["sum_capped_error_px"] == pytest.approx(exactly["sum_capped_error_px"], abs=0.01)  # no jump


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_properties_of_any_frame(n_true: int, n_found: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, found = rng.uniform(0, 12, (n_true, 2)), rng.uniform(0, 12, (n_found, 2))
    statistics = tracking.statistics(Points.exact(found), Points.exact(true), 1.5)
    again = tracking.statistics(Points.exact(rng.permutation(found)), Points.exact(rng.permutation(true)), 1.5)
    assert again == pytest.approx(statistics)
    assert statistics["matched"] <= min(n_true, n_found)
    assert statistics["sum_capped_error_px"] <= 1.5 * (n_true + n_found) + 1e-9
    swapped = tracking.statistics(Points.exact(true), Points.exact(found), 1.5)
    assert swapped["matched"] == statistics["matched"]


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_perfect_positions_score_perfectly(n: int, seed: int) -> None:
    points = Points.exact(np.random.default_rng(seed).uniform(0, 50, (n, 2)))
    metrics = tracking.summarise(columns(tracking.statistics(points, points, 1.0)))
    assert metrics == {
        "recall": 1,
        "precision": 1,
        "f1": 1,
        "rmse_px": 0,
        "capped_error_px": 0,
        "failure_percent": 0,
    }


def test_finding_nothing_costs_one_tolerance_a_bead() -> None:
    metrics = tracking.summarise(columns(tracking.statistics(Points.exact([]), Points.exact([[1, 1], [9, 9]]), 2.0)))
    assert metrics["capped_error_px"] == 2.0
    assert metrics["failure_percent"] == 100
    assert math.isnan(metrics["precision"])
    assert math.isnan(metrics["rmse_px"])
    assert metrics["f1"] == 0


@pytest.mark.parametrize("found", [[], [[3.0, 3.0]]])
@pytest.mark.filterwarnings("error")
def test_frames_without_beads_leave_most_undefined(found: list[list[float]]) -> None:
    metrics = tracking.summarise(columns(tracking.statistics(Points.exact(found), Points.exact([]), 1.0)))
    assert all(math.isnan(metrics[name]) for name in ("recall", "rmse_px", "capped_error_px", "failure_percent"))
    assert metrics["precision"] == 0 if found else math.isnan(metrics["precision"])


def test_positions_invented_in_an_empty_frame_are_paid_for() -> None:
    empty = tracking.statistics(Points.exact([[3.0, 3.0]]), Points.exact([]), 1.0)
    full = tracking.statistics(Points.exact([[3.0, 3.0]]), Points.exact([[3.0, 3.0]]), 1.0)
    assert tracking.summarise(columns(empty, full))["capped_error_px"] == 1.0
