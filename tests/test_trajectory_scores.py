"""Against trajectories worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trajectory_scores


def table(*rows: tuple[float, ...], errors: bool = False) -> pd.DataFrame:
    """Rows of frame, particle, x, y (and the errors of both)."""
    names = ["frame", "particle", "x", "y", *(["x_error", "y_error"] if errors else [])]
    return pd.DataFrame(list(rows), columns=names)


# bead 0 stands at x = 0 in frames 0 to 5, bead 1 at x = 10 in frames 0 to 3; both take steps of 0.1 in y
TRUTH = table(
    *((frame, 0, 0.0, 0.1 * frame) for frame in range(6)), *((frame, 1, 10.0, 0.1 * frame) for frame in range(4))
)


def test_by_hand() -> None:
    found = table(
        (0, 5, 0.0, 0.0),
        (1, 5, 0.0, 0.1),
        # frame 2: bead 0 is missed (a gap)
        (3, 7, 0.0, 0.3),  # a switch, from 5 to 7
        (4, 7, 0.5, 0.4),  # 0.5 off in x: more than five steps of 0.0707: a jump
        # frame 5: missed, so bead 0 is lost
        (0, 7, 10.0, 0.0),
        (1, 7, 10.0, 0.1),
        (2, 7, 10.3, 0.2),  # 0.3 off: no jump
        (3, 9, 10.0, 0.3),  # a switch
        (3, 4, 30.0, 0.0),  # invented
    )
    statistics = trajectory_scores.statistics(found, TRUTH, tolerance_px=1.0)
    assert statistics == pytest.approx(
        {
            "n_beads": 2,
            "n_sightings": 10,
            "n_found": 9,
            "paired": 8,
            "switches": 2,
            "jumps": 1,
            "gaps": 1,
            "lost": 1,
            "sum_squared_error_px2": 0.25 + 0.09,
        }
    )
    summary = trajectory_scores.summarise({name: np.array([value, value]) for name, value in statistics.items()})
    assert summary == pytest.approx(
        {
            "switches_per_1000": 200,
            "jumps_per_1000": 100,
            "gaps_per_1000": 100,
            "lost_percent": 50,
            "recall": 0.8,
            "precision": 8 / 9,
            "rmse_px": math.sqrt(0.34 / 16),
        }
    )


def test_given_errors_decide_what_is_a_jump() -> None:
    truth = table(*((frame, 0, 5.0 * frame, 0.0) for frame in range(4)))
    found = table(
        (0, 0, 0.0, 0.2, 0.1, 0.05),  # four sigma
        (1, 0, 5.0, 0.3, 0.1, 0.05),  # six sigma of y
        (2, 0, 10.6, 0.0, 0.1, 0.05),  # six sigma of x
        (3, 0, 15.9, 0.0, math.nan, math.nan),  # no errors: the step of a coordinate is 3.5
        errors=True,
    )
    assert trajectory_scores.statistics(found, truth, 2.0)["jumps"] == 2


def test_a_pair_holds_while_it_can() -> None:
    truth = table((0, 0, 0.0, 0.0), (1, 0, 0.0, 0.0), (0, 1, 2.0, 0.0), (1, 1, 2.0, 0.0))
    # in the second frame each particle is nearer to the other bead, but still within the tolerance of its own
    found = table((0, 0, 0.0, 0.0), (1, 0, 1.2, 0.0), (0, 1, 2.0, 0.0), (1, 1, 0.8, 0.0))
    assert trajectory_scores.statistics(found, truth, 1.5)["switches"] == 0
    assert trajectory_scores.statistics(found, truth, 1.0)["switches"] == 2


def test_a_bead_that_is_never_found_is_lost_and_has_no_gap() -> None:
    statistics = trajectory_scores.statistics(TRUTH.iloc[:0], TRUTH, 1.0)
    assert (statistics["lost"], statistics["gaps"], statistics["paired"], statistics["jumps"]) == (2, 0, 0, 0)
    summary = trajectory_scores.summarise({name: np.array([value]) for name, value in statistics.items()})
    assert summary["recall"] == 0
    assert math.isnan(summary["precision"])


@pytest.mark.filterwarnings("error")
def test_without_beads_most_is_undefined() -> None:
    statistics = trajectory_scores.statistics(TRUTH.iloc[:3], TRUTH.iloc[:0], 1.0)
    summary = trajectory_scores.summarise({name: np.array([value]) for name, value in statistics.items()})
    assert math.isnan(summary["switches_per_1000"])
    assert summary["precision"] == 0


def test_a_particle_is_in_one_place() -> None:
    with pytest.raises(ValueError, match="found particle is in one frame twice"):
        trajectory_scores.statistics(pd.concat([TRUTH, TRUTH.iloc[:1]]), TRUTH, 1.0)


@given(st.integers(1, 6), st.integers(1, 10), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_the_truth_is_perfect_under_any_names_and_in_any_order(beads: int, frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame, particle = np.mgrid[:frames, :beads].reshape(2, -1)
    xy = rng.uniform(0, 20, (len(frame), 2))
    truth = pd.DataFrame({"frame": frame, "particle": particle, "x": xy[:, 0], "y": xy[:, 1]})
    found = truth.assign(particle=rng.permutation(beads)[particle]).sample(frac=1, random_state=seed % 2**31)
    statistics = trajectory_scores.statistics(found, truth, 1e-6)
    assert statistics["paired"] == len(truth)
    assert [statistics[name] for name in ("switches", "jumps", "gaps", "lost")] == [0, 0, 0, 0]
