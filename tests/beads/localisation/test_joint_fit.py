"""Beads of one window fitted together, and a neighbour that nobody has found."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.joint_fit import fit_jointly
from brightfield.beads.localisation.neighbours import fit_with_neighbours, neighbours
from brightfield.errors import BrightfieldError
from brightfield.simulate.beads.troubles import OFFSET, simulate_windows


@pytest.mark.parametrize(
    ("trouble", "most"), [("clean", 1.4), ("uneven light", 1.4), ("defocus", 1.4), ("low signal", 1.6), ("debris", 2.4)]
)
def test_a_profile_of_its_own_costs_no_precision(trouble: str, most: float) -> None:
    rng = np.random.default_rng(5)
    truth = simulate_windows(trouble, 20, rng)
    starts = truth.positions + rng.normal(0, 0.1, truth.positions.shape)
    found = [
        fit_jointly(window, start, camera_offset=OFFSET) for window, start in zip(truth.pixels, starts, strict=True)
    ]
    error = np.array([one.positions[0] for one in found]) - truth.positions
    assert all(one.converged and one.detected for one in found)
    assert np.sqrt(np.mean((error / truth.bounds) ** 2)) < most
    if trouble != "debris":  # which the bound knows, and the fit does not
        told = np.array([one.errors[0] for one in found]) / truth.bounds
        assert np.median(told) == pytest.approx(1.1, abs=0.2)


def test_a_second_bead_is_found_beyond_the_edge_too_and_fitted_with_the_first() -> None:
    rng = np.random.default_rng(6)
    truth = simulate_windows("second bead", 10, rng)
    starts = truth.positions + rng.normal(0, 0.15, truth.positions.shape)
    apart, alone = [], []
    for window, start in zip(truth.pixels, starts, strict=True):
        apart.append(fit_with_neighbours(window, start, camera_offset=OFFSET))
        alone.append(fit_jointly(window, start, camera_offset=OFFSET).positions[0])
    found = np.array([one.positions[0] for one in apart])
    assert all(len(one.positions) == 2 for one in apart)
    assert np.sqrt(np.mean(((found - truth.positions) / truth.bounds) ** 2)) < 2
    assert np.abs(found - truth.positions).max() < np.abs(np.array(alone) - truth.positions).max() / 3
    seconds = np.array([one.positions[1] for one in apart])
    assert (np.abs(seconds - 31.5).max(axis=1) > 32.5).any()  # some lie outside


def test_a_bead_alone_gets_no_neighbour() -> None:
    truth = simulate_windows("clean", 4, np.random.default_rng(7))
    for window, start in zip(truth.pixels, truth.positions, strict=True):
        assert len(fit_with_neighbours(window, start, camera_offset=OFFSET).positions) == 1


def test_neighbours_are_looked_for_away_from_the_bead_and_their_likest_comes_first() -> None:
    y, x = np.mgrid[:64, :64]

    def bead(px: float, py: float) -> np.ndarray:
        radius = np.hypot(x - px, y - py)
        return 1 - 0.4 * np.exp(-((radius / 6) ** 2)) * np.cos(radius)

    places = neighbours(1000 * bead(31, 30) * bead(8, 50), np.array([31.0, 30.0]))
    np.testing.assert_allclose(places[0], [8, 50], atol=1)
    assert (np.hypot(*(places - [31, 30]).T) > 10).all()


def test_light_is_found_as_it_falls_across_the_window() -> None:
    y, x = np.mgrid[:48, :64]
    light = 800 * (1 + 0.3 * (x / 63 - 0.5) - 0.2 * (y / 47 - 0.5))
    radius = np.hypot(x - 30.2, y - 22.7)
    image = np.random.default_rng(8).poisson(light * (1 - 0.5 * np.exp(-((radius / 5) ** 2)))) + 50
    found = fit_jointly(image, [30.0, 23.0], camera_offset=50)
    assert (np.abs(found.positions[0] - [30.2, 22.7]) < 3.5 * found.errors[0]).all()
    assert (found.errors[0] < 0.06).all()
    np.testing.assert_allclose(found.light[1:] / found.light[0], [0.3, -0.2], atol=0.02)


def test_noise_alone_shows_no_bead() -> None:
    image = np.random.default_rng(9).normal(1000, 30, (49, 49))
    assert not fit_jointly(image, [24.0, 24.0]).detected


@pytest.mark.parametrize(("starts", "level"), [(np.empty((0, 2)), 100.0), ([[8.0, 8.0]], -3.0)])
def test_what_cannot_be_fitted_is_told(starts: object, level: float) -> None:
    with pytest.raises(BrightfieldError, match="expected at least one start, and light"):
        fit_jointly(np.full((16, 16), level), starts)  # type: ignore[arg-type]
