"""Image formation against what is known without computing: nothing, plane waves, conservation, symmetry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from brightfield.simulate.bacteria.abbe import (
    APERTURE,
    BRIGHTFIELD,
    MEDIUM,
    WAVELENGTH_UM,
    Illumination,
    form_image,
    phase_contrast,
)

PHASE = phase_contrast(amplitude=0.5, width=0.2)
both = pytest.mark.parametrize("light", [BRIGHTFIELD, PHASE], ids=["brightfield", "phase"])


def bump(phase: float) -> npt.NDArray[np.complex64]:
    """A transparent Gaussian bump of 0.4 um, (96, 128) pixels of 0.065 um."""
    rows, columns = np.indices((96, 128))
    squared = ((rows - 48) ** 2 + (columns - 64) ** 2) * 0.065**2
    return np.asarray(np.exp(1j * phase * np.exp(-squared / (2 * 0.4**2))), dtype=np.complex64)


@both
def test_nothing_is_uniform_light(light: Illumination) -> None:
    images = form_image(np.ones((96, 128), np.complex64), 0.065, (-1.0, 0.0, 1.0), light)
    np.testing.assert_allclose(images, 1.0, atol=1e-4)


def test_a_grey_filter_dims_by_its_square() -> None:
    images = form_image(np.full((64, 64), 0.8, np.complex64), 0.065, (0.5,), BRIGHTFIELD)
    np.testing.assert_allclose(images, 0.64, atol=1e-4)


def test_a_transparent_object_shows_out_of_focus_and_inverts_through_it() -> None:
    below, focus, above = form_image(bump(0.4), 0.065, (-1.0, 0.0, 1.0), BRIGHTFIELD)
    contrast = [float(image[48, 64] - 1) for image in (below, focus, above)]
    assert contrast[0] < -0.05
    assert contrast[2] > 0.05
    assert abs(contrast[1]) < 0.3 * min(abs(contrast[0]), contrast[2])


def test_defocus_only_moves_light() -> None:
    images = form_image(bump(0.4), 0.065, (-1.0, 0.0, 1.0), BRIGHTFIELD)
    np.testing.assert_allclose(images.mean(axis=(1, 2)), images[1].mean(), rtol=1e-4)


def test_phase_contrast_shows_a_transparent_object_dark_in_focus_with_a_bright_halo() -> None:
    (image,) = form_image(bump(0.3), 0.065, (0.0,), PHASE)
    assert image[48, 64] < 0.7
    assert image.max() > 1.05


def test_the_image_is_not_mirrored_or_shifted() -> None:
    transmission = np.ones((96, 128), np.complex64)
    transmission[30:33, 90:93] = 0.2
    (image,) = form_image(transmission, 0.065, (0.0,), BRIGHTFIELD)
    assert np.unravel_index(image.argmin(), image.shape) == (31, 91)


@both
@pytest.mark.parametrize("shape", [(96, 128), (75, 81)])
def test_fewer_samples_on_the_way_change_nothing(light: Illumination, shape: tuple[int, int]) -> None:
    """Against the sum over the condenser as it is written, on the whole grid, for an object rough at every scale."""
    pixel_um, z_um = 0.065, 0.7
    phase = np.random.default_rng(0).normal(0, 0.3, shape)
    spectrum = np.fft.fft2(np.exp(1j * phase))
    expected = np.zeros(shape)
    for sx, sy in light.points():
        fy, fx = np.fft.fftfreq(shape[0], pixel_um)[:, None] + sy, np.fft.fftfreq(shape[1], pixel_um) + sx
        radius = np.hypot(fy, fx) * WAVELENGTH_UM  # numerical aperture
        pupil = np.exp(2j * np.pi * z_um * np.sqrt((MEDIUM**2 - np.minimum(radius, MEDIUM) ** 2) / WAVELENGTH_UM**2))
        pupil[radius > APERTURE] = 0
        if light.plate is not None:
            pupil[(radius >= light.plate[0]) & (radius <= light.plate[1])] *= -1j * light.amplitude
        expected += abs(np.fft.ifft2(spectrum * pupil)) ** 2
    (image,) = form_image(np.exp(1j * phase).astype(np.complex64), pixel_um, (z_um,), light)
    np.testing.assert_allclose(image, expected / len(light.points()) / light.amplitude**2, atol=1e-4)
