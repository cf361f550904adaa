"""Profiles fitted to simulated beads, against the profile that they were drawn with."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.centring import mirror_centres
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.errors import BrightfieldError
from rings import OFFSET, SIZE, exposed, light, windows


def test_the_profile_of_the_simulation_comes_out() -> None:
    pixels, positions = windows(40, np.random.default_rng(0))
    profile, found = fit_profile(pixels, mirror_centres(pixels))
    r = np.arange(0.2, 15, 0.1)
    row = light(0.0, 0.0, (1, 400))[0]  # along x at whole px
    drawn = profile.background + profile.amplitude * profile.at(np.arange(16.0))
    np.testing.assert_allclose(drawn - OFFSET, row[:16], atol=25)  # a per cent of the highest pixel
    assert np.abs(profile.at(r)).max() <= 1.01
    assert np.sqrt(np.mean((found.positions - positions) ** 2)) < 0.02
    assert profile.misfit == pytest.approx(1.0, abs=0.05)
    assert profile.noise.slope == pytest.approx(1.0, rel=0.1)  # a count an electron


def test_crude_starts_are_sharpened() -> None:
    pixels, positions = windows(30, np.random.default_rng(1))
    starts = positions + np.random.default_rng(2).normal(0, 0.5, positions.shape)
    found = fit_profile(pixels, starts)[1]
    assert np.sqrt(np.mean((found.positions - positions) ** 2)) < 0.02


def test_a_single_frame_is_enough() -> None:
    pixels, positions = windows(1, np.random.default_rng(3))
    profile, found = fit_profile(pixels, mirror_centres(pixels))
    assert np.hypot(*(found.positions - positions)[0]) < 0.05
    assert profile.at(0.0) != 0


def test_contrasts_may_differ_and_dark_cores_are_dark() -> None:
    rng = np.random.default_rng(4)
    positions = np.array([27.5, 23.5]) + rng.uniform(-0.5, 0.5, (20, 2))
    contrasts = np.linspace(-0.9, -0.3, 20)
    pixels = np.stack([exposed(light(x, y, contrast=c), rng) for (x, y), c in zip(positions, contrasts, strict=True)])
    profile, found = fit_profile(pixels, mirror_centres(pixels))
    assert profile.amplitude > 0
    ratio = found.amplitudes / np.abs(contrasts)
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=0.05)


def test_a_neighbour_behind_a_gate_leaves_no_trace() -> None:
    rng = np.random.default_rng(5)
    pixels, positions = windows(20, rng, spread=0.5)
    beside = pixels.astype(float)
    beside[:, :, 44:] += 2000 * rng.uniform(0, 1, beside[:, :, 44:].shape)
    gate = np.ones(SIZE)
    gate[:, 44:] = 0
    clean, dirty = (fit_profile(given, positions, gates=gate)[0] for given in (pixels, beside))
    np.testing.assert_allclose(dirty.coefficients, clean.coefficients, atol=1e-6)


def test_noise_alone_is_refused() -> None:
    noise = np.random.default_rng(6).normal(1000, 30, (10, *SIZE))
    with pytest.raises(BrightfieldError, match="look alike"):
        fit_profile(noise, np.random.default_rng(7).uniform(20, 28, (10, 2)))


def test_a_shape_that_is_not_round_is_told_by_its_misfit() -> None:
    y, x = np.indices(SIZE)
    rng = np.random.default_rng(8)
    ellipse = 1000 + 3000 * np.exp(-((x - 27) ** 2 / 60 + (y - 23) ** 2 / 12))
    pixels = np.stack([exposed(ellipse, rng) for _ in range(5)])
    assert fit_profile(pixels, mirror_centres(pixels))[0].misfit > 2
