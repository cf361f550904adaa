"""Frames that show nothing, and pixels that stand out alone."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.showing import blank, shows_something, without_single_pixels

SHAPE = (120, 140)


def spots(amplitude: float, rng: np.random.Generator, width: float = 3.0) -> np.ndarray:
    y, x = np.indices(SHAPE)
    light = sum(np.exp(-0.5 * ((x - px) ** 2 + (y - py) ** 2) / width**2) for px, py in ((30, 40), (90, 80)))
    return 1000 + amplitude * light + rng.normal(0, 20, SHAPE)


@pytest.mark.parametrize("amplitude", [100.0, -100.0])
def test_beads_are_something(amplitude: float) -> None:
    assert shows_something(spots(amplitude, np.random.default_rng(0)))


def test_noise_hot_pixels_and_uneven_light_are_nothing() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(1000, 20, SHAPE)
    hot = noise.copy()
    hot[rng.random(SHAPE) < 5e-4] = 60_000
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    for frame in (noise, hot, rng.poisson(900 - 150 * (x**2 + y**2)), np.rint(noise / 16).astype(np.uint8)):
        assert not shows_something(frame)
    assert not shows_something(np.full(SHAPE, 1000, np.uint16))
    full = np.full(SHAPE, 255, np.uint8)
    full[:20, :20] = 90
    assert not shows_something(full)


def test_dark_saturated_and_constant_frames_are_blank_and_others_not() -> None:
    rng = np.random.default_rng(2)
    assert blank(rng.normal(100, 3, SHAPE), 1000.0)
    assert blank(np.full(SHAPE, 1000, np.uint16), 1000.0)
    assert blank(np.full(SHAPE, 65535, np.uint16), 1000.0)
    assert not blank(rng.normal(1000, 20, SHAPE), 1000.0)  # empty, but not dark
    assert not blank(spots(300, rng) - 900, 1000.0)  # dark, but with beads
    assert not blank(rng.normal(1000, 20, SHAPE), 1001.0)


def test_pixels_that_stand_out_alone_go_and_spots_stay() -> None:
    rng = np.random.default_rng(3)
    frame = spots(400, rng, width=1.0)
    marked = frame.copy()
    marked[60, 60], marked[100, 20] = 9000, 0
    cleaned = without_single_pixels(marked)
    assert cleaned[60, 60] == pytest.approx(1000, abs=60)
    assert cleaned[100, 20] == pytest.approx(1000, abs=60)
    cleaned[60, 60], cleaned[100, 20] = frame[60, 60], frame[100, 20]
    np.testing.assert_array_equal(cleaned, frame)
