"""Grey, floats and normalisation: numbers by hand, and what can be undone."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import images


def test_to_float_divides_by_the_largest_of_the_type() -> None:
    np.testing.assert_allclose(images.to_float(np.array([[0, 51, 255]], np.uint8)), [[0, 0.2, 1]], atol=1e-7)
    np.testing.assert_allclose(images.to_float(np.array([[0, 65535]], np.uint16)), [[0, 1]])
    np.testing.assert_allclose(images.to_float(np.array([[-3.5, 7]], np.float32)), [[-3.5, 7]])


def test_to_grey_keeps_equal_channels_and_weighs_others() -> None:
    equal = np.repeat(np.array([[[7], [200]]], np.uint8), 3, axis=2)
    assert images.to_grey(equal).tolist() == [[7, 200]]
    assert images.to_grey(np.array([[[100, 200, 50]]], np.uint8)).tolist() == [[153]]  # 29.9 + 117.4 + 5.7


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
def test_normalise_gives_mean_0_and_std_1_and_can_be_undone(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(65_000, 65_536, shape, dtype=np.uint16)
    values, mean, std = images.normalise(image)
    assert values.dtype == np.float32
    assert values.mean(dtype=np.float64) == pytest.approx(0, abs=1e-4)
    assert values.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(values * std + mean, image, atol=0.01)


def test_normalise_keeps_differences_in_colour() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200
    values, _, _ = images.normalise(image)
    assert (values[..., 0] > values[..., 1]).all()


@pytest.mark.parametrize("value", [0, 0.1, 1e-12, 65535.0, 1e30])
def test_a_constant_image_normalises_to_zero(value: float) -> None:
    values, mean, std = images.normalise(np.full((16, 17), value, np.float32))
    assert not values.any()
    assert std == 1.0
    assert mean == pytest.approx(value, rel=1e-6)
