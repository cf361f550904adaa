"""Beads at two heights in one frame: two profiles, each bead by its own."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.frames import Located, Locator
from brightfield.beads.localisation.kinds import split_kinds
from brightfield.beads.localisation.profile import Profile
from brightfield.metrics.tracking import match
from brightfield.simulate.beads.diffraction import Sphere, draw_rings, ring_profile
from rings import ELECTRONS, PIXEL_UM, exposed

LOW, HIGH = ring_profile(Sphere(0.6, 1.57, 0.5), 0.15, PIXEL_UM).at([2.0, 4.0])
GRID = np.stack(np.meshgrid([30.0, 75.0, 120.0, 165.0, 210.0], [32.0, 80.0, 128.0]), axis=-1).reshape(-1, 2)


def scene(rng: np.random.Generator, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A frame with 15 beads, of which some (15,) are high, and where they are."""
    places = GRID + rng.uniform(-3, 3, GRID.shape)
    light = np.ones((160, 240), dtype=np.float32)
    for place, up in zip(places, high, strict=True):
        draw_rings(light, HIGH if up else LOW, 1.0, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), rng), places


HIGH_ONES = np.arange(len(GRID)) % 3 > 0


@pytest.fixture(scope="module")
def frames() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [scene(rng, HIGH_ONES) for _ in range(3)]


@pytest.fixture(scope="module")
def common(frames: list[tuple[np.ndarray, np.ndarray]]) -> Profile:
    return calibrate([frame for frame, _ in frames], diameter=34)


def off(found: Located, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is off (15, 2) in px, and by which profile each bead is fitted, in the order of the places."""
    rows, true, _ = match(found.positions, places, 0.5)
    assert len(rows) == len(places) == len(found.positions)
    order = np.argsort(true)
    return found.positions[rows[order]] - places, found.kinds[rows[order]]


def test_each_height_gets_its_profile_and_each_bead_its_own(
    frames: list[tuple[np.ndarray, np.ndarray]], common: Profile
) -> None:
    assert common.misfit > 1.5
    profiles = split_kinds([frame for frame, _ in frames], common)
    assert len(profiles) == 2
    assert max(profile.misfit for profile in profiles) < 0.7 * common.misfit
    both, alone, told = [], [], []
    for frame, places in frames:
        found = Locator(profiles).locate(frame)
        error, kinds = off(found, places)
        assert len({*kinds[HIGH_ONES]}) == len({*kinds[~HIGH_ONES]}) == 1
        assert kinds[HIGH_ONES][0] != kinds[~HIGH_ONES][0]
        both.append(error)
        told.append(found.errors)
        one = Locator(common).locate(frame).positions
        rows, true, _ = match(one, places, 2.0)
        alone.append(one[rows] - places[true])
    error = np.sqrt(np.mean(np.square(both)))
    assert error < 1.3 * np.sqrt(np.mean(np.square(told)))
    assert error < 0.2 * np.sqrt(np.mean(np.square(np.concatenate(alone))))


def test_beads_that_are_alike_keep_one_profile() -> None:
    rng = np.random.default_rng(1)
    alike = [scene(rng, np.ones(len(GRID), dtype=np.bool_))[0] for _ in range(3)]
    profile = calibrate(alike, diameter=34)
    assert split_kinds(alike, profile) == (profile,)


def test_no_more_kinds_than_asked_for(frames: list[tuple[np.ndarray, np.ndarray]], common: Profile) -> None:
    assert split_kinds([frame for frame, _ in frames], common, most=1) == (common,)


def test_too_few_beads_make_no_kind(frames: list[tuple[np.ndarray, np.ndarray]], common: Profile) -> None:
    assert split_kinds([frames[0][0]], common) == (common,)
