"""The light that positions explain, whoever found them."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.explaining import explain
from brightfield.simulate.beads.diffraction import draw_rings
from rings import ELECTRONS, PIXEL_UM, RINGS, exposed

PLACES = np.array([[40.3, 35.7], [110.1, 44.9], [60.8, 110.4], [150.2, 108.1]])


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    light = np.ones((150, 190), dtype=np.float32) * np.linspace(0.9, 1.1, 190, dtype=np.float32)
    for place, contrast in zip(PLACES, (1.0, 0.8, 0.6, 1.0), strict=True):  # each has an amplitude of its own
        draw_rings(light, RINGS, contrast, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), np.random.default_rng(1))


def test_true_positions_explain_nearly_all_light(frame: np.ndarray) -> None:
    assert explain(frame, PLACES).explained > 0.9


def test_the_better_positions_explain_more(frame: np.ndarray) -> None:
    shares = [explain(frame, PLACES + shift).explained for shift in (0.0, 0.5, 2.0)]
    assert shares[0] > shares[1] > shares[2]
    assert explain(frame, PLACES[:3]).explained < shares[0] - 0.1


def test_positions_of_nothing_explain_little(frame: np.ndarray) -> None:
    elsewhere = np.array([[85.0, 75.0], [15.0, 90.0], [105.0, 80.0]])
    assert explain(frame, elsewhere).explained < 0.5
    assert explain(frame, np.empty((0, 2))).explained == pytest.approx(0, abs=1e-6)
    noise = np.random.default_rng(2).normal(100, 5, (90, 90))
    assert not explain(noise, np.array([[45.0, 45.0]])).explained > 0.3
