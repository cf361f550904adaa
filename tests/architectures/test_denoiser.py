"""Classical baselines for restoration: non-local means, wavelets, total variation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from brightfield import architectures, params
from brightfield.architectures import Shape
from brightfield.architectures.denoiser import Denoiser

ALL = ("nonlocal_means", "wavelet", "total_variation")
every_denoiser = pytest.mark.parametrize("name", ALL)


def build(name: str) -> Denoiser:
    section: Any = TypeAdapter(params.Network).validate_python({"architecture": name})
    built = architectures.build(section, Shape(1, 1))
    assert isinstance(built, Denoiser)
    return built


def stripes(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.asarray(np.sin(x / 4) + (y > size // 2), dtype=np.float32)


def with_noise(clean: np.ndarray, sigma: float) -> np.ndarray:
    return clean + np.random.default_rng(1).normal(0, sigma, clean.shape).astype(np.float32)


@every_denoiser
@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.6])
def test_it_lowers_the_error(name: str, sigma: float) -> None:
    clean, baseline = stripes(), build(name)
    noisy = with_noise(clean, sigma)
    baseline.fit([torch.from_numpy(noisy)[None]], [torch.from_numpy(clean)[None]])
    answer = baseline(torch.from_numpy(noisy)[None, None])[0, 0].numpy()
    assert np.mean((answer - clean) ** 2) < 0.5 * np.mean((noisy - clean) ** 2)


@every_denoiser
def test_fitting_chooses_what_has_the_least_error(name: str) -> None:
    clean, baseline = stripes(), build(name)
    noisy = with_noise(clean, 0.3)
    image, target = torch.from_numpy(noisy)[None], torch.from_numpy(clean)[None]
    errors = {}
    for stabilised in (False, True):
        for strength in baseline.strengths:
            baseline.strength.fill_(strength)
            baseline.stabilised.fill_(stabilised)
            errors[strength, stabilised] = float((baseline(image[None])[0] - target).square().mean())
    baseline.fit([image], [target])
    chosen = float(baseline.strength), bool(baseline.stabilised)
    assert chosen == pytest.approx(min(errors, key=errors.__getitem__))


@every_denoiser
def test_where_nothing_is_to_be_removed_the_weakest_is_best(name: str) -> None:
    image, baseline = torch.from_numpy(with_noise(stripes(), 0.3))[None], build(name)
    baseline.fit([image], [image])
    assert float(baseline.strength) == pytest.approx(min(baseline.strengths))


@pytest.mark.parametrize("name", ["nonlocal_means", "wavelet"])
def test_noise_that_grows_with_the_light_is_stabilised(name: str) -> None:
    rng = np.random.default_rng(0)
    clean = (np.exp(2 * stripes(96)) * 20).astype(np.float32)  # 7 to 1100 photons
    noisy = rng.poisson(clean).astype(np.float32)
    baseline = build(name)
    baseline.fit([torch.from_numpy(noisy)[None]], [torch.from_numpy(clean)[None]])
    assert bool(baseline.stabilised)


@every_denoiser
@pytest.mark.parametrize("shape", [(32, 32), (37, 52), (3, 64), (1, 1)])
def test_an_answer_is_as_large_as_its_image_and_an_image_without_noise_stays(name: str, shape: tuple[int, int]) -> None:
    flat = np.full((1, 1, *shape), 0.5, np.float32)
    np.testing.assert_allclose(build(name)(torch.from_numpy(flat)).numpy(), flat, atol=1e-6)
    noisy = np.random.default_rng(0).normal(size=(1, 1, *shape)).astype(np.float32)
    assert build(name)(torch.from_numpy(noisy)).shape == (1, 1, *shape)


@every_denoiser
def test_the_state_holds_all_that_was_chosen(name: str) -> None:
    first, second = build(name), build(name)
    first.strength.fill_(first.strengths[-1])
    first.stabilised.fill_(True)
    second.load_state_dict(first.state_dict())
    noisy = torch.from_numpy(with_noise(stripes(), 0.3))[None, None]
    assert torch.equal(first(noisy), second(noisy))
