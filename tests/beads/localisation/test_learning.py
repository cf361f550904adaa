"""Profiles where the first answer is wrong or incomplete: rings that overlap, several appearances, no bead at all."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.kinds import split_kinds
from brightfield.beads.localisation.learning import Learned, learn
from brightfield.errors import BrightfieldError
from brightfield.metrics.tracking import match
from brightfield.simulate.beads.diffraction import Sphere, draw_rings, ring_profile
from rings import ELECTRONS, PIXEL_UM, exposed

Frames = list[tuple[np.ndarray, np.ndarray]]


def appearance(radius_um: float, height_um: float) -> np.ndarray:
    profile: np.ndarray = ring_profile(Sphere(radius_um, 1.57, 0.5), 0.15, PIXEL_UM).at([height_um])[0]
    return profile


def scene(
    beads: list[tuple[np.ndarray, int, float]], shape: tuple[int, int], rng: np.random.Generator, apart: float
) -> tuple[np.ndarray, np.ndarray]:
    """A frame with some beads of each appearance (profile, number, contrast), and their places in this order."""
    light, places = np.ones(shape, dtype=np.float32), np.empty((0, 2))
    for profile, number, contrast in beads:
        target = len(places) + number
        while len(places) < target:
            place = rng.uniform(14, np.array(shape[::-1]) - 14)
            if (np.hypot(*(places - place).T) >= apart).all():
                places = np.vstack([places, place])
                draw_rings(light, profile, contrast, place[None], PIXEL_UM)
    return exposed(ELECTRONS * light.astype(np.float64), rng), places


def recall(learned: Learned, frames: Frames, rows: slice = slice(None)) -> float:
    pairs = [
        len(match(found.positions, places[rows], 1.0)[0])
        for found, (_, places) in zip(learned.located, frames, strict=True)
    ]
    return sum(pairs) / sum(len(places[rows]) for _, places in frames)


def precision(learned: Learned, frames: Frames) -> float:
    found = sum(len(one.positions) for one in learned.located)
    return recall(learned, frames) * sum(len(places) for _, places in frames) / max(found, 1)


def test_defocused_beads_that_overlap_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    profile, frames = appearance(1.0, 9.0), []
    for _ in range(2):
        light = np.ones((96, 96), dtype=np.float32)
        places = np.array([[27.1, 56.1], [59.7, 54.0], [61.7, 71.1]]) + rng.uniform(-0.1, 0.1, (3, 2))
        for place in places:
            draw_rings(light, profile, 1.0, place[None], PIXEL_UM)
        frames.append((exposed(ELECTRONS * light.astype(np.float64), rng), places))
    learned = learn([frame for frame, _ in frames])
    assert [len(found.positions) for found in learned.located] == [3] * 2
    assert recall(learned, frames) == 1
    assert learned.check.explained > 0.8
    assert not learned.check.implausible


def test_a_crowd_teaches_its_own_profile() -> None:
    rng = np.random.default_rng(1)
    frames = [scene([(appearance(0.8, 6.0), 14, 1.0)], (200, 200), rng, 30) for _ in range(2)]
    learned = learn([frame for frame, _ in frames])
    assert recall(learned, frames) > 0.95
    assert precision(learned, frames) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    "beads",
    [
        [(appearance(0.6, 3.0), 8, 1.0), (appearance(0.6, 3.0), 8, -0.8)],
        [(appearance(0.3, 2.0), 8, 1.0), (appearance(1.2, 5.0), 8, 1.0)],
        [(appearance(0.6, 3.0), 8, 1.0), (appearance(0.6, -3.0), 8, 1.0)],
    ],
    ids=["opposite contrast", "small and large", "bright and dark cores"],
)
def test_plainly_different_appearances_are_all_found(beads: list[tuple[np.ndarray, int, float]]) -> None:
    rng = np.random.default_rng(2)
    frames = [scene(beads, (180, 200), rng, 34) for _ in range(3)]
    learned = learn([frame for frame, _ in frames])
    assert len(learned.profiles) >= 2
    assert recall(learned, frames, slice(0, 8)) >= 0.95
    assert recall(learned, frames, slice(8, 16)) >= 0.95
    assert precision(learned, frames) >= 0.95


def test_where_the_first_answer_is_good_it_stays_to_the_last_digit() -> None:
    rng = np.random.default_rng(3)
    frames = [scene([(appearance(1.0, 4.0), 5, 1.0)], (150, 170), rng, 40)[0] for _ in range(3)]
    learned, first = learn(frames), split_kinds(frames, calibrate(frames))
    assert len(learned.profiles) == len(first) == 1
    np.testing.assert_array_equal(learned.profiles[0].coefficients, first[0].coefficients)
    assert learned.check.explained > 0.95


SHAPE = (70, 90)


def empty(kind: str, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    noise = rng.normal(1000, 15, SHAPE)
    light = 1 - 0.1 * (x**2 + y**2) + 0.1 * x
    dust = 1 - 0.06 * np.exp(-0.5 * ((x - 0.3) ** 2 + (y + 0.2) ** 2) / 0.3**2)
    frames = {
        "constant": np.full(SHAPE, 1000),
        "gauss": noise,
        "gauss of 8 bits": noise / 10,
        "poisson": rng.poisson(3, SHAPE),
        "uneven light": rng.poisson(2000 * light),
        "dust": rng.poisson(2000 * light * dust),
        "rows": noise + rng.normal(0, 6, (SHAPE[0], 1)),
    }
    return np.rint(frames[kind]).astype(np.uint8 if "8 bits" in kind else np.uint16)


@pytest.mark.parametrize("kind", ["constant", "gauss", "gauss of 8 bits", "poisson", "uneven light", "dust", "rows"])
@pytest.mark.parametrize("seed", [0, 1])
def test_where_nothing_is_nothing_is_found(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with pytest.raises(BrightfieldError, match=r"^No bead was found in the 2 frames examined: [^\n]+$"):
        learn([empty(kind, rng) for _ in range(2)])


@pytest.mark.parametrize("share", [5e-4, 5e-3])
def test_single_pixels_are_no_beads(share: float) -> None:
    rng = np.random.default_rng(4)
    hot, frames = rng.random(SHAPE) < share, []
    for _ in range(3):
        frames.append(empty("gauss", rng))
        frames[-1][hot] = 4000
    with pytest.raises(BrightfieldError, match=r"^No bead was found .* single pixels"):
        learn(frames)
    one = empty("gauss", rng)
    one[40, 51] = 4000
    with pytest.raises(BrightfieldError, match="No bead was found"):
        learn([one])


def test_beads_among_hot_pixels_are_found() -> None:
    rng = np.random.default_rng(5)
    frames = [scene([(appearance(0.3, 2.0), 6, 1.0)], (150, 170), rng, 30) for _ in range(2)]
    hot = rng.random((150, 170)) < 6e-4
    for frame, _ in frames:
        frame[hot] = 20_000
    assert recall(learn([frame for frame, _ in frames]), frames) > 0.9


def test_frames_too_small_to_learn_from_are_refused_as_such() -> None:
    with pytest.raises(BrightfieldError, match="16 x 16 px or more"):
        learn([np.zeros((10, 10), np.uint16)])
    with pytest.raises(BrightfieldError, match="3 px or more"):
        learn([np.zeros((50, 50), np.uint16)], diameter=2)
