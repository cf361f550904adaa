"""Answers against their frames: the light explained, chi-square, and what is implausible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brightfield import images
from brightfield.beads.localisation.checking import Check, check, white_variance
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.frames import Located, Locator
from brightfield.simulate.beads.diffraction import draw_rings
from rings import ELECTRONS, PIXEL_UM, RINGS, exposed, windows

SHAPE = (150, 190)
PLACES = np.array([[40.3, 35.7], [110.1, 44.9], [60.8, 110.4], [150.2, 108.1]])


@pytest.fixture(scope="module")
def locator() -> Locator:
    pixels, positions = windows(40, np.random.default_rng(0))
    return Locator(fit_profile(pixels, positions)[0])


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    light = np.ones(SHAPE, dtype=np.float32) * np.linspace(0.9, 1.1, SHAPE[1], dtype=np.float32)
    for place in PLACES:
        draw_rings(light, RINGS, 1.0, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), np.random.default_rng(1))


def some(found: Located, rows: list[int]) -> Located:
    return Located(*(getattr(found, name)[rows] for name in Located.__dataclass_fields__))


def test_all_beads_explain_the_light_and_half_of_them_half(locator: Locator, frame: np.ndarray) -> None:
    found = locator.locate(frame)
    assert len(found.positions) == 4
    whole, half, none = (check([frame], locator, [one]) for one in (found, some(found, [0, 1]), Located.nothing()))
    assert whole.explained > 0.95
    assert whole.chi_square < 1.5
    assert half.explained == pytest.approx(0.5, abs=0.1)
    assert none.explained == pytest.approx(0, abs=1e-6)
    assert whole.criterion < half.criterion < none.criterion
    assert none.criterion == pytest.approx(none.without_beads, abs=30 * np.log(frame.size) * len(locator.profiles) * 10)
    assert not whole.implausible
    both = whole + half
    assert (both.frames, both.positions, both.pixels) == (2, 6, 2 * frame.size)
    assert "explain 100%" in str(whole) or "explain 9" in str(whole)


def test_a_gradient_of_the_light_is_background(frame: np.ndarray) -> None:
    y, x = np.mgrid[-1:1:100j, -1:1:120j]
    light = 1000 + 100 * x - 50 * y - 80 * (x**2 + y**2)
    assert np.abs(images.above_background(light)).max() < 1e-6
    noisy = light + np.random.default_rng(2).normal(0, 7, light.shape)
    assert np.sqrt(white_variance(noisy)) == pytest.approx(7, rel=0.05)


POOR = Check(1, 20, 15, 18, 10_000, 100, before=50.0, after=35.0, noise=1.0)


def test_many_poor_positions_that_explain_little_are_implausible() -> None:
    assert POOR.implausible
    assert not replace(POOR, low=5).implausible  # most are good
    assert not replace(POOR, near=5).implausible  # most are alone
    assert not replace(POOR, after=5.0).implausible  # most light is explained
    assert not replace(POOR, before=2.5, after=1.9).implausible  # little is left but noise
    assert "no light above noise" in str(replace(POOR, before=1.0, after=1.0))
