"""Positions at the bound, errors that cover, and windows that trouble."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brightfield.beads.localisation.bound import cramer_rao
from brightfield.beads.localisation.centring import mirror_centres
from brightfield.beads.localisation.correlating import Correlator
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.noise import Noise
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.refining import Refiner
from brightfield.beads.localisation.solving import Refined
from brightfield.errors import BrightfieldError
from rings import OFFSET, READ_NOISE, SIZE, exposed, light, windows

BOUND = cramer_rao(light, (27.5, 23.5), READ_NOISE)[0]


@pytest.fixture(scope="module")
def profile() -> Profile:
    pixels, _ = windows(40, np.random.default_rng(10))
    return fit_profile(pixels, mirror_centres(pixels))[0]


@pytest.fixture(scope="module")
def refined(profile: Profile) -> tuple[Refined, np.ndarray]:
    pixels, positions = windows(600, np.random.default_rng(11))
    return Refiner(profile, SIZE).refine(pixels, Correlator(profile, SIZE).locate(pixels)), positions


def test_it_is_as_precise_as_the_bound_allows(refined: tuple[Refined, np.ndarray]) -> None:
    found, positions = refined
    assert found.converged.all()
    error = (found.positions - positions) / BOUND
    assert np.sqrt(np.mean(error**2)) < 1.05 + 3 / np.sqrt(2 * error.size)
    assert np.abs(error.mean(axis=0)).max() < 4 / np.sqrt(len(error))
    assert found.residuals.mean() == pytest.approx(1.0, abs=0.02)
    assert found.quality.min() > 0.9


def test_its_standard_errors_cover_what_they_should(refined: tuple[Refined, np.ndarray]) -> None:
    found, positions = refined
    off = np.abs(found.positions - positions) / found.errors
    for deviations, expected in ((1.0, 0.683), (1.96, 0.95), (3.0, 0.9973)):
        assert np.mean(off <= deviations) == pytest.approx(expected, abs=0.04 if deviations < 3 else 0.008)
    np.testing.assert_allclose(found.errors / BOUND, 1.0, atol=0.1)


def test_a_bead_unlike_the_profile_rests_at_one_place_wherever_it_is_started(profile: Profile) -> None:
    """A profile a fifth too narrow: plain steps would stop short of the place, or swing around it."""
    pixels, positions = windows(40, np.random.default_rng(15))
    unlike = replace(profile, spacing=0.8 * profile.spacing)
    refiner = Refiner(unlike, SIZE)
    here = refiner.refine(pixels, positions + 0.2, rough=False)
    there = refiner.refine(pixels, positions - 0.15, rough=False)
    assert here.residuals.min() > 1.5
    both = here.converged & there.converged
    assert both.mean() > 0.9
    apart = here.positions[both] - there.positions[both]
    assert np.sqrt(np.mean(apart**2)) < 0.01  # plain steps: 0.06


def test_errors_grow_with_noise_that_nobody_announced(profile: Profile) -> None:
    pixels, positions = windows(60, np.random.default_rng(12))
    noisy = pixels + np.random.default_rng(13).normal(0, 60, pixels.shape)
    quiet, loud = (Refiner(profile, SIZE).refine(given, positions) for given in (pixels, noisy))
    assert loud.errors.mean() > 1.5 * quiet.errors.mean()
    off = (loud.positions - positions) / loud.errors
    assert np.sqrt(np.mean(off**2)) == pytest.approx(1.0, abs=0.25)


def test_contrast_and_light_are_found_with_the_position(profile: Profile) -> None:
    faint = 0.5 * (light(28.2, 22.9) - 1000) + 1300 + OFFSET
    found = Refiner(profile, SIZE).refine(faint[None], [[28.0, 23.0]])
    assert found.amplitudes[0] == pytest.approx(0.5 * profile.amplitude, rel=0.02)
    assert found.offsets[0] == pytest.approx(1300 + OFFSET, rel=0.005)
    np.testing.assert_allclose(found.positions, [[28.2, 22.9]], atol=2e-3)


def test_a_gradient_is_fitted_and_then_does_not_pull(profile: Profile) -> None:
    rng = np.random.default_rng(14)
    tilt = 1 + 0.5 * (np.arange(SIZE[1]) - 27.5) / (SIZE[1] - 1)
    positions = np.array([27.5, 23.5]) + rng.uniform(-0.5, 0.5, (60, 2))
    pixels = np.stack([exposed(light(x, y) + 1000 * (tilt - 1), rng) for x, y in positions])
    found = Refiner(profile, SIZE, gradient=True).refine(pixels, positions)
    assert abs((found.positions - positions).mean(axis=0)).max() < 4 * BOUND / np.sqrt(60)
    np.testing.assert_allclose(found.slopes.mean(axis=0), [500, 0], atol=10)


def test_gated_pixels_do_not_count(profile: Profile) -> None:
    rng = np.random.default_rng(15)
    pixels, positions = windows(20, rng, spread=0.5)
    dirty, gate = pixels.copy(), np.ones(SIZE)
    dirty[:, :, 34:40] = rng.integers(0, 4000, dirty[:, :, 34:40].shape)
    gate[:, 34:40] = 0
    gated = Refiner(profile, SIZE).refine(dirty, positions, gate)
    clean = Refiner(profile, SIZE).refine(pixels, positions, gate)
    np.testing.assert_allclose(gated.positions, clean.positions, atol=1e-5)
    np.testing.assert_allclose(gated.errors, clean.errors, rtol=1e-3)
    assert gated.converged.all()
    assert np.sqrt(np.mean((gated.positions - positions) ** 2)) < 2 * BOUND


def test_robust_weights_resist_a_speck(profile: Profile) -> None:
    pixels, positions = windows(40, np.random.default_rng(16), spread=0.5)
    dirty = pixels.astype(float)
    dirty[:, 20:24, 33:37] += 900
    plain, robust = (Refiner(profile, SIZE, robust=how).refine(dirty, positions) for how in (False, True))
    error = [np.sqrt(np.mean((found.positions - positions) ** 2)) for found in (plain, robust)]
    assert error[1] < 0.3 * error[0]


def test_nothing_there_is_told(profile: Profile) -> None:
    rng = np.random.default_rng(17)
    empty = rng.normal(1100, 30, (20, *SIZE))
    found = Refiner(profile, SIZE).refine(empty, np.full((20, 2), 25.0))
    assert found.quality.max() < 0.3
    far = Refiner(profile, SIZE).refine(light(27.5, 23.5)[None], [[36.0, 23.5]])
    assert not far.converged[0] or abs(far.positions[0, 0] - 36) <= 3
    np.testing.assert_array_equal(np.isfinite(found.positions), True)


@pytest.mark.parametrize("signal", [np.uint16, np.int32, np.float32, np.float64])
def test_any_numeric_type_gives_the_same_answer(profile: Profile, signal: type) -> None:
    pixels, positions = windows(3, np.random.default_rng(18))
    given, expected = (Refiner(profile, SIZE).refine(p, positions) for p in (pixels.astype(signal), pixels))
    np.testing.assert_allclose(given.positions, expected.positions, atol=1e-6)


def test_the_noise_of_the_camera_may_be_given(profile: Profile) -> None:
    pixels, positions = windows(5, np.random.default_rng(19))
    found = Refiner(profile, SIZE, noise=Noise.of_camera(1.0, READ_NOISE, OFFSET)).refine(pixels, positions)
    assert found.residuals.mean() == pytest.approx(1.0, abs=0.03)


def test_windows_of_another_size_are_refused(profile: Profile) -> None:
    with pytest.raises(BrightfieldError, match=r"shape \(2, 10, 10\).*expected \(N, 48, 56\)"):
        Refiner(profile, SIZE).refine(np.ones((2, 10, 10)), np.ones((2, 2)))
    with pytest.raises(BrightfieldError, match="finite x and y"):
        Refiner(profile, SIZE).refine(np.ones((1, *SIZE)), [[np.nan, 3.0]])
