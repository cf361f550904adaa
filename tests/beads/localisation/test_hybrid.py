"""Positions that somebody else has found, refined against the frame."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation import hybrid
from brightfield.beads.localisation.bound import cramer_rao
from brightfield.beads.localisation.hybrid import refine_found, refine_frames
from brightfield.simulate.beads.diffraction import draw_rings
from rings import ELECTRONS, OFFSET, PIXEL_UM, READ_NOISE, RINGS, exposed, light

PLACES = np.array([[40.3, 45.7], [120.1, 44.9]])
BOUND = cramer_rao(light, (27.5, 23.5), READ_NOISE)[0]


def scene(rng: np.random.Generator) -> np.ndarray:
    drawn = np.ones((90, 160), dtype=np.float32)
    for place, contrast in zip(PLACES, (1.0, -0.7), strict=True):  # beads that differ in all but being round
        draw_rings(drawn, RINGS, contrast, place[None], PIXEL_UM)
    return exposed(ELECTRONS * drawn.astype(float), rng)


def test_beads_of_two_kinds_are_refined_to_the_bound() -> None:
    rng, off, told = np.random.default_rng(0), [], []
    for _ in range(12):
        found, errors = refine_found(scene(rng), PLACES + rng.uniform(-0.5, 0.5, PLACES.shape))
        off.append(found - PLACES)
        told.append(errors)
    error = np.array(off)[:, 0] / BOUND
    assert np.sqrt(np.mean(error**2)) < 1.5
    assert np.array(told)[:, 0].mean() / BOUND == pytest.approx(1.0, abs=0.15)
    assert np.abs(np.array(off)).max() < 0.05


def test_what_nobody_vouches_for_has_no_say() -> None:
    frame = scene(np.random.default_rng(1)).astype(float)
    gate = np.ones(frame.shape)
    gate[28:62, 46:55] = 0
    spoilt = np.where(gate == 0, frame + np.random.default_rng(2).uniform(0, 1500, frame.shape), frame)
    clean, gated = (refine_found(image, PLACES[:1], trusted=gate) for image in (frame, spoilt))
    np.testing.assert_allclose(gated, clean, rtol=0, atol=1e-9)
    assert np.hypot(*(gated[0] - PLACES[:1])[0]) < 0.05
    without = refine_found(spoilt, PLACES[:1])[0]
    assert np.abs(without - clean[0]).max() > 1e-3


def test_a_bead_that_nobody_could_find_beyond_the_frame_is_fitted_too() -> None:
    rng, off = np.random.default_rng(3), []
    places = np.array([[40.3, 40.6], [71.0, 44.0]])
    for _ in range(6):
        drawn = np.ones((80, 110), dtype=np.float32)
        for place in places:
            draw_rings(drawn, RINGS, 1.0, place[None], PIXEL_UM)
        frame = exposed(ELECTRONS * drawn.astype(float), rng)[:, :66]  # the second bead's centre is cut off
        off.append(refine_found(frame, places[:1])[0][0] - places[0])
    assert np.sqrt(np.mean((np.array(off) / BOUND) ** 2)) < 2.5


def test_where_nothing_is_the_position_stays_and_has_no_error() -> None:
    frame = np.random.default_rng(2).normal(1000, 30, (90, 160))
    found, errors = refine_found(frame, PLACES)
    np.testing.assert_array_equal(found, PLACES)
    assert np.isnan(errors).all()
    found, errors = refine_found(frame, PLACES, trusted=np.zeros(frame.shape))
    np.testing.assert_array_equal(found, PLACES)
    assert refine_found(frame, np.empty((0, 2)))[0].shape == (0, 2)


def test_many_beads_are_refined_alike_in_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [scene(np.random.default_rng(seed)) for seed in range(2)]
    alone = [refine_found(frame, PLACES) for frame in frames]
    monkeypatch.setattr(hybrid, "FEW", 1)
    monkeypatch.setattr(hybrid.processes, "available", lambda: 2)
    for (found, errors), (wanted, told) in zip(refine_frames(frames, [PLACES, PLACES]), alone, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
        np.testing.assert_allclose(errors, told, rtol=1e-6)


def test_rings_of_a_neighbour_whose_centre_is_far_from_the_window_do_not_pull() -> None:
    rng, off = np.random.default_rng(4), []
    places = np.array([[60.2, 60.4], [107.0, 60.0]])  # 47 px away: the second one's centre is 15 px outside the window
    for _ in range(6):
        drawn = np.ones((120, 170), dtype=np.float32)
        for place in places:
            draw_rings(drawn, RINGS, 1.0, place[None], PIXEL_UM)
        off.append(refine_found(exposed(ELECTRONS * drawn.astype(float), rng), places)[0] - places)
    assert np.sqrt(np.mean((np.array(off) / BOUND) ** 2)) < 1.6


def test_the_dark_level_of_the_camera_tells_how_much_rings_are_dimmed_where_there_is_less_light() -> None:
    more, dark_counts = 400, 400.0 + OFFSET
    off: dict[float | None, list[np.ndarray]] = {None: [], dark_counts: []}
    place = np.array([[40.3, 45.7]])
    slope = 1 + 0.8 * (np.arange(90) / 89 - 0.5)
    for seed in range(6):
        drawn = np.ones((90, 90), dtype=np.float32)
        draw_rings(drawn, RINGS, 1.0, place, PIXEL_UM)
        frame = exposed(ELECTRONS * drawn * slope, np.random.default_rng(seed)) + more
        for camera_offset, errors in off.items():
            errors.append(refine_found(frame, place, camera_offset=camera_offset)[0] - place)
    known, unknown = (
        np.sqrt(np.mean((np.array(off[camera_offset]) / BOUND) ** 2)) for camera_offset in (dark_counts, None)
    )
    assert known < 1.6
    assert unknown > 1.5 * known
