"""A profile from frames of which nobody says how wide their beads are."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation import calibrating
from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.frames import Locator
from brightfield.errors import BrightfieldError
from brightfield.metrics.tracking import match

SPOTS, SIDE, APART_PX, WIDTH_PX = 115, 128, 8.0, 1.8


def crowd(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Small dark spots of several contrasts, a few px apart, as spheres in water: (SIDE, SIDE) in 8 bits, and where they are."""
    y, x = np.mgrid[:SIDE, :SIDE]
    image, places = np.full((SIDE, SIDE), 200.0), np.empty((0, 2))
    while len(places) < SPOTS:
        place = rng.uniform(4, SIDE - 4, 2)
        if np.hypot(*(places - place).T).min(initial=np.inf) < APART_PX:
            continue
        places = np.vstack([places, place])
        squared = (x - place[0]) ** 2 + (y - place[1]) ** 2
        image -= rng.uniform(40, 100) * np.exp(-squared / 2 / WIDTH_PX**2)
    return rng.normal(image, 3).clip(0).astype(np.uint8), places


def test_many_small_beads_are_found_where_nobody_says_how_small(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, places = crowd(np.random.default_rng(0))
    profile = calibrate([frame])
    found = Locator(profile).locate(frame).positions
    assert profile.misfit < 1.2
    assert len(match(found, places, 0.5)[0]) > 0.98 * SPOTS
    assert len(found) < 1.02 * SPOTS
    monkeypatch.setattr(calibrating, "DIAMETERS_PX", (48.0,))
    with pytest.raises(BrightfieldError, match="No profile of 48 px .*--diameter"):
        calibrate([frame])
