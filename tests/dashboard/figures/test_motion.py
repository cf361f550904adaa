"""How beads move, bead by bead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import moved
from figures import motion

COLOURS = {0: "#111111", 1: "#222222"}
TABLES = moved.tables()


def test_trajectories_are_about_their_means() -> None:
    figure = motion.trajectories(TABLES["trajectories.csv"], COLOURS)
    assert [trace.name for trace in figure.data] == ["0", "1"]
    for trace in figure.data:
        assert np.mean(trace.x) == pytest.approx(0, abs=1e-9)
        assert len(trace.x) == moved.FRAMES
    assert figure.layout.yaxis.autorange == "reversed"  # as in the image
    assert figure.layout.yaxis.scaleanchor == "x"
    only = motion.trajectories(TABLES["trajectories.csv"], {1: "#222222"})
    assert [trace.line.color for trace in only.data] == ["#222222"]


def test_a_long_trajectory_is_thinned() -> None:
    long = pd.DataFrame({"frame": range(50_000), "particle": 0, "x_um": 0.0, "y_um": np.arange(50_000.0)})
    (trace,) = motion.trajectories(long, {0: "#111111"}).data
    assert len(trace.x) <= 1.1 * motion.POINTS
    assert trace.customdata[1] == 16  # the frame that it is of


def test_displacements_have_errors_and_the_model_where_there_is_one() -> None:
    figure = motion.displacements(TABLES["msd.csv"], COLOURS)
    points = [trace for trace in figure.data if trace.mode == "markers"]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [trace.name for trace in points] == ["0", "1"]
    assert [trace.legendgroup for trace in lines] == ["0"]  # nothing was fitted to the other
    assert list(points[0].error_y.array) == pytest.approx(list(0.2 * np.array([0.01, 0.1, 1.0])))
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"


def test_displacements_of_an_earlier_version_have_no_model() -> None:
    figure = motion.displacements(TABLES["msd.csv"].drop(columns="fitted_um2"), COLOURS)
    assert {trace.mode for trace in figure.data} == {"markers"}


def test_a_spectrum_is_the_mean_of_both_coordinates() -> None:
    figure = motion.spectra(TABLES["spectra.csv"], COLOURS)
    first = figure.data[0]
    table = TABLES["spectra.csv"]
    assert list(first.y) == pytest.approx(list(2 * table.loc[table["particle"] == 0, "power_x_um2_hz"]))
    assert [trace.legendgroup for trace in figure.data if trace.mode == "lines"] == ["1"]


def test_deviations_have_their_intervals() -> None:
    trace = motion.stability(TABLES["allan.csv"], {1: "#222222"}).data[0]
    assert list(trace.error_y.array) == pytest.approx([0.002] * 3)
    assert list(trace.error_y.arrayminus) == pytest.approx([0.001] * 3)


def test_places_within_a_pixel() -> None:
    """Positions that lock on the centres of pixels in x, and are everywhere in y."""
    rng = np.random.default_rng(0)
    n = 20_000
    table = pd.DataFrame({"particle": 0, "x": rng.integers(3, 9, n) + 0.01, "y": rng.uniform(3, 9, n)})
    x, y = motion.phases(table, {0: "#111111"}).data
    assert x.y[10] == 1  # from 0 to 0.05
    assert np.allclose(y.y, 1 / motion.BINS, atol=0.006)
    assert sum(y.y) == pytest.approx(1)
