"""The noise that is left in a restored image, without the clean one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from brightfield.tasks.restoration import agreement

Floats = npt.NDArray[np.float32]
Y, X = np.mgrid[:256, :256]
CLEAN = (100 + 40 * np.sin(X / 25) * np.cos(Y / 30)).astype(np.float32)
SIGMA = 10.0


def smoothed(sigma: float) -> Callable[[Floats], Floats]:
    return lambda image: np.asarray(ndimage.gaussian_filter(image, sigma))


def unchanged(image: Floats) -> Floats:
    return image


def error(restored: Floats, clean: Floats, noisy: Floats) -> float:
    return float(np.sqrt(np.mean((restored - clean) ** 2) / np.mean((noisy - clean) ** 2)))


def test_the_share_left_by_hand() -> None:
    # white, with the power of the noise: Stein's estimate is twice the divergence over the variance
    removed = np.array([[2.0, -2.0], [-2.0, 2.0]])
    variance = np.full((2, 2), 4.0)
    assert agreement.share_left(removed, variance, np.full((2, 2), 0.5)) == pytest.approx(0.5**agreement.SHARE)
    # nothing was removed, all is left
    assert agreement.share_left(0 * removed, variance, variance) == pytest.approx(1.0)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_for_white_noise_the_share_that_is_left_is_known(sigma: float) -> None:
    noisy = (CLEAN + np.random.default_rng(1).normal(0, SIGMA, CLEAN.shape)).astype(np.float32)
    restored = smoothed(sigma)(noisy)
    expected = 1 - agreement.of_image(noisy, restored, smoothed(sigma))
    assert expected == pytest.approx(error(restored, CLEAN, noisy), abs=0.12)


def test_for_photon_noise_too() -> None:
    noisy = (np.random.default_rng(1).poisson(CLEAN / 4) * 4).astype(np.float32)
    restored = smoothed(1.5)(noisy)
    expected = 1 - agreement.of_image(noisy, restored, smoothed(1.5))
    assert expected == pytest.approx(error(restored, CLEAN, noisy), abs=0.12)


def test_what_leaves_or_destroys_too_much_is_doubtful() -> None:
    curve = agreement.DOUBTS
    rng = np.random.default_rng(1)
    noisy = (CLEAN + rng.normal(0, SIGMA, CLEAN.shape)).astype(np.float32)
    doubts = {
        name: curve.expected(agreement.of_image(image, how(image), how))
        for name, image, how in (
            ("good", noisy, smoothed(1.5)),
            ("nothing is done", noisy, unchanged),
            ("structure is removed", noisy, smoothed(30)),
            ("there is no noise", CLEAN + rng.normal(0, 0.1, CLEAN.shape).astype(np.float32), smoothed(8)),
        )
    }
    assert doubts.pop("good") < 0.4 * curve.limit + 0.2
    assert min(doubts.values()) > curve.limit


def test_a_constant_image_has_no_noise_that_could_be_left() -> None:
    flat = np.full((64, 64), 7.0, np.float32)
    assert 0 <= agreement.of_image(flat, flat, unchanged) <= 1


def test_a_part_of_a_large_image_is_enough() -> None:
    noisy = np.random.default_rng(1).normal(100, 10, (700, 600)).astype(np.float32)
    seen: list[Floats] = []

    def watch(image: Floats) -> Floats:
        seen.append(image)
        return smoothed(1)(image)

    agreement.of_image(noisy, smoothed(1)(noisy), watch)
    assert [image.shape for image in seen] == [(agreement.SIDE_PX, agreement.SIDE_PX)]
