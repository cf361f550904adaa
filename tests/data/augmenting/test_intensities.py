"""Changes of intensities: nothing is clipped, nothing moves, and each changes what its name says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from brightfield.data.augmenting import intensities
from brightfield.data.augmenting.intensities import INTENSITIES


def image(channels: int = 1, side: int = 24) -> Tensor:
    return torch.randn(channels, side, side, generator=torch.Generator().manual_seed(0))


def draws(name: str, original: Tensor, count: int, seed: int = 0) -> Tensor:
    return INTENSITIES[name](original.expand(count, -1, -1, -1), np.random.default_rng(seed))


@pytest.mark.parametrize("name", INTENSITIES)
def test_intensities_clip_nothing(name: str) -> None:
    drawn = draws(name, 3 * image(3), 30)
    assert torch.isfinite(drawn).all()
    assert float(drawn.amin(dim=(1, 2, 3)).mean()) < -3  # images have mean 0: half of every image is negative


def test_brightness_is_a_gain_and_an_offset() -> None:
    original, gains = image(), []
    for changed in draws("brightness", original, 200):
        slope, offset = np.polyfit(original.numpy().ravel(), changed.numpy().ravel(), 1)
        np.testing.assert_allclose(changed, slope * original.numpy() + offset, atol=1e-4)
        gains.append(slope)
    assert min(gains) > 0
    assert np.std(np.log(gains)) == pytest.approx(intensities.GAIN_SPREAD, rel=0.2)


def test_colour_changes_each_channel_by_itself() -> None:
    original = image(1).expand(3, 24, 24)
    (changed,) = draws("colour", original, 1)
    assert not torch.allclose(changed[0], changed[1], atol=1e-3)
    assert np.corrcoef(changed[0].ravel(), original[0].ravel())[0, 1] == pytest.approx(1, abs=1e-4)


def test_noise_has_mean_0_and_at_most_the_spread_it_says() -> None:
    original = image(side=64)
    noise = draws("noise", original, 60) - original
    spreads = noise.std(dim=(1, 2, 3))
    assert float(spreads.max()) < intensities.MOST_NOISE * 1.05
    assert float(spreads.max()) > 0.15
    assert abs(float(noise.mean())) < 0.01
    one, other = (noise[spreads.argsort(descending=True)[k]].ravel().numpy() for k in (0, 1))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1, "each image has noise of its own"


def test_blur_only_smooths() -> None:
    original = image()
    stds = draws("blur", original, 60).std(dim=(1, 2, 3))
    assert 8 <= int((stds < original.std() * 0.9999).sum()) <= 28  # mostly nothing happens
    assert float(stds.min()) < 0.7 * float(original.std())
    assert float(stds.max()) <= float(original.std()) * 1.0001


def test_defocus_gives_a_dark_line_a_bright_or_a_dark_halo_and_keeps_the_light() -> None:
    line = torch.zeros(1, 41, 41)
    line[0, 19:22] = -1
    drawn = draws("defocus", line, 100)
    beside = drawn[:, 0, 17, 20]
    assert float(beside.max()) > 0.1
    assert float(beside.min()) < -0.1
    assert 25 <= int((drawn != line).flatten(1).any(dim=1).sum()) <= 75
    torch.testing.assert_close(drawn.mean(dim=(1, 2, 3)), line.mean().expand(100), atol=2e-3, rtol=0)


def test_reverse_exchanges_dark_and_bright_of_the_first_channel_half_of_the_time() -> None:
    original, signs = image(2), []
    for changed in draws("reverse", original, 200):
        assert torch.equal(changed[1], original[1])  # fluorescence shines on either side of the focal plane
        signs.append(int(torch.sign((changed[0] * original[0]).sum())))
        assert torch.equal(changed[0], signs[-1] * original[0])
    assert 70 < signs.count(-1) < 130
