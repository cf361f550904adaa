"""The noise of a camera, found and made even."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.architectures.stabilising import CameraNoise, noise_of

SIZE = 256


def steps() -> np.ndarray:
    """Sixteen bands of 5 to 80 electrons."""
    return np.repeat(np.linspace(5, 80, 16), SIZE // 16)[:, None].repeat(SIZE, axis=1)


def taken(electrons: np.ndarray, gain: float = 1.0, offset: float = 0.0, read_noise: float = 1.6) -> np.ndarray:
    rng = np.random.default_rng(0)
    counts = rng.poisson(electrons) + rng.normal(0, read_noise, electrons.shape)
    return np.asarray(gain * counts + offset, dtype=np.float32)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_the_noise_is_measured_whatever_the_image_shows(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, (128, 128)).astype(np.float32)
    y, x = np.mgrid[:128, :128]
    assert noise_of(noise) == pytest.approx(sigma, rel=0.05)
    assert noise_of(100 * y.astype(np.float32) + noise) == pytest.approx(sigma, rel=0.05)
    stripes = np.asarray(np.sin(x / 4) + (y > 64), dtype=np.float32)
    assert noise_of(stripes + noise) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (3.0, 100.0), (0.02, -1.0)])
def test_the_line_of_the_noise_is_found_in_any_units(gain: float, offset: float) -> None:
    noise = CameraNoise.of(taken(steps(), gain, offset))
    assert noise.slope == pytest.approx(gain, rel=0.15)
    middle = gain * 40 + offset
    assert noise.slope * middle + noise.dark == pytest.approx(gain**2 * (40 + 1.6**2), rel=0.1)


@pytest.mark.parametrize("level", [5.0, 20.0, 80.0])
def test_stabilised_noise_has_a_deviation_of_one_and_comes_back_without_bias(level: float) -> None:
    noise = CameraNoise(slope=2.0, dark=4 * 1.6**2 - 2 * 10)  # gain 2, offset 10
    image = taken(np.full((SIZE, SIZE), level), 2.0, 10.0)
    stabilised = noise.stabilise(image)
    assert stabilised.std() == pytest.approx(1, abs=0.06)
    back = noise.restore(np.full((1, 1), stabilised.mean(), np.float32))
    assert float(back[0, 0]) == pytest.approx(2 * level + 10, rel=0.01)


def test_white_noise_is_only_scaled() -> None:
    image = np.random.default_rng(0).normal(50, 3, (SIZE, SIZE)).astype(np.float32)
    assert CameraNoise(0.0, 9.0).stabilise(image).std() == pytest.approx(1, abs=0.02)
    noise = CameraNoise.of(image)
    np.testing.assert_allclose(noise.restore(noise.stabilise(image)).mean(), 50, rtol=0.01)
    assert noise.stabilise(image).std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 90)])
@pytest.mark.filterwarnings("error")
def test_a_small_or_constant_image_is_no_error(shape: tuple[int, int]) -> None:
    for image in (np.full(shape, 7, np.float32), np.arange(np.prod(shape), dtype=np.float32).reshape(shape)):
        noise = CameraNoise.of(image)
        assert np.isfinite(noise.restore(noise.stabilise(image))).all()
