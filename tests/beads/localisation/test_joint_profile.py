"""One profile from whole frames with beads that overlap."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.joint_profile import fit_joint_profile
from brightfield.errors import BrightfieldError

SHAPE = (80, 110)
PLACES = np.array([[40.0, 38.0], [52.3, 41.2], [70.7, 33.1], [4.0, 70.0]])


def shape_of(r: np.ndarray) -> np.ndarray:
    """A bead that fills a radius of about 18 px."""
    return np.cos(r / 2.5) * np.exp(-0.5 * (r / 7) ** 2)


def frame(places: np.ndarray, rng: np.random.Generator, noise: float = 10.0) -> np.ndarray:
    y, x = np.indices(SHAPE)
    light = sum((shape_of(np.hypot(x - px, y - py)) for px, py in places), np.zeros(SHAPE))
    return 1000 - 150 * light + rng.normal(0, noise, SHAPE)


def test_the_profile_of_overlapping_beads_is_that_of_one_alone() -> None:
    rng = np.random.default_rng(0)
    shifted = [PLACES + rng.uniform(-3, 3, PLACES.shape) for _ in range(3)]
    profile = fit_joint_profile([frame(places, rng) for places in shifted], shifted, 24)
    r = np.linspace(0, 20, 60)
    scale = np.abs(shape_of(r)).max()
    np.testing.assert_allclose(profile.at(r), -shape_of(r) / scale, atol=0.06)
    assert profile.amplitude == pytest.approx(150, rel=0.05)
    assert profile.misfit == pytest.approx(1, abs=0.1)
    assert np.sqrt(profile.noise.variance(np.array([1000.0]))[0]) == pytest.approx(10, rel=0.1)


def test_noise_has_no_profile() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(BrightfieldError, match="no more than noise"):
        fit_joint_profile([frame(np.empty((0, 2)), rng)], [PLACES], 24)
    with pytest.raises(BrightfieldError, match="no more than noise"):
        fit_joint_profile([frame(PLACES, rng)], [np.empty((0, 2))], 24)
