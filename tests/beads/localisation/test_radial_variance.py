"""Centres of rings that cross, from the light that rings around each pixel explain."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.radial_variance import explained_by_rings, ring_centres
from brightfield.metrics.tracking import match


def rings(places: np.ndarray, shape: tuple[int, int], radius: float = 20.0, sign: float = 1.0) -> np.ndarray:
    """Bright rings, each with a dark one inside."""
    y, x = np.indices(shape)
    light = np.zeros(shape)
    for px, py in places:
        r = np.hypot(x - px, y - py)
        light += np.exp(-0.5 * ((r - radius) / 2.5) ** 2) - np.exp(-0.5 * ((r - radius / 2) / 2.5) ** 2)
    return 1000 + 200 * sign * light


PLACES = np.array([[35.0, 40.0], [62.0, 44.0], [50.0, 66.0], [120.0, 75.0]])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_centres_of_crossing_rings_come_first(sign: float) -> None:
    frame = rings(PLACES, (110, 160), sign=sign) + np.random.default_rng(0).normal(0, 20, (110, 160))
    found = ring_centres(frame, 24)
    assert len(match(found[: len(PLACES)], PLACES, 2.0)[0]) == len(PLACES)


def test_rings_explain_a_bead_whole_and_noise_hardly() -> None:
    place = np.array([[50.0, 45.0]])
    share, explained = explained_by_rings(rings(place, (90, 100)), 24)
    assert share.shape == explained.shape == (90, 100)
    assert share[45, 50] > 0.9
    assert explained[45, 50] == explained.max()
    noise, _ = explained_by_rings(np.random.default_rng(1).normal(1000, 20, (90, 100)), 24)
    assert np.median(noise) < 0.2


def test_a_bead_at_an_edge_is_a_candidate_but_the_edge_is_none() -> None:
    found = ring_centres(rings(np.array([[8.0, 50.0]]), (100, 100)), 24)
    assert np.hypot(*(found[0] - [8.0, 50.0])) < 2
    assert len(ring_centres(np.full((60, 70), 500, np.uint16), 24)) == 0
