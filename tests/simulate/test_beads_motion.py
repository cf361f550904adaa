"""Beads keep their distances and move as thermal motion, free or trapped, moves them."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.simulate.beads.motion import (
    CONTACT_PX,
    LOOSE,
    MARGIN_PX,
    SUBSTEPS,
    THERMAL_ENERGY,
    VISCOSITY,
    Room,
    contact_px,
    place,
    thermal_step,
    wander,
)

WIDE = Room((120, 200), 20.0)


@pytest.mark.parametrize(
    ("positions", "held"),
    [
        ([[60.0, 50.0], [85.0, 50.0]], True),
        ([[60.0, 50.0], [79.0, 50.0]], False),  # 19 px apart
        ([[60.0, 50.0], [74.0, 64.0]], False),  # 19.8 px apart
        ([[180.0, 50.0]], True),  # x goes along the longer side
        ([[50.0, 180.0]], False),
        ([[11.9, 50.0]], False),
        ([[60.0, 107.1]], False),
    ],
)
def test_room(positions: list[list[float]], held: bool) -> None:
    assert WIDE.holds(np.array(positions)) is held


def test_contact() -> None:
    assert contact_px(0.7, 0.1) == pytest.approx(14)
    assert contact_px(0.3, 0.1) == CONTACT_PX


def test_beads_that_touch_lie_in_clusters() -> None:
    room = Room((200, 260), 12.0)
    near = []
    for touching in (False, True):
        placed = [place(room, 8, touching, rng) for rng in np.random.default_rng(0).spawn(10)]
        assert {len(positions) for positions in placed} == {8}
        assert all(room.holds(positions) for positions in placed)
        gaps = [np.linalg.norm(p[:, None] - p, axis=-1) + 1e3 * np.eye(8) for p in placed]
        near.append(np.mean([gap.min(axis=1) < 12.0 * LOOSE for gap in gaps]))
    assert near[1] > 0.5 > near[0]


def test_a_full_room_holds_fewer() -> None:
    assert 1 <= len(place(Room((60, 60), 30.0), 20, False, np.random.default_rng(0))) < 5


def test_a_free_step_is_diffusion() -> None:
    drag = 6 * np.pi * VISCOSITY * 0.5
    decay, deviation = thermal_step(0.0, drag, 0.04)
    assert decay == 1
    # D = kT / drag = 4.11e-3 / 8.39e-3 = 0.490 um^2 / s; sqrt(2 D t) = 0.198 um
    assert deviation == pytest.approx(0.198, abs=0.001)


def test_a_trapped_bead_forgets_and_keeps_its_thermal_spread() -> None:
    drag = 6 * np.pi * VISCOSITY * 1.0
    decay, deviation = thermal_step(10.0, drag, 100.0)
    assert decay == pytest.approx(0, abs=1e-12)
    assert deviation == pytest.approx(np.sqrt(THERMAL_ENERGY / 10.0))  # equipartition
    short_trapped, short_free = thermal_step(10.0, drag, 1e-7)[1], thermal_step(0.0, drag, 1e-7)[1]
    assert short_trapped == pytest.approx(short_free, rel=1e-3)


def test_two_half_steps_are_a_whole_one() -> None:
    decay, deviation = thermal_step(5.0, 0.01, 0.002)
    half_decay, half_deviation = thermal_step(5.0, 0.01, 0.001)
    assert decay == pytest.approx(half_decay**2)
    assert deviation**2 == pytest.approx(half_deviation**2 * (1 + half_decay**2))


def test_beads_move_but_not_far_and_some_stay_in_their_traps() -> None:
    spreads = []
    for rng in np.random.default_rng(1).spawn(12):
        paths = wander(Room((400, 500), 20.0), np.array([[250.0, 200.0], [300.0, 220.0]]), 0.5, 60, 0.1, rng)
        assert paths.shape == (60, SUBSTEPS, 2, 2)
        steps = np.linalg.norm(np.diff(paths.mean(axis=1), axis=0), axis=-1)
        assert steps.min() > 0
        # a free bead of 0.5 um: five times the square root of 2 D t for two directions and 0.04 s, in px
        assert steps.max() < 5 * np.sqrt(2) * 10 * thermal_step(0.0, 6 * np.pi * VISCOSITY * 0.5, 0.04)[1]
        spreads.append(paths[..., 0, 0].std())
    # in a trap of 1 pN / um or more: sqrt(kT / k) is 64 nm at most; free for a second or two, ten times that
    assert min(spreads) < 1.0
    assert max(spreads) > 2.0


def test_beads_in_a_crowd_keep_their_distance_at_every_moment() -> None:
    room = Room((64, 64), 12.0)
    for rng in np.random.default_rng(2).spawn(5):
        start = place(room, 6, True, rng)
        paths = wander(room, start, 0.4, 30, 0.1, rng)
        assert room.holds(paths)
        assert np.ptp(paths[:, :, 0], axis=(0, 1)).min() > 0
        assert paths.min() >= MARGIN_PX
