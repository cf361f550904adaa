"""Scores of positions against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import localisation_scores


def test_a_wave_over_the_pixel_comes_out_with_its_amplitude() -> None:
    """True phases at the quarters of a pixel: errors 0.02 + 0.03 sin(2 pi x) along x, -0.01 + 0.04 cos(2 pi y) along y."""
    true = np.array([[3.0, 7.0], [3.25, 7.25], [3.5, 7.5], [3.75, 7.75]])
    error = np.array([[0.02, 0.03], [0.05, -0.01], [0.02, -0.05], [-0.01, -0.01]])
    assert localisation_scores.locking(true + error, true) == pytest.approx(
        {"bias_x_px": 0.02, "locking_x_px": 0.03, "bias_y_px": -0.01, "locking_y_px": 0.04}
    )
    with pytest.raises(ValueError, match="3 rows or more"):
        localisation_scores.locking(true[:2], true[:2])


def test_phase_bias_by_hand() -> None:
    """Four bins from the left edge of a pixel: 4.6 is in the first (phase -0.4), 5.1 in the third, 5.3 in the last."""
    true = np.array([4.6, 9.55, 5.1, 5.3, 6.3])
    found = true + np.array([0.1, 0.3, 0.5, -0.2, -0.2])
    mean, error = localisation_scores.phase_bias(found, true, bins=4)
    np.testing.assert_allclose(mean, [0.2, np.nan, np.nan, -0.2], atol=1e-9)
    np.testing.assert_allclose(error, [0.1, np.nan, np.nan, 0.0], atol=1e-9)


def test_errors_over_the_bound_and_their_coverage_by_hand() -> None:
    true = np.zeros((2, 2))
    found = np.array([[0.01, 0.02], [0.03, -0.06]])
    # (1, 1) and (3, 3) times the bound: sqrt((1 + 1 + 9 + 9) / 4)
    assert localisation_scores.over_bound(found, true, np.array([0.01, 0.02])) == pytest.approx(math.sqrt(5))
    assert localisation_scores.coverage(found, true, np.full((2, 2), 0.02)) == 0.5
    assert localisation_scores.coverage(found, true, np.full((2, 2), 0.02), deviations=2) == 0.75
