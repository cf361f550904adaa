"""Peaks of correlation: places to a fraction of a pixel, amplitudes without what neighbours add."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.centring import mirror_centres
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.scanning import Scanner, bin_pixels
from rings import windows

CORE = 12


@pytest.fixture(scope="module")
def profile() -> Profile:
    pixels, _ = windows(40, np.random.default_rng(0))
    return fit_profile(pixels, mirror_centres(pixels))[0]


def drawn(profile: Profile, places: list[tuple[float, float]], amplitudes: list[float]) -> np.ndarray:
    """Beads that add, without noise."""
    frame = np.full((90, 120), 1000.0)
    for place, amplitude in zip(places, amplitudes, strict=True):
        frame += amplitude * profile.render(frame.shape, place)[0]
    return frame


def test_a_lone_bead_has_its_place_and_amplitude(profile: Profile) -> None:
    places, amplitudes = Scanner(profile, CORE, 5.0, 100.0).scan(drawn(profile, [(61.3, 44.8)], [700.0]))
    assert len(places) == 1
    np.testing.assert_allclose(places[0], [61.3, 44.8], atol=0.1)
    assert amplitudes[0] == pytest.approx(700, rel=0.05)


@pytest.mark.parametrize("apart", [12.0, 16.0, 20.0])
def test_neighbours_do_not_echo_in_each_others_amplitudes(profile: Profile, apart: float) -> None:
    frame = drawn(profile, [(50.0, 45.0), (50.0 + apart, 45.0)], [700.0, 500.0])
    scanner = Scanner(profile, CORE, 5.0, 150.0)
    places, amplitudes = scanner.scan(frame)
    order = np.argsort(places[:, 0])
    assert len(order) == 2
    np.testing.assert_allclose(amplitudes[order], [700, 500], rtol=0.06)


def test_a_frame_without_beads_has_none(profile: Profile) -> None:
    places, amplitudes = Scanner(profile, CORE, 5.0, 100.0).scan(np.full((60, 70), 1000.0))
    assert places.shape == (0, 2)
    assert amplitudes.shape == (0,)


def test_pixels_twice_as_large_are_means() -> None:
    assert bin_pixels(np.arange(20, dtype=np.float32).reshape(4, 5)).tolist() == [[3, 5], [13, 15]]
