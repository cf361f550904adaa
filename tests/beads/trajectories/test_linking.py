"""Who is who: crossing, vanishing, crowded and stray beads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trajectory_scores
from brightfield.beads.trajectories.linking import LEAST_STEP_PX, estimate_max_step, link
from brightfield.errors import BrightfieldError

REAL = os.environ.get("BRIGHTFIELD_REAL_DATA")


def walkers(beads: int, frames: int, seed: int, step: float = 0.5, spacing: float = 30.0) -> pd.DataFrame:
    """Beads on a grid that wander."""
    rng = np.random.default_rng(seed)
    grid = spacing * np.stack([np.arange(beads) % 5, np.arange(beads) // 5], axis=1)
    walk = grid + np.cumsum(rng.normal(0, step, (frames, beads, 2)), axis=0)
    frame, particle = np.mgrid[:frames, :beads].reshape(2, -1)
    x, y = walk.reshape(-1, 2).T
    return pd.DataFrame({"frame": frame, "particle": particle, "x": x, "y": y})


def test_beads_stay_themselves_over_gaps_and_strays_are_left_out() -> None:
    truth = walkers(10, 60, seed=0)
    rng = np.random.default_rng(1)
    seen = truth[rng.uniform(size=len(truth)) > 0.05].drop(columns="particle").assign(quality=0.5)
    strays = pd.DataFrame(
        {"frame": rng.integers(0, 60, 20), "x": rng.uniform(200, 900, 20), "y": 400.0, "quality": 0.1}
    )
    shuffled = pd.concat([seen, strays]).sample(frac=1, random_state=0)
    linked = link(shuffled)
    scores = trajectory_scores.statistics(linked.table, truth, 0.01)
    assert (scores["switches"], scores["paired"], scores["n_found"]) == (0, len(seen), len(seen))
    assert linked.strays == 20
    assert linked.table["particle"].unique().tolist() == list(range(10))
    assert (linked.table["quality"] == 0.5).all()
    assert linked.table["frame"].is_monotonic_increasing


def test_it_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    link(walkers(4, 5, seed=0))
    assert capfd.readouterr() == ("", "")


def test_a_memory_holds_over_a_pause_and_no_longer() -> None:
    one = pd.DataFrame({"frame": [*range(12), *range(15, 27)], "x": 5.0, "y": 5.0})
    assert link(one, memory=3).table["particle"].nunique() == 1
    assert link(one, memory=2).table["particle"].nunique() == 2


def test_an_endless_pause_costs_nothing() -> None:
    late = pd.DataFrame({"frame": [*range(10), *range(9_000_000, 9_000_010)], "x": 5.0, "y": 5.0})
    linked = link(late)
    assert linked.table.groupby("particle")["frame"].size().tolist() == [10, 10]
    assert linked.table["frame"].max() == 9_000_009


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_hardly_any_frames(frames: int) -> None:
    few = walkers(4, 3, seed=0).query("frame < @frames").drop(columns="particle")
    linked = link(few)
    assert len(linked.table) == 4 * frames
    assert linked.table.columns.tolist() == ["frame", "x", "y", "particle"]
    assert linked.table["particle"].dtype == np.int64


def test_shortest() -> None:
    table = pd.DataFrame({"frame": [*range(30), *range(9)], "x": [5.0] * 30 + [90.0] * 9, "y": 5.0})
    assert link(table).table["x"].unique().tolist() == [5.0]
    assert set(link(table, shortest=9).table["x"]) == {5.0, 90.0}
    assert link(table, shortest=31).table.empty


def test_the_step_is_five_deviations_where_there_is_room() -> None:
    assert estimate_max_step(walkers(25, 200, seed=0, step=1.0)) == pytest.approx(5.0, rel=0.05)
    assert estimate_max_step(walkers(25, 200, seed=0, step=1.0), memory=3) == pytest.approx(10.0, rel=0.05)
    assert estimate_max_step(walkers(25, 200, seed=0, step=0.01)) == LEAST_STEP_PX
    near = estimate_max_step(walkers(25, 20, seed=0, step=1.0, spacing=4.0))
    assert near < 4.5  # no farther than to the neighbour
    assert estimate_max_step(pd.DataFrame({"frame": [0, 5], "x": 1.0, "y": 1.0})) == LEAST_STEP_PX


def test_a_crowd_without_end_is_one_message_or_an_answer() -> None:
    rng = np.random.default_rng(0)
    crowd = pd.DataFrame(
        {"frame": np.repeat(np.arange(3), 400), "x": rng.uniform(0, 60, 1200), "y": rng.uniform(0, 60, 1200)}
    )
    with pytest.raises(BrightfieldError, match="so crowded that .* step of 500 px. Give a smaller --max-step"):
        link(crowd, max_step_px=500.0)
    assert len(link(crowd, shortest=1).table) == 1200


def test_what_cannot_be_linked() -> None:
    table = walkers(2, 3, seed=0)
    with pytest.raises(ValueError, match="missing: y"):
        link(table.drop(columns="y"))
    with pytest.raises(ValueError, match="memory"):
        link(table, memory=-1)
    with pytest.raises(ValueError, match="step"):
        link(table, max_step_px=0.0)


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
@settings(deadline=None, max_examples=25)
def test_every_position_belongs_to_one_particle_once_in_a_frame(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"frame": rng.integers(0, 8, number), "x": rng.uniform(0, 40, number), "y": rng.uniform(0, 40, number)}
    )
    linked = link(table, max_step_px=4.0, shortest=1).table
    assert not linked.duplicated(["frame", "particle"]).any()
    order = ["frame", "x", "y"]
    found = linked[order].sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(found, table.sort_values(order, ignore_index=True), check_dtype=False)


@pytest.mark.skipif(not REAL, reason="BRIGHTFIELD_REAL_DATA does not name a folder of real images")
def test_a_real_movie() -> None:
    table = pd.read_csv(Path(str(REAL)) / "beads" / "brightfield_trackpy_reference.csv")
    scores = trajectory_scores.statistics(link(table.drop(columns="particle")).table, table, 0.01)
    assert (scores["n_beads"], scores["paired"], scores["switches"], scores["lost"]) == (5, 250, 0, 0)
