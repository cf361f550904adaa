"""Movies of beads: exact positions, distances kept, trouble drawn, and suites that change one thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brightfield.data.records import Record
from brightfield.params import BeadsAppearance, BeadsSimulation, Suite
from brightfield.simulate import simulate
from brightfield.simulate.beads import RAMP_UM, Movie, draw_light, draw_movie, simulate_group
from brightfield.simulate.beads.conditions import DEFOCUS_UM, ELECTRONS, VISIBLE
from brightfield.simulate.beads.diffraction import FINE_UM
from brightfield.simulate.beads.motion import CONTACT_PX, MARGIN_PX, SEPARATION_PX


@pytest.fixture(scope="module")
def params() -> BeadsSimulation:
    return BeadsSimulation(simulator="beads", movies=40, frames_per_movie=2, size_px=96, width_px=128, max_beads=3)


@pytest.fixture(scope="module")
def records(params: BeadsSimulation) -> list[Record]:
    return list(simulate(params))


def movies(params: BeadsSimulation, n: int, suite: Suite | None = None) -> list[Movie]:
    """The same draws for each suite."""
    return [draw_movie(params, np.random.default_rng(seed), suite) for seed in range(n)]


def nearest(positions: np.ndarray) -> float:
    gaps = np.linalg.norm(positions[:, None] - positions, axis=-1)
    return float((gaps + 1e3 * np.eye(len(positions))).min())


def test_records_say_what_was_drawn(records: list[Record]) -> None:
    for record in records:
        positions = record.fields["positions"]
        assert record.image.shape == (96, 128)
        assert record.image.dtype == np.uint16
        assert positions.dtype == np.float64
        assert positions.shape == (record.row["beads"], 2)
        assert set(record.row) == {"frame", "movie", "beads", "defocus_um", "electrons", "read_noise", "suite"}
        assert 100 <= float(str(record.row["electrons"])) <= 3000
        assert 0.3 <= abs(float(str(record.row["defocus_um"]))) <= DEFOCUS_UM[1] + RAMP_UM[1]
    assert {record.row["beads"] for record in records} == {1, 2, 3}


def test_transmission_is_that_of_the_beads_and_of_nothing_else(params: BeadsSimulation) -> None:
    for seed in range(4):
        movie = draw_movie(params, np.random.default_rng(seed))
        record = next(simulate_group(params, 0, np.random.default_rng(seed)))
        alone = next(iter(draw_light(replace(movie, background=np.ones_like(movie.background)))))
        assert record.fields["transmission"].dtype == np.float16
        np.testing.assert_allclose(record.fields["transmission"].astype(float), alone, rtol=2e-3)


def test_beads_keep_to_the_frame_and_some_touch(records: list[Record]) -> None:
    gaps = []
    for record in records:
        positions = record.fields["positions"]
        assert positions.min() >= MARGIN_PX
        assert (positions <= np.array([127, 95]) - MARGIN_PX).all()
        gaps.append(nearest(positions))
    # the mean over an exposure may be a little nearer than any moment
    assert min(gaps) >= CONTACT_PX - 0.5
    touching = np.mean([gap < SEPARATION_PX - 0.5 for gap in gaps])
    assert 0.02 < touching < 0.4


def test_light_is_lowest_or_highest_where_the_truth_says(params: BeadsSimulation) -> None:
    """On a frame that is not square: swapped coordinates or a shift of a pixel would lose the beads."""
    found = 0
    for movie in movies(params, 30):
        alone = replace(movie, background=np.ones_like(movie.background))
        path, light = movie.paths[0], next(iter(draw_light(alone)))
        if path.shape[1] > 1:
            continue
        (x, y), weight = path[:, 0].mean(axis=0), (light.astype(float) - 1) ** 2
        row, column = np.unravel_index(weight.argmax(), weight.shape)
        assert np.hypot(column - x, row - y) < 45  # the strongest point lies on a ring, at most
        reach = int(min(x, 127 - x, y, 95 - y))
        rows, columns = np.indices(weight.shape)
        near = np.hypot(columns - x, rows - y) < reach
        centre = (
            (weight * near * columns).sum() / (weight * near).sum(),
            (weight * near * rows).sum() / (weight * near).sum(),
        )
        assert centre == pytest.approx((x, y), abs=0.5)  # a disc of whole pixels is not quite centred
        found += 1
    assert found > 3


def test_each_bead_can_be_seen_in_the_first_frame(params: BeadsSimulation) -> None:
    for movie in movies(params, 20):
        deviation = movie.contrast * np.abs(movie.profiles - 1).max(axis=1)
        assert (deviation >= VISIBLE - 1e-5).all()


def test_a_share_of_movies_is_near_focus_under_an_open_condenser(params: BeadsSimulation) -> None:
    still = [movie for movie in movies(params, 80) if np.ptp(movie.defocus_um) == 0]
    everyday = [movie for movie in still if movie.rings.condenser > 0.4 and abs(movie.defocus_um[0]) < 1.2]
    assert 0.2 < len(everyday) / len(still) < 0.7
    # what such frames show: a bright core of about the bead's size in one dark ring, and nothing beyond
    like = 0
    for movie in everyday:
        for profile, height in zip(movie.profiles, movie.defocus_um[0] + movie.heights_um, strict=True):
            ring = profile[: int(2.0 / FINE_UM)]
            dark = int(ring.argmin())
            like += height > 0 and ring[: max(dark // 3, 1)].mean() > 1.2 and ring[dark] < 0.9
            assert np.abs(profile[int(5.0 / FINE_UM) :] - 1).max() < 0.1
    assert like >= 5


def test_focus_changes_during_some_movies(params: BeadsSimulation) -> None:
    changes = np.array([np.ptp(movie.defocus_um) for movie in movies(params, 60)])
    assert 0.1 < (changes > 0).mean() < 0.45
    assert RAMP_UM[0] <= changes[changes > 0].min() <= changes.max() <= RAMP_UM[1]
    ramped = next(movie for movie in movies(params, 60) if np.ptp(movie.defocus_um) > 1)
    still = replace(ramped, background=np.ones_like(ramped.background), paths=ramped.paths[[0, 0]])
    first, last = draw_light(still)
    assert abs(first - last).max() > 0.1  # beads that do not move look different


def test_a_small_frame_holds_at_least_one_bead() -> None:
    small = BeadsSimulation(simulator="beads", movies=6, frames_per_movie=1, size_px=32, max_beads=5)
    for record in simulate(small):
        assert 1 <= len(record.fields["positions"]) <= 2


def test_suite_focus_is_nearer_or_farther_than_training_on_both_sides(params: BeadsSimulation) -> None:
    defocus = np.array([movie.defocus_um for movie in movies(params, 40, "focus")])
    near, far = np.abs(defocus) < DEFOCUS_UM[0], np.abs(defocus) > DEFOCUS_UM[1] + RAMP_UM[1]
    assert (near ^ far).all()
    for part in (near, far):
        assert 0.25 < part.mean() < 0.75
        assert set(np.sign(defocus[part])) == {-1, 1}


def test_suite_density_has_many_beads_some_of_which_touch(params: BeadsSimulation) -> None:
    usual = [movie.paths.shape[2] for movie in movies(params, 20)]
    dense = movies(params, 20, "density")
    assert np.mean([movie.paths.shape[2] for movie in dense]) > 3 * np.mean(usual)
    gaps = [nearest(movie.paths[0].mean(axis=0)) for movie in dense]
    assert np.mean([gap < SEPARATION_PX for gap in gaps]) > 0.5
    assert min(gaps) >= CONTACT_PX - 0.5


def test_suite_light_is_dim_and_uneven(params: BeadsSimulation) -> None:
    dim, usual = movies(params, 20, "light"), movies(params, 20)
    assert max(movie.electrons for movie in dim) < ELECTRONS[0]
    uneven = [np.mean([np.ptp(movie.background.mean(axis=0)) for movie in which]) for which in (dim, usual)]
    assert uneven[0] > 2 * uneven[1]


def test_suite_camera_has_coarse_steps_and_a_pattern(params: BeadsSimulation) -> None:
    for movie in movies(params, 5, "camera"):
        assert movie.camera.bits == 8
        assert movie.camera.read_noise >= 10
        assert movie.response.std() == pytest.approx(0.04, rel=0.1)
    small = params.model_copy(update={"movies": 3, "suites": ["camera"], "suite_groups": 1})
    record = next(r for r in simulate(small) if r.row["suite"] == "camera")
    assert record.image.dtype == np.uint16  # as in the other splits
    assert record.image.max() <= 255


UNCHANGED = {
    "focus": ["electrons", "paths", "background", "camera", "response"],
    "density": ["electrons", "defocus_um", "background", "camera", "response"],
    "light": ["contrast", "heights_um", "profiles", "defocus_um", "paths", "response"],
    "camera": ["electrons", "contrast", "heights_um", "profiles", "defocus_um", "paths", "background"],
}


@pytest.mark.parametrize("suite", UNCHANGED)
def test_a_suite_leaves_the_rest_as_it_was_drawn(params: BeadsSimulation, suite: Suite) -> None:
    for usual, changed in zip(movies(params, 5), movies(params, 5, suite), strict=True):
        for name in UNCHANGED[suite]:
            before, after = getattr(usual, name), getattr(changed, name)
            same = before == after if name == "camera" else np.array_equal(before, after)
            assert same, name


def test_an_appearance_takes_the_place_of_the_ranges(params: BeadsSimulation) -> None:
    own = BeadsAppearance(
        electrons=(5000.0, 6000.0),
        contrast=(0.5, 0.5),
        defocus_um=(1.0, 1.1),
        radius_um=(0.5, 0.5),
        offset=(7.0, 7.0),
        electrons_per_count=(30.0, 30.0),
        read_noise=(4.0, 4.0),
    )
    for movie in movies(params.model_copy(update={"appearance": own}), 5):
        assert 5000 <= movie.electrons <= 6000
        assert 1.0 <= np.abs(movie.defocus_um).min() <= 1.1
        assert (movie.camera.offset, movie.camera.electrons_per_count, movie.camera.read_noise) == (7, 30, 4)
        strongest = np.abs(movie.profiles - 1).max(axis=1)
        assert (movie.contrast <= np.maximum(0.5, VISIBLE / strongest) + 1e-6).all()
