"""The noise of a simulated camera, measured."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.noise import Noise, measure
from brightfield.errors import BrightfieldError


def recorded(gain: float, read_noise: float, offset: float) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts over a range of light, and what noise adds."""
    rng = np.random.default_rng(0)
    electrons = rng.uniform(50, 2000, 200_000)
    counts = gain * (rng.poisson(electrons) + rng.normal(0, read_noise, electrons.shape)) + offset
    return gain * electrons + offset, counts - gain * electrons - offset


@pytest.mark.parametrize(("gain", "read_noise", "offset"), [(1.0, 3.0, 100.0), (0.3, 6.0, 20.0), (2.5, 0.0, 0.0)])
def test_gain_and_read_noise_of_a_camera_come_out(gain: float, read_noise: float, offset: float) -> None:
    signal, residual = recorded(gain, read_noise, offset)
    found, true = measure(signal, residual), Noise.of_camera(gain, gain * read_noise, offset)
    levels = gain * np.array([100.0, 800.0, 1900.0]) + offset
    np.testing.assert_allclose(found.variance(levels), true.variance(levels), rtol=0.04)
    np.testing.assert_allclose(true.variance(levels), gain**2 * (np.array([100, 800, 1900]) + read_noise**2), rtol=1e-9)


def test_one_per_cent_of_wild_pixels_hardly_counts() -> None:
    signal, residual = recorded(1.0, 3.0, 100.0)
    wild = residual.copy()
    wild[::100] += 3000.0
    np.testing.assert_allclose(
        measure(signal, wild).variance(signal), measure(signal, residual).variance(signal), rtol=0.03
    )


def test_equal_noise_has_no_slope() -> None:
    rng = np.random.default_rng(1)
    found = measure(rng.uniform(0, 1, 5000), rng.normal(0, 0.2, 5000))
    assert found.slope == 0
    assert found.constant == pytest.approx(0.04, rel=0.1)


def test_a_variance_is_never_below_its_floor() -> None:
    noise = Noise(-50.0, 1.0, 4.0)
    np.testing.assert_allclose(noise.variance(np.array([0.0, 52.0, 60.0])), [4, 4, 10])


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(BrightfieldError, match="9 pixels"):
        measure(np.ones(9), np.ones(9))
    with pytest.raises(BrightfieldError, match="0 of them with a residual"):
        measure(np.ones(100), np.zeros(100))
    with pytest.raises(BrightfieldError, match="floor above 0"):
        Noise(1.0, 0.0, 0.0)
