"""Movies of many labs: dots and rings of both signs, crowds and empty frames, and positions as exact as in one lab."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brightfield.data.records import Record
from brightfield.params import BeadsAppearance, BeadsSimulation
from brightfield.simulate import simulate
from brightfield.simulate.beads import Movie, draw_light, draw_movie
from brightfield.simulate.beads.conditions import Conditions
from brightfield.simulate.beads.diffraction import FINE_UM, draw_rings
from brightfield.simulate.beads.spots import SpotProfile
from brightfield.simulate.beads.variety import CROWD, PIXEL, SPOT_PX, SPOT_SIGNAL_TO_NOISE, wide_conditions

WIDE = BeadsSimulation(simulator="beads", movies=80, frames_per_movie=1, size_px=96, max_beads=3, variety="wide")


@pytest.fixture(scope="module")
def movies() -> list[Movie]:
    return [draw_movie(WIDE, np.random.default_rng(seed)) for seed in range(200)]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(simulate(WIDE))


@pytest.fixture(scope="module")
def single_dots() -> list[Movie]:
    """Movies of one dot."""
    one = WIDE.model_copy(update={"max_beads": 1, "size_px": 64})
    drawn = [draw_movie(one, np.random.default_rng(seed)) for seed in range(120)]
    return [movie for movie in drawn if movie.paths.shape[2] == 1 and is_dots(movie)]


def is_dots(movie: Movie) -> bool:
    return isinstance(movie.rings, SpotProfile)


def alone(movie: Movie) -> np.ndarray:
    """The first frame without its background."""
    even = replace(movie, background=np.ones_like(movie.background))
    return np.asarray(next(iter(draw_light(even))), dtype=float)


def test_usual_is_the_default_and_wide_gives_other_bytes_that_stay_the_same(records: list[Record]) -> None:
    few = WIDE.model_copy(update={"movies": 4})
    default = BeadsSimulation(simulator="beads", movies=4, frames_per_movie=1, size_px=96, max_beads=3)
    usual = list(simulate(few.model_copy(update={"variety": "usual"})))
    for left, right, wide, first in zip(simulate(default), usual, simulate(few), records, strict=False):
        assert left.image.tobytes() == right.image.tobytes()
        assert wide.image.tobytes() == first.image.tobytes() != left.image.tobytes()
        assert wide.fields["positions"].tobytes() == first.fields["positions"].tobytes()


def test_types_and_rows_are_those_of_a_usual_movie(records: list[Record]) -> None:
    for record in records:
        assert record.image.dtype == np.uint16
        assert record.image.shape == record.fields["transmission"].shape == (96, 96)
        assert record.fields["positions"].shape == (record.row["beads"], 2)
        assert np.isfinite(record.fields["transmission"]).all()
        assert record.fields["transmission"].min() >= 0
        assert set(record.row) == {"frame", "movie", "beads", "defocus_um", "electrons", "read_noise", "suite"}


def test_some_frames_are_empty_and_others_crowded(movies: list[Movie], records: list[Record]) -> None:
    numbers = np.array([movie.paths.shape[2] for movie in movies])
    assert 0.01 < (numbers == 0).mean() < 0.1
    assert numbers.max() == CROWD * WIDE.max_beads
    assert (numbers > WIDE.max_beads).mean() > 0.2
    for record in records:
        if record.row["beads"] == 0:
            assert (record.fields["transmission"] == 1).all()
    assert any(record.row["beads"] == 0 for record in records)


def test_dots_and_rings_are_bright_and_dark_at_many_sizes(movies: list[Movie]) -> None:
    dots = [movie for movie in movies if is_dots(movie)]
    assert 0.3 < len(dots) / len(movies) < 0.6
    for some in (dots, [movie for movie in movies if not is_dots(movie)]):
        sides = np.array([np.sign(movie.defocus_um[0]) for movie in some])
        assert 0.3 < (sides > 0).mean() < 0.7
    widths = [movie.rings.width_um / movie.rings.pixel_um for movie in dots if isinstance(movie.rings, SpotProfile)]
    assert SPOT_PX[0] <= min(widths) < 0.5
    assert 2.5 < max(widths) <= SPOT_PX[1] + 1e-9
    factors = np.array([movie.rings.pixel_um for movie in movies]) / WIDE.pixel_size_um
    assert PIXEL[0] <= factors.min() < 0.6
    assert 1.8 < factors.max() <= PIXEL[1]
    for movie in dots:
        if len(movie.contrast):
            difference = alone(movie) - 1
            assert difference.sum() * movie.defocus_um[0] > 0  # bright cores where the truth says so


def test_light_and_noise_are_from_clear_to_poor(movies: list[Movie]) -> None:
    electrons = np.array([movie.electrons for movie in movies])
    assert electrons.min() < 200
    assert electrons.max() > 1e4
    assert {movie.camera.bits for movie in movies} == {8, 12, 16}


def test_every_bead_stands_out_of_the_noise(single_dots: list[Movie]) -> None:
    """Or is black: it cannot be darker. Measured on the drawn light, apart from motion blur, which takes some."""
    ratios = []
    for movie in single_dots:
        still = replace(movie, paths=np.repeat(movie.paths[:, :1], movie.paths.shape[1], axis=1))
        deviation = alone(still) - 1
        noise = np.hypot(np.sqrt(movie.electrons + movie.camera.read_noise**2) / movie.electrons, movie.response.std())
        if deviation.min() > -0.7:
            ratios.append(np.sqrt((deviation**2).sum()) / noise)
    assert len(ratios) > 10
    assert min(ratios) > 0.8 * SPOT_SIGNAL_TO_NOISE


def test_dots_lie_where_the_truth_says(single_dots: list[Movie]) -> None:
    """The centre of mass of the light without background; dots smaller than a pixel may be off by a tenth."""
    errors = []
    for movie in single_dots:
        x, y = movie.paths[0, :, 0].mean(axis=0)
        weight = np.abs(alone(movie) - 1)
        rows, columns = np.indices(weight.shape)
        if min(x, y, 63 - x, 63 - y) > 5 * SPOT_PX[1]:
            found = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
            errors.append(np.hypot(found[0] - x, found[1] - y))
    assert len(errors) > 8
    assert np.median(errors) < 0.02
    assert max(errors) < 0.2


@pytest.mark.parametrize("place", [(20.0, 21.0), (20.3, 20.8), (20.5, 20.5)])
@pytest.mark.parametrize("width_px", [0.8, 1.5, 3.0])
def test_a_dot_is_a_gaussian_with_the_blur_of_a_pixel(width_px: float, place: tuple[float, float]) -> None:
    spot, light = SpotProfile(width_px * 0.1, -1.0, 0.1), np.ones((41, 41), np.float32)
    draw_rings(light, spot.at([0.0])[0], 0.5, np.array([place]), 0.1)
    variance = width_px**2 + 1 / 12
    rows, columns = np.indices(light.shape)
    squared = (columns - place[0]) ** 2 + (rows - place[1]) ** 2
    expected = 1 - 0.5 * width_px**2 / variance * np.exp(-squared / (2 * variance))
    np.testing.assert_allclose(light, expected, atol=2e-3)


def test_a_dot_out_of_focus_is_wider_with_the_same_light() -> None:
    spot = SpotProfile(0.15, 1.0, 0.05)
    near, far = spot.at([0.0, 2.0])
    radius = (np.arange(len(near)) + 0.5) * FINE_UM
    assert near.max() > 1.3 * (far.max() - 1) + 1
    assert ((far - 1) * radius).sum() == pytest.approx(((near - 1) * radius).sum(), rel=1e-2)
    assert spot.at([]).shape[0] == 0


def test_debris_never_lies_among_dots_or_alone() -> None:
    for seed in range(200):
        how = wide_conditions(np.random.default_rng(seed))
        if how.spot_px is not None or how.empty:
            assert how.debris == 0
    assert Conditions().debris > 0


def test_an_appearance_stands_over_what_is_wide() -> None:
    own = BeadsAppearance(radius_um=(0.5, 0.5), electrons=(5000.0, 6000.0), offset=(7.0, 7.0), defocus_um=(1.0, 1.1))
    for seed in range(20):
        movie = draw_movie(WIDE.model_copy(update={"appearance": own}), np.random.default_rng(seed))
        assert not is_dots(movie)
        assert 5000 <= movie.electrons <= 6000
        assert movie.camera.offset == 7
        assert 1.0 <= np.abs(movie.defocus_um).min() <= 1.1
