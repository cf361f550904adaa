"""Beads lie exactly where the truth says, and keep their distances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from brightfield.params import BeadsSimulation
from brightfield.simulate import simulate
from brightfield.simulate.beads import (
    MARGIN_PX,
    SEPARATION_PX,
    THERMAL_ENERGY,
    VISCOSITY,
    draw_movie,
    thermal_step,
)
from brightfield.simulate.beads.diffraction import APERTURE, MEDIUM, WAVELENGTH_UM, Sphere, draw_rings, ring_profile

SHAPE = (176, 210)  # not square, and wide enough that no ring is cut


def centroid(image: npt.NDArray[np.floating]) -> tuple[float, float]:
    """x and y of the squared deviation from the background: rings of either sign count."""
    weight = (image.astype(float) - 1) ** 2
    rows, columns = np.indices(image.shape)
    return float((weight * columns).sum() / weight.sum()), float((weight * rows).sum() / weight.sum())


@pytest.mark.parametrize("z_um", [-6.0, 1.2, 5.0])
@pytest.mark.parametrize(("x", "y"), [(104.0, 88.0), (104.25, 87.5), (103.9, 88.37), (105.5, 86.61)])
def test_centroid_of_a_noiseless_bead_is_its_position(x: float, y: float, z_um: float) -> None:
    profile = ring_profile(Sphere(1.0, 1.57, 0.5), 0.15, [z_um, z_um + 0.25]).at(z_um)
    found = centroid(draw_rings(profile, np.array([[x, y]]), 0.1, SHAPE))
    assert found == pytest.approx((x, y), abs=0.01)


def test_a_moving_bead_is_the_mean_of_its_places() -> None:
    profile = ring_profile(Sphere(0.8, 1.57, 0.5), 0.1, [2.0, 3.0]).at(2.4)
    path = np.array([[100.0, 80.0], [100.7, 80.2], [101.1, 79.5]])
    together = draw_rings(profile, path, 0.1, SHAPE)
    apart = np.mean([draw_rings(profile, place[None], 0.1, SHAPE) for place in path], axis=0)
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_light_is_one_far_from_the_bead() -> None:
    image = draw_rings(
        ring_profile(Sphere(1.0, 1.57, 0.5), 0.1, [3.0, 4.0]).at(3.0), np.array([[100.0, 80.0]]), 0.1, SHAPE
    )
    assert abs(image[:, -5:] - 1).max() < 0.01
    assert abs(image - 1).max() > 0.5


@pytest.mark.parametrize("z_um", [1.5, -4.0])
def test_profile_agrees_with_a_wave_propagated_on_a_grid(z_um: float) -> None:
    """The same physics by two-dimensional Fourier transforms, without the Bessel functions."""
    radius, step, n = 0.9, 0.05, 640
    axis = (np.arange(n) - n // 2) * step
    r = np.hypot(axis[:, None], axis)
    path = 2 * np.sqrt(np.clip(radius**2 - r**2, 0, None))
    wave = np.exp(2j * np.pi / WAVELENGTH_UM * (1.57 - MEDIUM) * path - 0.6 * path / 2)
    frequency = np.fft.fftfreq(n, step)
    squared = frequency[:, None] ** 2 + frequency**2
    axial = np.sqrt(np.clip((MEDIUM / WAVELENGTH_UM) ** 2 - squared, 0, None)) - MEDIUM / WAVELENGTH_UM
    pupil = (squared <= (APERTURE / WAVELENGTH_UM) ** 2) * np.exp(2j * np.pi * z_um * axial)
    intensity = abs(np.fft.ifft2(np.fft.fft2(wave) * pupil)) ** 2
    profile = ring_profile(Sphere(radius, 1.57, 0.6), 1e-4, [z_um, z_um + 0.1]).at(z_um)
    centre = n // 2
    on_axis = intensity[centre, centre : centre + 80]
    ours = profile[np.rint(axis[centre : centre + 80] / 0.005).astype(int)]
    # the profile is blurred by 0.04 um and the grid's sphere has steps: compare the shape, not the last per cent
    assert np.corrcoef(on_axis, ours)[0, 1] > 0.98
    assert abs(on_axis[6:] - ours[6:]).max() < 0.2


def test_contrast_inverts_through_focus() -> None:
    table = ring_profile(Sphere(0.7, 1.57, 0.2), 0.1, [-2.5, 2.5]).table
    assert table[0, 0] > 0
    assert table[1, 0] > 1.5  # above: a bright core
    assert table[0, :60].min() < 0.5 < table[1, :20].min()  # below: dark


def test_open_condenser_leaves_a_core_and_one_ring() -> None:
    closed, wide = (ring_profile(Sphere(0.7, 1.57, 0.2), aperture, [1.5, 2.0]).at(1.5) for aperture in (0.06, 0.6))
    assert wide[0] > 1.3
    assert wide[100:250].min() < 0.9  # the dark ring, 0.5 to 1.25 um from the centre
    assert abs(wide[400:] - 1).max() < 0.5 * abs(closed[400:] - 1).max()


@pytest.fixture(scope="module")
def params() -> BeadsSimulation:
    return BeadsSimulation(simulator="beads", movies=20, frames_per_movie=2, size_px=96, max_beads=3)


def test_movies_keep_to_the_frame_and_their_distances(params: BeadsSimulation) -> None:
    numbers = set()
    for record in simulate(params):
        positions = record.fields["positions"]
        numbers.add(len(positions))
        assert positions.dtype == np.float64
        assert positions.shape == (len(positions), 2)
        assert positions.min() >= MARGIN_PX
        assert positions.max() <= 95 - MARGIN_PX
        gaps = np.linalg.norm(positions[:, None] - positions, axis=-1) + 1e3 * np.eye(len(positions))
        assert gaps.min() >= SEPARATION_PX - 0.5  # the mean over an exposure may be a little nearer than any moment
        assert record.image.shape == (96, 96)
        assert record.image.dtype == np.uint16
        assert set(record.row) == {"frame", "movie", "defocus_um", "electrons"}
        assert 100 <= float(str(record.row["electrons"])) <= 3000
    assert numbers == {1, 2, 3}


def test_a_small_frame_holds_at_least_one_bead() -> None:
    small = BeadsSimulation(simulator="beads", movies=3, frames_per_movie=1, size_px=32, max_beads=5)
    assert {len(r.fields["positions"]) for r in simulate(small)} == {1}


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


def test_a_bead_moves_from_frame_to_frame_but_not_far() -> None:
    params = BeadsSimulation(simulator="beads", movies=4, frames_per_movie=40, size_px=200, max_beads=1)
    for rng in np.random.default_rng(1).spawn(4):
        centres = draw_movie(params, rng).paths.mean(axis=1)[:, 0]
        steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        assert steps.min() > 0
        assert steps.max() < 10  # five times sqrt(2 D t) of the smallest bead in the longest pause
