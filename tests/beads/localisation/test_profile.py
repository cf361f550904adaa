"""Splines by their definition, and drawings against their own derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from brightfield.beads.localisation.noise import Noise
from brightfield.beads.localisation.profile import Profile, evaluate
from brightfield.errors import BrightfieldError

QUIET = Noise(1.0, 0.0, 1.0)


def wavy(count: int = 30) -> Profile:
    r = 0.4 * np.arange(count)
    return Profile(np.cos(1.7 * r) * np.exp(-((r / 5) ** 2)), 0.4, 100.0, 1000.0, QUIET)


def test_it_is_the_spline_of_scipy() -> None:
    profile = wavy()
    mirrored = np.r_[profile.coefficients[:0:-1], profile.coefficients]
    knots = 0.4 * (np.arange(len(mirrored) + 4) - (len(profile.coefficients) - 1) - 2)
    spline, r = BSpline(knots, mirrored, 3), np.linspace(0, 10, 200)
    np.testing.assert_allclose(profile.at(r), spline(r), atol=1e-12)
    np.testing.assert_allclose(evaluate(profile.coefficients, 0.4, r)[1], spline(r, 1), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.floats(8, 20), st.floats(5, 15))
def test_derivatives_follow_the_drawing(x: float, y: float) -> None:
    profile, h = wavy(), 1e-4
    drawn, dx, dy = profile.render((21, 30), (x, y))
    assert drawn.shape == (21, 30)
    along_x = profile.render((21, 30), (x + h, y))[0] - profile.render((21, 30), (x - h, y))[0]
    along_y = profile.render((21, 30), (x, y + h))[0] - profile.render((21, 30), (x, y - h))[0]
    np.testing.assert_allclose(dx, along_x / (2 * h), atol=1e-5)
    np.testing.assert_allclose(dy, along_y / (2 * h), atol=1e-5)


def test_zero_zero_is_the_centre_of_the_first_pixel_and_x_the_column() -> None:
    profile = wavy()
    drawn = profile.render((21, 30), (12.0, 7.0))[0]
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (7, 12)
    assert drawn[7, 15] == pytest.approx(float(profile.at(3.0)))
    np.testing.assert_allclose(drawn[7, 12:], profile.render((21, 30), (0.0, 0.0))[0][0, :18])


def test_there_is_nothing_beyond_the_reach() -> None:
    profile = Profile(np.ones(10), 0.5, 1.0, 0.0, QUIET)
    assert profile.reach == 5.5
    assert not profile.at([5.5, 6.0, 100.0]).any()
    assert profile.at(5.3) != 0


def test_what_is_no_profile_is_refused() -> None:
    with pytest.raises(BrightfieldError, match=r"shape \(3,\)"):
        Profile(np.ones(3), 0.4, 1.0, 0.0, QUIET)
    with pytest.raises(BrightfieldError, match="finite"):
        Profile(np.full(9, np.nan), 0.4, 1.0, 0.0, QUIET)
