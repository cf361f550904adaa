"""The Cramer-Rao bound: against formulas, its properties, and a Monte Carlo experiment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from brightfield.beads.localisation.bound import cramer_rao, fisher, gradient
from brightfield.errors import BrightfieldError

GRID = np.indices((31, 35)).astype(float)


def spot(x: float, y: float, height: float = 200.0, width: float = 2.5, ground: float = 0.0) -> np.ndarray:
    return np.asarray(ground + height * np.exp(-((GRID[1] - x) ** 2 + (GRID[0] - y) ** 2) / (2 * width**2)))


def test_two_pixels_by_hand() -> None:
    slopes, electrons = [[[2.0, -4.0]], [[1.0, 1.0]]], [[6.0, 12.0]]
    # the variances are 6 + 2^2 = 10 and 12 + 2^2 = 16
    expected = [[4 / 10 + 16 / 16, 2 / 10 - 4 / 16], [2 / 10 - 4 / 16, 1 / 10 + 1 / 16]]
    np.testing.assert_allclose(fisher(slopes, electrons, 2.0), expected)


def test_a_spot_without_background_is_known_to_its_width_over_the_root_of_its_photons() -> None:
    """Thompson, Larson and Webb 2002, Biophysical Journal 82, 2775, without read noise and background."""
    photons = spot(17, 15).sum()
    np.testing.assert_allclose(cramer_rao(spot, (17.0, 15.0), 1e-6), 2.5 / np.sqrt(photons), rtol=1e-3)


def test_in_a_flat_noise_it_is_the_norm_of_the_derivative() -> None:
    """Read noise far above shot noise: the deviation is sigma / |d mu / dx|."""
    expected = 1e4 / np.sqrt((gradient(spot, (17.2, 14.9))[0] ** 2).sum())
    assert cramer_rao(spot, (17.2, 14.9), 1e4)[0] == pytest.approx(expected, rel=1e-3)


def test_derivatives_are_those_of_the_formula() -> None:
    dx, dy = gradient(spot, (17.3, 14.6))
    np.testing.assert_allclose(dx, spot(17.3, 14.6) * (GRID[1] - 17.3) / 2.5**2, atol=1e-4)
    np.testing.assert_allclose(dy, spot(17.3, 14.6) * (GRID[0] - 14.6) / 2.5**2, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.floats(12, 20), st.floats(12, 18), st.floats(0, 20), st.floats(0, 300), st.floats(10, 1e4))
def test_more_noise_or_more_unknowns_never_help_and_light_does(
    x: float, y: float, read_noise: float, ground: float, height: float
) -> None:
    def at(scale: float, ground: float = ground + 1.0) -> object:
        return lambda u, v: scale * spot(u, v, height, ground=ground)

    known = cramer_rao(at(1.0), (x, y), read_noise)  # type: ignore[arg-type]
    assert (cramer_rao(at(1.0), (x, y), read_noise + 1) > known).all()  # type: ignore[arg-type]
    assert (cramer_rao(at(1.0, ground + 100), (x, y), read_noise) > known).all()  # type: ignore[arg-type]
    assert (cramer_rao(at(4.0), (x, y), read_noise) <= known / 2 * 1.001).all()  # type: ignore[arg-type]
    unknown = cramer_rao(at(1.0), (x, y), read_noise, fitted=[spot(x, y), np.ones(GRID.shape[1:])])  # type: ignore[arg-type]
    assert (unknown >= known * (1 - 1e-9)).all()


def test_a_second_bead_that_is_fitted_too_costs_precision() -> None:
    def pair(x: float, y: float) -> np.ndarray:
        return spot(x, y) + spot(17.0, 15.0)

    neighbour = gradient(lambda u, v: spot(u, v) + spot(15.0, 15.0), (17.0, 15.0))
    alone, both = cramer_rao(pair, (15.0, 15.0), 2.0), cramer_rao(pair, (15.0, 15.0), 2.0, fitted=neighbour)
    assert both[0] > 1.05 * alone[0]
    # and far away it costs nothing
    far = gradient(lambda u, v: spot(u, v) + spot(8.0, 15.0), (26.0, 15.0))
    np.testing.assert_allclose(
        cramer_rao(spot, (8.0, 15.0), 2.0, fitted=far), cramer_rao(spot, (8.0, 15.0), 2.0), rtol=1e-3
    )


def test_the_best_fit_scatters_by_the_bound() -> None:
    rng = np.random.default_rng(0)
    truth, noise, expected = (17.21, 14.87), 3.0, spot(17.21, 14.87, ground=50.0)
    found = []
    for _ in range(300):
        image = rng.poisson(expected) + rng.normal(0, noise, expected.shape)
        weight = 1 / np.sqrt(expected + noise**2)
        fit = least_squares(
            lambda p, image=image, weight=weight: ((spot(*p, ground=50.0) - image) * weight).ravel(), truth
        )
        found.append(fit.x)
    bound = cramer_rao(lambda x, y: spot(x, y, ground=50.0), truth, noise)
    np.testing.assert_allclose(np.std(found, axis=0) / bound, 1.0, atol=4 / np.sqrt(2 * 300))


def test_what_cannot_be_known_is_refused() -> None:
    with pytest.raises(BrightfieldError, match="in every pixel"):
        cramer_rao(lambda x, y: spot(x, y) * 0, (17.0, 15.0), 0.0)
    with pytest.raises(BrightfieldError, match="at least 0"):
        fisher(np.ones((1, 2, 2)), -np.ones((2, 2)), 3.0)
    with pytest.raises(BrightfieldError, match="distinguish 4 parameters"):
        cramer_rao(spot, (17.0, 15.0), 2.0, fitted=gradient(spot, (17.0, 15.0)))
    with pytest.raises(BrightfieldError, match="inside the image"):
        cramer_rao(lambda x, y: np.ones((5, 5)), (17.0, 15.0), 2.0)
