"""Each number answers to what it is named after, and to nothing else."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from brightfield.data.measuring import ALONE, COLOUR_RATIOS, MEASURES, WHITE, measure

FloatArray = npt.NDArray[np.float64]


def cells(count: int = 12, blur: float = 1.0, size: int = 192, seed: int = 0) -> FloatArray:
    """Discs of radius 6 that keep their distance, 0 to 1, on the same places whatever the blur."""
    rng = np.random.default_rng(seed)
    places = [(y, x) for y in range(16, size - 8, 24) for x in range(16, size - 8, 24)]
    y, x = np.mgrid[:size, :size]
    scene = np.zeros((size, size))
    for number in rng.permutation(len(places))[:count]:
        scene[np.hypot(y - places[number][0], x - places[number][1]) < 6] = 1
    return ndimage.gaussian_filter(scene, blur)


def photograph(scene: FloatArray, level: float = 20_000, contrast: float = 0.3, sigma: float = 100.0) -> npt.NDArray:
    """uint16 counts: dark cells on a bright ground, with white noise."""
    noise = np.random.default_rng(1).normal(0, sigma, scene.shape)
    return np.clip(level * (1 - contrast * scene) + noise, 0, 65535).astype(np.uint16)


def test_levels_are_those_of_the_image() -> None:
    found = measure(photograph(cells()))
    assert tuple(found) == (*MEASURES, *ALONE)
    assert found["light"] == pytest.approx(20_000 / 65_535, rel=0.01)
    assert found["contrast"] == pytest.approx(0.3, rel=0.1)
    assert found["noise"] == pytest.approx(100 / 20_000, rel=0.05)
    assert 0 < found["focus"] < 1
    assert 0 < found["density"] < 1


@pytest.mark.parametrize("sigma", [20.0, 100.0, 300.0])
def test_noise_is_that_which_was_added_whatever_the_structure(sigma: float) -> None:
    assert measure(photograph(cells(blur=1.5), sigma=sigma))["noise"] == pytest.approx(sigma / 20_000, rel=0.1)


def test_focus_falls_with_every_step_of_blur_and_hardly_with_noise() -> None:
    blurs = (0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
    quiet = [measure(photograph(cells(blur=blur), sigma=20))["focus"] for blur in blurs]
    noisy = [measure(photograph(cells(blur=blur), sigma=200))["focus"] for blur in blurs]
    assert all(a > b for a, b in pairwise(quiet))
    np.testing.assert_allclose(noisy[:4], quiet[:4], rtol=0.1)


def test_density_grows_with_the_number_of_cells() -> None:
    density = [measure(photograph(cells(count)))["density"] for count in (3, 8, 16, 32, 48)]
    assert all(a < b for a, b in pairwise(density))


def test_polarity_is_near_0_for_dark_cells_and_near_1_for_bright_ones() -> None:
    dark, bright = (measure(photograph(cells(8), contrast=contrast)) for contrast in (0.3, -0.3))
    assert dark["polarity"] < 0.1
    assert bright["polarity"] > 0.9
    assert measure(np.full((64, 64), 7, np.uint8))["polarity"] in (0.0, 1.0)


def test_more_light_changes_light_alone() -> None:
    dim, bright = (measure(photograph(cells(), level=level, sigma=level / 200)) for level in (8_000, 32_000))
    assert bright["light"] / dim["light"] == pytest.approx(4, rel=0.01)
    for name in ("contrast", "noise", "focus", "density"):
        assert bright[name] == pytest.approx(dim[name], rel=0.02)


def test_the_unit_of_floats_does_not_matter() -> None:
    counts = photograph(cells()).astype(np.float32)
    one, other = measure(counts), measure(counts / 65_535)
    assert one == pytest.approx(other, rel=1e-3)
    assert 0 <= one["light"] <= 1


def test_colour_has_two_ratios() -> None:
    grey = photograph(cells(), level=100, sigma=2).astype(np.uint8)
    found = measure(np.stack([grey, grey // 2, grey // 4], axis=-1))
    assert tuple(found) == (*MEASURES, *ALONE, *COLOUR_RATIOS)
    assert found["red"] == pytest.approx(2, rel=0.02)
    assert found["blue"] == pytest.approx(0.5, rel=0.02)


def test_a_contour_that_was_drawn_is_no_light() -> None:
    grey = photograph(cells(blur=3), level=150, sigma=2).astype(np.uint8)
    image = np.stack([grey, grey, grey], axis=-1)
    drawn = image.copy()
    y, x = np.mgrid[:192, :192]
    drawn[abs(np.hypot(y - 96, x - 96) - 40) < 0.8] = (255, 0, 0)
    assert measure(drawn) == pytest.approx(measure(image), rel=0.05)


def test_white_noise_leaves_in_the_octaves_what_is_taken_off() -> None:
    light = np.random.default_rng(0).standard_normal((1024, 1024))
    mask = np.array([1, 4, 6, 4, 1]) / 16
    for white in WHITE:
        smooth = ndimage.convolve1d(ndimage.convolve1d(light, mask, 0), mask, 1)
        assert np.mean(np.square(light - smooth)) == pytest.approx(white, rel=0.06)
        light = smooth[::2, ::2]


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (33, 47), (20, 20, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_image_has_finite_numbers(shape: tuple[int, ...], dtype: type) -> None:
    rng = np.random.default_rng(0)
    for image in (np.full(shape, 7, dtype), np.zeros(shape, dtype), rng.integers(0, 255, shape).astype(dtype)):
        assert all(np.isfinite(value) and value >= 0 for value in measure(image).values())
