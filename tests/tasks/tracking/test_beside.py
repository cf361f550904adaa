"""Beads by the classical fit, and both answers against the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import Points
from brightfield.simulate.beads.diffraction import draw_rings
from brightfield.tasks.tracking.beside import TrackingBeside, locate
from rings import ELECTRONS, PIXEL_UM, RINGS, exposed

SETTINGS = params.TrackingSettings(pixel_size_um=0.1, heat_sigma_px=2, threshold=0.3, separation_px=8, tolerance_px=1)
PLACES = np.array([[40.3, 35.7], [110.1, 44.9], [60.8, 110.4], [150.2, 108.1]])


def frame(places: np.ndarray, seed: int) -> np.ndarray:
    light = np.ones((150, 190), dtype=np.float32)
    for place in places:
        draw_rings(light, RINGS, 1.0, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), np.random.default_rng(seed))


def test_beads_are_found_and_explain_the_light() -> None:
    answered = locate(SETTINGS, [frame(PLACES + shift, shift) for shift in range(3)])
    seen, beside = frame(PLACES, 7), TrackingBeside(SETTINGS)
    answer, truth = answered(seen), beside.truth(Record("a", "a", seen, {"positions": PLACES}))
    compared = beside.compared(answer, truth)
    assert compared["matched"] == 4
    assert compared["distance_px"] < 0.05
    assert compared["f1"] == 1
    whole, half = (beside.numbers(each, seen) for each in (answer, Points.exact(PLACES[:2])))
    assert whole["beads"] == 4
    assert whole["explained"] > 0.9
    assert half["explained"] == pytest.approx(0.5, abs=0.15)
    assert len(answered(np.full((150, 190), 1000, np.uint16)).positions) == 0


def test_frames_without_beads_are_refused() -> None:
    noise = np.random.default_rng(0).normal(1000, 10, (3, 90, 90))
    with pytest.raises(BrightfieldError, match="No bead"):
        locate(SETTINGS, list(noise.astype(np.float32)))


def test_answers_with_nothing_in_common_have_no_distance() -> None:
    compared = TrackingBeside(SETTINGS).compared(Points.exact([[5, 5]]), Points.exact([[50, 50]]))
    assert compared["matched"] == 0
    assert np.isnan(compared["distance_px"])
