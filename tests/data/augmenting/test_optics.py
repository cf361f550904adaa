"""Another acquisition of a stained slide, by the physics of transmitted light."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from brightfield.data.augmenting import Augmenter, optics
from brightfield.data.augmenting.optics import OPTICS

BACKGROUND, CELL = np.array([0.9, 0.8, 0.85]), np.array([0.7, 0.4, 0.3])  # transmitted light in red, green and blue


def slides(count: int) -> Tensor:
    """A cell in the middle of an empty slide, as light, (N, 3, 24, 24)."""
    light = np.broadcast_to(BACKGROUND[:, None, None], (3, 24, 24)).copy()
    light[:, 8:16, 8:16] = CELL[:, None, None]
    return torch.from_numpy(light).float().expand(count, -1, -1, -1)


@pytest.mark.parametrize("name", OPTICS)
def test_what_another_acquisition_shows_is_normalised_again(name: str) -> None:
    normalised, black = optics.renormalised(slides(10))
    change = Augmenter([name], OPTICS)
    varied, labels = change(normalised, torch.ones(10, 1), np.random.default_rng(0), black)
    torch.testing.assert_close(varied.mean(dim=(1, 2, 3)), torch.zeros(10), atol=1e-5, rtol=0)
    torch.testing.assert_close(varied.std(dim=(1, 2, 3), correction=0), torch.ones(10), atol=1e-4, rtol=0)
    assert torch.equal(labels, torch.ones(10, 1))


def test_black_stays_black_when_an_image_is_normalised() -> None:
    light = slides(2).clone()
    light[1] *= 7
    light[:, 0, 0, 0] = 0
    normalised, black = optics.renormalised(light)
    torch.testing.assert_close(normalised[:, 0, 0, 0], black)
    torch.testing.assert_close(normalised[0], normalised[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", OPTICS)
@pytest.mark.parametrize("value", [0.0, 0.7, 65535.0])
def test_an_image_of_one_colour_stays_finite(name: str, value: float) -> None:
    light = torch.full((20, 3, 24, 24), value)
    normalised, black = optics.renormalised(light)
    varied, _ = Augmenter([name], OPTICS)(normalised, torch.ones(20, 1), np.random.default_rng(0), black)
    assert torch.isfinite(varied).all()


def test_more_dye_absorbs_more_in_proportion_and_leaves_the_empty_slide() -> None:
    """Beer-Lambert: absorbance is proportional to the dye, so its logarithm spreads by the two spreads together."""
    light = slides(400)
    stained = OPTICS["stain"](light, np.random.default_rng(0))
    torch.testing.assert_close(stained[:, :, 0, 0], light[:, :, 0, 0], rtol=1e-5, atol=0)
    absorbance = torch.log(stained[:, :, 0, 0] / stained[:, :, 12, 12]).numpy()
    ratios = np.log(absorbance / np.log(BACKGROUND / CELL))
    together = np.hypot(optics.STAIN_SPREAD, optics.DYE_SPREAD)
    assert np.std(ratios) == pytest.approx(together, rel=0.1)
    assert np.mean(ratios) == pytest.approx(0, abs=0.05)


def test_another_lamp_changes_colours_and_shading_but_no_absorbance() -> None:
    light = slides(200)
    ratio = (OPTICS["light"](light, np.random.default_rng(0)) / light).numpy()
    gains = np.log(ratio.mean(axis=(2, 3)))
    assert np.std(gains) == pytest.approx(optics.WHITE_SPREAD, rel=0.15)
    shading = ratio / ratio.mean(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(shading, shading[:, :1] * np.ones((1, 3, 1, 1)), rtol=1e-4)
    assert np.abs(np.diff(shading[:, 0], 2, axis=1)).max() < 1e-4  # a plane


def test_focus_makes_sharper_or_softer_by_a_little_and_half_of_the_time_nothing() -> None:
    light = slides(1000)
    steepest = [
        image[:, 1, 12].diff(dim=1).abs().amax(dim=1).numpy()
        for image in (OPTICS["focus"](light, np.random.default_rng(0)), light)
    ]
    ratios = steepest[0] / steepest[1]
    too_narrow = (
        0.174 / optics.FOCUS_PX / (1 + optics.SHARPENING)
    )  # blurs whose neighbours weigh less than float32 shows
    assert np.mean(ratios == 1) == pytest.approx(0.5 + 0.5 * too_narrow, abs=0.04)
    assert 0.5 < ratios.min() < 0.9
    assert 1.1 < ratios.max() < 1.6
