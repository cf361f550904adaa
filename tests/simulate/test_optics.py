"""The camera against its formula, and the shared random fields."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.simulate.optics import (
    Camera,
    around,
    dust,
    illumination,
    log_uniform,
    pixel_response,
    smooth_field,
)


@pytest.mark.parametrize("electrons", [0.0, 7.0, 900.0])
def test_noise_has_the_mean_and_variance_of_the_formula(electrons: float) -> None:
    camera = Camera(electrons_per_count=0.4, offset=100, read_noise=2.0, row_noise=0.5)
    counts = camera.expose(np.full((1200, 300), electrons), np.random.default_rng(0)).astype(float)
    # shot noise + read noise + row noise, in counts, and what rounding adds
    variance = (electrons + 2.0**2 + 0.5**2) / 0.4**2 + 1 / 12
    assert counts.mean() == pytest.approx(100 + electrons / 0.4, abs=4 * np.sqrt(variance / counts.size) + 0.15)
    assert counts.var() == pytest.approx(variance, rel=0.02)


def test_row_noise_is_shared_by_a_row() -> None:
    camera = Camera(read_noise=0.0, row_noise=20.0, offset=1000)
    counts = camera.expose(np.zeros((500, 50)), np.random.default_rng(1))
    assert (counts == counts[:, :1]).all()
    assert counts[:, 0].std() == pytest.approx(20, rel=0.15)


def test_mean_of_many_exposures_approaches_the_expected_counts() -> None:
    rng = np.random.default_rng(2)
    electrons = rng.uniform(0, 50, (20, 30))
    camera = Camera(electrons_per_count=0.5, offset=100, read_noise=1.5, row_noise=0.2)
    mean = np.mean([camera.expose(electrons, rng) for _ in range(2000)], axis=0)
    standard_error = np.sqrt((electrons + 1.5**2 + 0.2**2) / 0.5**2 / 2000)
    deviation = (mean - camera.expected_counts(electrons)) / standard_error
    assert abs(deviation).max() < 5
    assert deviation.std() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("bits", "top", "dtype"), [(8, 255, np.uint8), (12, 4095, np.uint16), (16, 65535, np.uint16)])
def test_saturates_at_the_bit_depth(bits: int, top: int, dtype: type) -> None:
    counts = Camera(bits=bits).expose(np.array([[1e6, 0.0]]), np.random.default_rng(0))
    assert counts.dtype == dtype
    assert counts[0, 0] == top


def test_pixel_response_scales_the_light_and_stays() -> None:
    rng = np.random.default_rng(3)
    response = pixel_response((40, 50), rng, deviation=0.05)
    camera = Camera(offset=0, read_noise=0, row_noise=0)
    mean = np.mean([camera.expose(np.full((40, 50), 1e4), rng, response) for _ in range(20)], axis=0)
    assert np.corrcoef(mean.ravel(), response.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("shape", [(64, 64), (37, 90)])
@pytest.mark.parametrize("sigma", [1.0, 6.0, 500.0])
def test_smooth_field_is_standardised_whatever_its_width(shape: tuple[int, int], sigma: float) -> None:
    field = smooth_field(shape, sigma, np.random.default_rng(4))
    assert field.shape == shape
    assert field.mean() == pytest.approx(0, abs=1e-3)
    assert field.std() == pytest.approx(1, abs=1e-3)


def test_smooth_field_is_as_smooth_as_its_gaussian() -> None:
    field = smooth_field((512, 512), 4.0, np.random.default_rng(5))
    # white noise under a Gaussian has the autocorrelation exp(-d^2 / (4 sigma^2))
    neighbour = (field * np.roll(field, 4, axis=1)).mean()
    assert neighbour == pytest.approx(np.exp(-(4**2) / (4 * 4**2)), abs=0.05)


def test_dust_and_light_stay_near_one() -> None:
    rng = np.random.default_rng(6)
    spots = dust((600, 800), rng)
    assert spots.shape == (600, 800)
    assert 0 < abs(spots - 1).max() < 0.25
    light = illumination((60, 90), rng)
    assert light.shape == (60, 90)
    assert 0.4 < light.min() < light.max() < 1.3


def test_around_holds_every_pixel_within_reach() -> None:
    box, dy, dx = around((30, 50), x=47.3, y=1.8, reach=4.0)
    near = np.zeros((30, 50), bool)
    near[box] = np.hypot(dy, dx) <= 4
    rows, columns = np.indices((30, 50))
    assert (near == (np.hypot(rows - 1.8, columns - 47.3) <= 4)).all()


def test_log_uniform_has_a_uniform_logarithm() -> None:
    rng = np.random.default_rng(7)
    drawn = np.array([log_uniform(10, 1000, rng) for _ in range(4000)])
    assert drawn.min() >= 10
    assert drawn.max() <= 1000
    assert (drawn < 100).mean() == pytest.approx(0.5, abs=0.04)
