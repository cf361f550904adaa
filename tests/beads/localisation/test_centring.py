"""Centres of symmetric images whose profile nobody knows."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.centring import mirror_centres, radial_centres
from rings import exposed, light, windows


@pytest.mark.parametrize(("method", "within"), [(mirror_centres, 0.15), (radial_centres, 0.08)])
def test_rings_are_centred_to_a_fraction_of_a_pixel(method: object, within: float) -> None:
    pixels, positions = windows(40, np.random.default_rng(0))
    off = method(pixels) - positions  # type: ignore[operator]
    assert np.sqrt(np.mean(off**2)) < within
    assert np.abs(off.mean(axis=0)).max() < within / 2  # and no corner is preferred


def test_a_mirror_finds_beads_far_off_the_middle() -> None:
    rng = np.random.default_rng(1)
    positions = np.array([[20.3, 30.1], [36.0, 17.4]])
    pixels = np.stack([exposed(light(x, y), rng) for x, y in positions])
    assert np.abs(mirror_centres(pixels) - positions).max() < 0.5


def test_axes_are_not_swapped_and_units_do_not_matter() -> None:
    pixels = light(30.25, 20.5)[None]
    for method in (mirror_centres, radial_centres):
        np.testing.assert_allclose(method(pixels), [[30.25, 20.5]], atol=0.1)
        np.testing.assert_allclose(method(pixels * 1e-3 + 5), method(pixels), atol=1e-3)


def test_nothing_at_all_is_in_the_middle() -> None:
    np.testing.assert_allclose(radial_centres(np.ones((1, 9, 11))), [[5.0, 4.0]])
