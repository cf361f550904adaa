"""Non-local means."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.nonlocal_means import STRENGTHS, NonLocalMeans, noise_of


def stripes(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.asarray(np.sin(x / 4) + (y > size // 2), dtype=np.float32)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_the_noise_is_measured_whatever_the_image_shows(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, (128, 128)).astype(np.float32)
    assert noise_of(noise) == pytest.approx(sigma, rel=0.05)
    assert noise_of(100 * np.mgrid[:128, :128][0].astype(np.float32) + noise) == pytest.approx(sigma, rel=0.05)
    assert noise_of(stripes(128) + noise) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.6])
def test_it_lowers_the_error(sigma: float) -> None:
    clean = stripes()
    noisy = clean + np.random.default_rng(1).normal(0, sigma, clean.shape).astype(np.float32)
    baseline = NonLocalMeans(params.NonLocalMeans(architecture="nonlocal_means"), Shape(1, 1))
    answer = baseline(torch.from_numpy(noisy)[None, None])[0, 0].numpy()
    assert np.mean((answer - clean) ** 2) < 0.5 * np.mean((noisy - clean) ** 2)


def test_fitting_chooses_the_strength_with_the_least_error() -> None:
    clean = stripes()
    noisy = clean + np.random.default_rng(1).normal(0, 0.3, clean.shape).astype(np.float32)
    baseline = NonLocalMeans(params.NonLocalMeans(architecture="nonlocal_means"), Shape(1, 1))
    image, target = torch.from_numpy(noisy)[None], torch.from_numpy(clean)[None]
    errors = {}
    for strength in STRENGTHS:
        baseline.strength.fill_(strength)
        errors[strength] = float((baseline(image[None])[0] - target).square().mean())
    baseline.fit([image], [target])
    assert float(baseline.strength) == pytest.approx(min(errors, key=lambda s: errors[s]))
    baseline.fit([image], [image])  # where nothing is to be removed, the weakest is best
    assert float(baseline.strength) == pytest.approx(min(STRENGTHS))


def test_an_image_without_noise_stays() -> None:
    flat = np.full((1, 1, 32, 32), 0.5, np.float32)
    baseline = NonLocalMeans(params.NonLocalMeans(architecture="nonlocal_means"), Shape(1, 1))
    np.testing.assert_allclose(baseline(torch.from_numpy(flat)).numpy(), flat, atol=1e-6)
