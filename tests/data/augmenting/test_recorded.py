"""Noise that the camera recorded: where it is taken from, and where it goes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brightfield.data.augmenting import Augmenter, noise_windows
from brightfield.data.augmenting.recorded import WINDOW_PX, RecordedNoise, mirrored


def test_noise_is_recorded_where_nothing_is_near_and_its_light_is_left_out() -> None:
    rng = np.random.default_rng(0)
    pattern = rng.normal(0, 0.1, (160, 200)).astype(np.float32)
    light = np.linspace(0, 3, 200, dtype=np.float32)
    quiet = np.ones((160, 200), bool)
    quiet[:, 100:] = False
    windows = noise_windows(pattern + light + 5.0 * ~quiet, quiet)
    assert 1 <= len(windows) <= 8
    for window in windows:
        assert window.shape == (WINDOW_PX, WINDOW_PX)
        assert abs(window.mean()) < 0.05  # neither the light nor what is not quiet
        assert window.std() == pytest.approx(0.1, rel=0.15)
    assert noise_windows(pattern, np.zeros_like(quiet)) == []


def test_recorded_noise_is_added_in_half_of_the_draws_and_fills_the_image() -> None:
    window = np.random.default_rng(0).normal(0, 1, (WINDOW_PX, WINDOW_PX)).astype(np.float32)
    drawn = RecordedNoise([window])(torch.zeros(200, 1, 130, 70), np.random.default_rng(0))
    noisy = [moved for moved in drawn if moved.any()]
    assert 70 <= len(noisy) <= 130
    assert all(float((moved == 0).double().mean()) < 0.01 for moved in noisy)
    assert max(float(moved.std()) for moved in noisy) > 1.5


def test_without_recorded_noise_nothing_changes() -> None:
    images = torch.randn(4, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    varied, _ = Augmenter(["recorded_noise"], ["recorded_noise"])(images, torch.zeros(4, 1), np.random.default_rng(0))
    assert torch.equal(varied, images)


def test_noise_stays_in_the_channel_in_which_it_was_recorded() -> None:
    change = RecordedNoise([np.ones((WINDOW_PX, WINDOW_PX), np.float32)])
    drawn = change(torch.zeros(20, 2, 30, 30), np.random.default_rng(0))
    assert drawn[:, 0].any()
    assert not drawn[:, 1].any()


def test_every_window_and_every_view_is_drawn() -> None:
    windows = [np.arange(9, dtype=np.float32).reshape(3, 3) + 10 * k for k in range(1, 3)]
    drawn = RecordedNoise(windows)(torch.zeros(400, 1, 3, 3), np.random.default_rng(0))
    noisy = drawn[drawn.flatten(1).any(dim=1), 0]
    # a factor leaves the ratios of a window's pixels
    seen = {tuple((window / window[1, 1]).round(decimals=3).flatten().tolist()) for window in noisy}
    assert len(seen) == 16


@pytest.mark.parametrize(
    ("length", "have", "expected"),
    [(3, 3, [0, 1, 2]), (2, 3, [0, 1]), (8, 3, [0, 1, 2, 2, 1, 0, 0, 1]), (4, 1, [0, 0, 0, 0])],
)
def test_pixels_are_mirrored_outwards_at_the_end(length: int, have: int, expected: list[int]) -> None:
    assert mirrored(length, have).tolist() == expected
