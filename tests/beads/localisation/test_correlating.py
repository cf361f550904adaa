"""The peak of a correlation, to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.correlating import Correlator, peaks, vertex
from brightfield.beads.localisation.noise import Noise
from brightfield.beads.localisation.profile import Profile
from rings import windows


@pytest.fixture(scope="module")
def profile() -> Profile:
    r = 0.4 * np.arange(45)
    return Profile(np.cos(1.2 * r) * np.exp(-((r / 6) ** 2)), 0.4, 1.0, 0.0, Noise(1.0, 0.0, 1.0))


@pytest.mark.parametrize("place", [(20.0, 15.0), (23.3, 18.7), (8.4, 25.6)])
def test_a_drawn_bead_is_found_in_a_slanted_light(profile: Profile, place: tuple[float, float]) -> None:
    y, x = np.indices((34, 41))
    drawn = profile.render((34, 41), place)[0]
    found = Correlator(profile, (34, 41)).locate(np.stack([drawn, 300 * drawn + 5000 + 3 * x - 2 * y]))
    np.testing.assert_allclose(found, [place, place], atol=0.1)


def test_many_windows_are_as_many_single_ones(profile: Profile) -> None:
    pixels, _ = windows(70, np.random.default_rng(0))
    correlator = Correlator(profile, (48, 56))
    together = correlator.locate(pixels)
    np.testing.assert_allclose(together[[0, 64, 69]], correlator.locate(pixels[[0, 64, 69]]), atol=1e-3)
    assert correlator.locate(pixels[:0]).shape == (0, 2)


def test_the_vertex_of_a_parabola() -> None:
    x = np.array([-1.0, 0.0, 1.0])
    assert vertex(*(3 - (x - 0.3) ** 2)) == pytest.approx(0.3)
    assert vertex(*np.zeros(3)) == 0
    assert abs(float(vertex(0.0, 1.0, 1.0))) <= 0.5


def test_peaks_at_an_edge_go_round_it() -> None:
    maps = np.zeros((1, 5, 6), np.float32)
    maps[0, 0, 0], maps[0, 0, 5], maps[0, 4, 0] = 1.0, 0.5, 0.5
    x, y = peaks(maps)[0]
    assert -0.5 <= x < 0
    assert -0.5 <= y < 0
