"""Rings lie exactly where the truth says, and are what diffraction makes of a sphere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from brightfield.simulate.beads.diffraction import (
    APERTURE,
    FINE_UM,
    MEDIUM,
    WAVELENGTH_UM,
    Sphere,
    draw_rings,
    ring_profile,
)

SHAPE = (176, 210)  # not square, and wide enough that no ring is cut
PIXEL_UM = 0.1


def profile_of(sphere: Sphere, condenser: float, z_um: float) -> npt.NDArray[np.float32]:
    return ring_profile(sphere, condenser, PIXEL_UM).at([z_um])[0]


def drawn(profile: npt.NDArray[np.float32], *path: tuple[float, float]) -> npt.NDArray[np.float32]:
    light = np.ones(SHAPE, dtype=np.float32)
    draw_rings(light, profile, 1.0, np.array(path), PIXEL_UM)
    return light


def entry(distance_um: npt.ArrayLike) -> npt.NDArray[np.intp]:
    return (np.asarray(distance_um) / FINE_UM).astype(np.intp)


def centroid(image: npt.NDArray[np.floating]) -> tuple[float, float]:
    """x and y of the centre of mass of the squared deviation from the background: bright and dark rings count alike.

    A symmetric pattern has it in its middle. Squared, the rings still have no detail finer than 0.13 um, more than a
    pixel, so the sum over pixels is the integral, whatever the phase.
    """
    weight = (image.astype(float) - 1) ** 2
    rows, columns = np.indices(image.shape)
    return float((weight * columns).sum() / weight.sum()), float((weight * rows).sum() / weight.sum())


@pytest.mark.parametrize(
    ("radius_um", "condenser", "z_um"), [(1.0, 0.15, -6.0), (1.0, 0.15, 1.2), (0.4, 0.06, 5.0), (0.8, 0.9, 0.6)]
)
def test_centroid_of_a_noiseless_bead_is_its_position(radius_um: float, condenser: float, z_um: float) -> None:
    profile = profile_of(Sphere(radius_um, 1.57, 0.5), condenser, z_um)
    phases = np.linspace(-0.5, 0.5, 5)
    errors = [
        np.subtract(centroid(drawn(profile, (104 + dx, 87 + dy))), (104 + dx, 87 + dy))
        for dx in phases
        for dy in phases
    ]
    assert np.abs(errors).max() < 0.002


def test_a_moving_bead_is_the_mean_of_its_places() -> None:
    profile = profile_of(Sphere(0.8, 1.57, 0.5), 0.1, 2.4)
    path = [(100.0, 80.0), (100.7, 80.2), (101.1, 79.5)]
    apart = np.mean([drawn(profile, place) for place in path], axis=0)
    np.testing.assert_allclose(drawn(profile, *path), apart, atol=2e-3)  # each box ends where its rings are that faint
    assert centroid(drawn(profile, *path)) == pytest.approx(np.mean(path, axis=0), abs=0.1)


def test_a_bead_is_drawn_from_its_profile_and_cut_by_the_frame() -> None:
    profile = profile_of(Sphere(0.7, 1.5, 0.5), 0.2, 2.0)
    whole, cut = drawn(profile, (105.0, 88.0)), drawn(profile, (3.0, 170.0))
    np.testing.assert_allclose(whole[88, 105:150], profile[entry(np.arange(45) * PIXEL_UM)], atol=0.01)
    np.testing.assert_allclose(cut[170, 3:40], whole[88, 105:142], atol=2e-3)
    assert (cut[:60] == 1).all()


def test_beads_multiply_and_contrast_scales_the_deviation() -> None:
    profile = profile_of(Sphere(0.7, 1.5, 0.5), 0.2, 2.0)
    light = np.full(SHAPE, 0.5, dtype=np.float32)
    draw_rings(light, profile, 0.4, np.array([[105.0, 88.0]]), PIXEL_UM)
    expected = 0.5 * (1 + 0.4 * (drawn(profile, (105.0, 88.0)) - 1))
    np.testing.assert_allclose(light, expected, atol=1e-3)


def test_light_is_one_far_from_the_bead() -> None:
    image = drawn(profile_of(Sphere(1.0, 1.57, 0.5), 0.1, 3.0), (100.0, 80.0))
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
    condenser, pixel = 0.1, 0.1
    variance = (z_um * condenser / (2 * MEDIUM)) ** 2 + 0.03**2 + pixel**2 / 12  # as the module's docstring says
    blurred = np.fft.ifft2(np.fft.fft2(intensity) * np.exp(-2 * np.pi**2 * variance * squared)).real
    profile = ring_profile(Sphere(radius, 1.57, 0.6), condenser, pixel).at([z_um])[0]
    centre = n // 2
    ours = profile[entry(axis[centre : centre + 80])]
    theirs = blurred[centre, centre : centre + 80]
    # the grid's sphere has steps
    assert (np.abs(theirs - ours) < 0.01 * np.maximum(theirs, 1)).all()


def test_heights_together_are_heights_one_by_one() -> None:
    rings = ring_profile(Sphere(0.7, 1.57, 0.2), 0.1, PIXEL_UM)
    together = rings.at([-2.5, 4.0])
    np.testing.assert_allclose(together[0], rings.at([-2.5])[0], atol=1e-6)
    np.testing.assert_allclose(together[1], rings.at([4.0])[0], atol=1e-6)


def test_contrast_inverts_through_focus() -> None:
    below, above = ring_profile(Sphere(0.7, 1.57, 0.2), 0.1, PIXEL_UM).at([-2.5, 2.5])
    assert above[0] > 1.5  # a bright core
    assert below[: entry(0.3)].min() < 0.5 < above[: entry(0.1)].min()  # dark


def test_open_condenser_leaves_a_core_and_one_ring() -> None:
    closed, wide = (profile_of(Sphere(0.7, 1.57, 0.2), aperture, 1.5) for aperture in (0.06, 0.6))
    assert wide[0] > 1.3
    assert wide[entry(0.5) : entry(1.25)].min() < 0.9  # the dark ring
    assert abs(wide[entry(2.0) :] - 1).max() < 0.5 * abs(closed[entry(2.0) :] - 1).max()


def test_wide_pixels_blur() -> None:
    sphere = Sphere(0.5, 1.59, 0.0)
    fine, coarse = (ring_profile(sphere, 0.3, pixel).at([1.0])[0] for pixel in (0.1, 0.4))
    assert np.ptp(coarse) < 0.9 * np.ptp(fine)
    distance = (np.arange(len(fine)) + 0.5) * FINE_UM
    # a blur moves light and loses none: the integral over the plane stays
    assert (distance * (fine - 1)).sum() == pytest.approx((distance * (coarse - 1)).sum(), abs=0.02 / FINE_UM)
