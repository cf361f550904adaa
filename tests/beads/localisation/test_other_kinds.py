"""Beads that a profile does not show, in what it leaves of the frames."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.frames import Locator
from brightfield.beads.localisation.other_kinds import overlooked, with_another_kind
from brightfield.beads.localisation.profile import Profile
from brightfield.metrics.tracking import match
from brightfield.simulate.beads.diffraction import draw_rings
from rings import ELECTRONS, PIXEL_UM, RINGS, exposed

SHAPE = (130, 190)
BRIGHT = np.array([[30.0, 34.0], [88.0, 40.0], [60.0, 90.0]])
DARK = np.array([[150.0, 35.0], [110.0, 95.0], [160.0, 96.0]])


def frame(rng: np.random.Generator, dark: np.ndarray = DARK) -> np.ndarray:
    light = np.ones(SHAPE, dtype=np.float32)
    for places, contrast in ((BRIGHT, 1.0), (dark, -0.7)):
        for place in places:
            draw_rings(light, RINGS, contrast, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), rng)


@pytest.fixture(scope="module")
def profile() -> Profile:
    rng = np.random.default_rng(0)
    return calibrate([frame(rng, np.empty((0, 2))) for _ in range(4)])


def test_beads_of_the_opposite_contrast_are_overlooked_and_get_a_profile(profile: Profile) -> None:
    rng, locator = np.random.default_rng(1), Locator(profile)
    frames = [frame(rng) for _ in range(3)]
    located = [locator.locate(one) for one in frames]
    assert [len(found.positions) for found in located] == [3, 3, 3]
    left = overlooked(frames, locator, located)
    assert left is not None
    for places in left.places:
        assert len(match(places, DARK, 2.0)[0]) == len(places) == 3
    tried = with_another_kind(locator.profiles, left)
    assert all(profiles[0].coefficients is profile.coefficients for profiles in tried)
    counts = [
        len(match(Locator(both).locate(frames[0]).positions, np.concatenate([BRIGHT, DARK]), 0.5)[0]) for both in tried
    ]
    assert max(counts) == 6


def test_where_all_beads_are_found_nothing_is_overlooked(profile: Profile) -> None:
    rng, locator = np.random.default_rng(2), Locator(profile)
    frames = [frame(rng, np.empty((0, 2))) for _ in range(3)]
    assert overlooked(frames, locator, [locator.locate(one) for one in frames]) is None
