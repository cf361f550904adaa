"""Whole frames: candidates, profiles from nothing, all beads at their places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.finding import candidates, suppress_weaker
from brightfield.beads.localisation.frames import Located, Locator
from brightfield.beads.localisation.profile import Profile
from brightfield.errors import BrightfieldError
from brightfield.metrics.tracking import match
from brightfield.simulate.beads.diffraction import draw_rings
from rings import ELECTRONS, OFFSET, PIXEL_UM, RINGS, exposed

SHAPE = (170, 230)
PLACES = np.array([[40.3, 35.7], [84.1, 44.9], [150.5, 52.2], [60.8, 110.4], [104.6, 128.7], [190.2, 118.1]])


def scene(rng: np.random.Generator, places: np.ndarray = PLACES, contrast: float = 1.0) -> np.ndarray:
    light = np.ones(SHAPE, dtype=np.float32)
    for place in places:
        draw_rings(light, RINGS, contrast, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), rng)


@pytest.fixture(scope="module")
def profile() -> Profile:
    rng = np.random.default_rng(0)
    return calibrate([scene(rng, PLACES + rng.uniform(-0.5, 0.5, PLACES.shape)) for _ in range(4)])


@pytest.mark.parametrize("contrast", [1.0, -0.6])
def test_bright_and_dark_beads_are_candidates_and_no_more(contrast: float) -> None:
    found, votes = candidates(scene(np.random.default_rng(1), contrast=contrast), radius=15, separation=12)
    assert (np.diff(votes) <= 0).all()
    rows, _, distance = match(found, PLACES, 1.5)
    assert len(rows) == len(PLACES) == len(found)
    assert distance.max() < 1.5


def test_of_two_that_are_near_the_weaker_goes() -> None:
    places = np.array([[0.0, 0.0], [3.0, 0.0], [6.0, 0.0], [50.0, 0.0]])
    assert suppress_weaker(places, np.array([1.0, 3.0, 2.0, 0.5]), 4.0).tolist() == [1, 3]
    assert suppress_weaker(places, np.array([1.0, 3.0, 2.0, 0.5]), 3.0).tolist() == [1, 2, 0, 3]
    assert suppress_weaker(np.empty((0, 2)), np.empty(0), 4.0).tolist() == []


def test_all_beads_of_a_frame_are_found_and_their_errors_cover(profile: Profile) -> None:
    rng, locator, off = np.random.default_rng(2), Locator(profile), []
    for _ in range(12):
        places = PLACES + rng.uniform(-0.5, 0.5, PLACES.shape)
        found = locator.locate(scene(rng, places))
        rows, true, distance = match(found.positions, places, 0.5)
        assert len(rows) == len(PLACES) == len(found.positions)
        assert distance.max() < 0.08
        off.append(((found.positions[rows] - places[true]) / found.errors[rows]).ravel())
    assert np.mean(np.abs(np.concatenate(off)) < 2) > 0.8
    assert isinstance(found, Located)
    assert found.quality.min() > 0.8


def test_beads_near_each_other_and_at_an_edge_are_found(profile: Profile) -> None:
    places = np.array([[60.0, 60.4], [84.5, 60.0], [3.2, 100.0], [150.0, 166.8]])
    found = Locator(profile).locate(scene(np.random.default_rng(3), places))
    assert len(match(found.positions, places, 0.3)[0]) == len(found.positions) == 4


CROWD = np.array(
    [[45.2, 50.7], [75.6, 48.1], [60.3, 76.4], [140.8, 60.2], [165.1, 75.9], [141.4, 96.6], [100.7, 120.3]]
)


def crowd(rng: np.random.Generator, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames with beads 30 px apart, whose rings cross, and where they are."""
    places = [CROWD + rng.uniform(-2, 2, CROWD.shape) for _ in range(number)]
    return [(scene(rng, one), one) for one in places]


def errors(locator: Locator, frames: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """What is off in px, and that over the errors told, of all beads."""
    off, told = [], []
    for frame, places in frames:
        found = locator.locate(frame)
        rows, true, _ = match(found.positions, places, 0.5)
        assert len(rows) == len(places) == len(found.positions)
        off.append(found.positions[rows] - places[true])
        told.append(off[-1] / found.errors[rows])
    return np.concatenate(off), np.concatenate(told)


def test_where_rings_cross_light_multiplies_and_errors_stay_as_told() -> None:
    rng = np.random.default_rng(8)
    frames = crowd(rng, 6)
    learned = calibrate([frame for frame, _ in frames[:4]])
    assert learned.camera_offset is not None
    assert 1 / (ELECTRONS + OFFSET - learned.camera_offset) == pytest.approx(1 / ELECTRONS, rel=0.15)
    precise, told = errors(Locator(learned), frames)
    assert 0.8 < np.sqrt(np.mean(told**2)) < 1.25
    added, _ = errors(Locator(replace(learned, camera_offset=None)), frames)
    assert np.sqrt(np.mean(precise**2)) < 0.6 * np.sqrt(np.mean(added**2))
    fast, _ = errors(Locator(learned, fast=True), frames)
    assert np.sqrt(np.mean(precise**2)) < np.sqrt(np.mean(fast**2)) < 0.1


def test_where_beads_shine_light_adds() -> None:
    rng = np.random.default_rng(9)
    frames = []
    for _ in range(4):
        light = np.zeros(SHAPE, dtype=np.float32)
        for place in CROWD + rng.uniform(-2, 2, CROWD.shape):
            one = np.ones(SHAPE, dtype=np.float32)
            draw_rings(one, RINGS, 1.0, place[None], PIXEL_UM)
            light += one - 1
        frames.append(exposed(ELECTRONS * (2 + light.astype(np.float64)), rng))
    assert calibrate(frames).camera_offset is None


def test_an_empty_frame_has_no_bead(profile: Profile) -> None:
    found = Locator(profile).locate(scene(np.random.default_rng(4), np.empty((0, 2))))
    assert found.positions.shape == found.errors.shape == (0, 2)


def test_faint_beads_are_left_out_where_asked(profile: Profile) -> None:
    faint = scene(np.random.default_rng(5), contrast=0.4)
    assert len(Locator(profile).locate(faint).positions) == 6
    assert len(Locator(profile, faintest=0.6).locate(faint).positions) == 0


def test_a_diameter_narrows_what_is_looked_at() -> None:
    frames = [scene(np.random.default_rng(6))]
    assert calibrate(frames, diameter=16).reach <= 8.5
    assert len(Locator(calibrate(frames, diameter=24)).locate(frames[0]).positions) == 6


def test_what_shows_no_bead_is_refused(profile: Profile) -> None:
    with pytest.raises(BrightfieldError, match="0 frames"):
        calibrate([])
    with pytest.raises(BrightfieldError, match="3 px or more"):
        calibrate([np.zeros((50, 50))], diameter=1)
    with pytest.raises(BrightfieldError, match="diameter"):
        calibrate([np.random.default_rng(7).normal(1000, 30, (100, 120))])
    with pytest.raises(BrightfieldError, match=r"shape \(5, 5, 3\)"):
        Locator(profile).locate(np.zeros((5, 5, 3)))
