"""Beads taken away from a frame: what is left is noise, and those that nobody knew of."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.centring import mirror_centres
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.frames import Locator
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.scanning import Scanner
from brightfield.beads.localisation.subtraction import Beads, Level
from brightfield.metrics.tracking import match
from brightfield.simulate.beads.diffraction import draw_rings
from rings import ELECTRONS, OFFSET, PIXEL_UM, RINGS, exposed, windows

SHAPE = (120, 150)
PLACES = np.array([[50.2, 60.4], [72.9, 58.8], [60.5, 80.1], [110.3, 40.6]])


@pytest.fixture(scope="module")
def profile() -> Profile:
    pixels, _ = windows(40, np.random.default_rng(0))
    learned = fit_profile(pixels, mirror_centres(pixels))[0]
    return Profile(
        learned.coefficients,
        learned.spacing,
        learned.amplitude,
        learned.background,
        learned.noise,
        learned.misfit,
        camera_offset=OFFSET,
    )


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    light = np.ones(SHAPE, dtype=np.float32)
    for place in PLACES:
        draw_rings(light, RINGS, 1.0, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), np.random.default_rng(1)).astype(np.float32)


def known(profile: Profile, rows: list[int]) -> Beads:
    count = len(rows)
    return Beads(
        PLACES[rows],
        np.full(count, profile.amplitude),
        np.full(count, profile.background),
        np.zeros(count, dtype=np.intp),
    )


def test_nothing_but_noise_is_left_when_all_beads_are_taken_away(profile: Profile, frame: np.ndarray) -> None:
    level = Level([profile], 24)
    before, after = frame - np.median(frame), level.residual(frame, known(profile, [0, 1, 2, 3])) - np.median(frame)
    near = np.zeros(SHAPE, dtype=np.bool_)
    for x, y in np.rint(PLACES).astype(int):
        near[y - 10 : y + 11, x - 10 : x + 11] = True
    assert np.std(after[near]) < 0.3 * np.std(before[near])
    assert np.std(after[near]) < 2 * np.sqrt(ELECTRONS)


def test_a_bead_that_is_not_known_of_stays(profile: Profile, frame: np.ndarray) -> None:
    rest = Level([profile], 24).residual(frame, known(profile, [0, 1, 3]))
    places, amplitudes = Scanner(profile, 12, 5.0, 0.5 * profile.amplitude).scan(rest)
    assert len(places) == 1
    assert np.hypot(*(places[0] - PLACES[2])) < 0.5
    assert amplitudes[0] == pytest.approx(profile.amplitude, rel=0.25)


def test_where_beads_add_they_are_subtracted(profile: Profile) -> None:
    level = Level([Profile(profile.coefficients, profile.spacing, 800.0, 1000.0, profile.noise)], 24)
    beads = known(profile, [0, 1])
    drawn = level.draw(beads, np.rint(beads.positions).astype(np.intp) - 24)
    frame = np.full(SHAPE, 1000.0, dtype=np.float32)
    for (x, y), bead in zip(np.rint(beads.positions).astype(int), drawn, strict=True):
        frame[y - 24 : y + 25, x - 24 : x + 25] += bead
    np.testing.assert_allclose(level.residual(frame, beads), 1000.0, atol=0.01)
    cleared = level.clear(frame, beads)
    np.testing.assert_allclose(cleared.windows, 1000.0 + drawn, atol=0.01)


def test_what_correlation_overlooks_shows_once_the_others_are_away(
    profile: Profile, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, calls = Scanner.scan, []

    def careless(self: Scanner, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places, amplitudes = scan(self, pixels)
        calls.append(len(places))
        return (places[1:], amplitudes[1:]) if len(calls) == 1 else (places, amplitudes)

    monkeypatch.setattr(Scanner, "scan", careless)
    found = Locator(profile).locate(frame)
    assert calls[0] == 4
    assert len(match(found.positions, PLACES, 0.1)[0]) == len(found.positions) == 4
