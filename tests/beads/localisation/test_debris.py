"""Debris in what a fit leaves: found where it is, and not where noise is alone."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.debris import debris_gate
from brightfield.beads.localisation.joint_fit import fit_jointly
from brightfield.beads.localisation.neighbours import fit_with_neighbours
from brightfield.simulate.beads.troubles import OFFSET, simulate_windows


def blob(size: tuple[int, int], x: float, y: float, width: float) -> np.ndarray:
    rows, columns = np.indices(size)
    drawn: np.ndarray = np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / width**2)
    return drawn


@pytest.mark.parametrize("sign", [1, -1])
def test_a_blob_far_below_the_noise_of_most_of_its_pixels_is_found(sign: int) -> None:
    noise = 3.0 * np.random.default_rng(0).standard_normal((40, 64))
    gate = debris_gate(noise + sign * 3.0 * 1.5 * blob((40, 64), 45, 12, 2.5))
    rows, columns = np.indices(gate.shape)
    distance = np.hypot(columns - 45, rows - 12)
    assert not gate[distance < 2].any()
    assert gate[distance > 12].all()


def test_noise_alone_is_hardly_ever_taken_for_debris() -> None:
    rng = np.random.default_rng(1)
    whole = [debris_gate(rng.standard_normal((64, 64))).all() for _ in range(200)]
    assert np.mean(whole) > 0.93


def test_one_wild_pixel_is_no_blob_of_debris() -> None:
    noise = np.random.default_rng(2).standard_normal((64, 64))
    noise[30, 20] = 1e4
    assert debris_gate(noise).sum() > 64 * 64 - 20


@pytest.mark.slow
def test_without_debris_positions_are_as_good_as_when_debris_is_told() -> None:
    made = simulate_windows("debris", 24, np.random.default_rng(3))
    found = {"robust": [], "told": [], "ours": []}
    for pixels, true, debris in zip(made.pixels, made.positions, made.debris, strict=True):
        found["robust"].append(fit_jointly(pixels, true, camera_offset=OFFSET).positions[0])
        found["told"].append(fit_jointly(pixels, true, gate=~debris, camera_offset=OFFSET).positions[0])
        found["ours"].append(fit_with_neighbours(pixels, true, camera_offset=OFFSET).positions[0])
    error = {
        name: float(np.sqrt(np.mean(((np.array(places) - made.positions) / made.bounds) ** 2)))
        for name, places in found.items()
    }
    assert error["ours"] < 1.15 * error["told"]
    assert error["ours"] < 1.4
    assert error["robust"] > 1.15 * error["ours"]
