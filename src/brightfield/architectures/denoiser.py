"""Base class of the classical baselines for restoration: choice of the strength, and stabilisation of the noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield.architectures.classical import Classical, FloatArray
from brightfield.architectures.stabilising import CameraNoise, noise_of

MOST_IMAGES = 8  # maximum number of training images used to choose the strength


class Denoiser(Classical):
    """A filter for white noise with one strength.

    The strength, and whether camera noise is stabilised first, are those with the highest PSNR on training images. The standard
    deviation of the noise is estimated from each image.
    """

    strengths: ClassVar[tuple[float, ...]]  # candidates, in the units of :meth:`filter`
    strength: Tensor
    stabilised: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("strength", torch.tensor(self.strengths[len(self.strengths) // 2]))
        self.register_buffer("stabilised", torch.tensor(False))

    @abstractmethod
    def filter(self, image: FloatArray, sigma: float, strength: float) -> FloatArray:
        """Remove white noise of standard deviation ``sigma`` from an image (H, W)."""

    def fit(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Choose the strength and whether to stabilise; images are (1, H, W).

        Targets are (1, H, W), or (2, H, W) with 1 in the second channel where a pixel counts: one that is hidden from the image,
        and whose own value is the target (Batson and Royer, ICML 2019).
        """
        chosen = np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).astype(int)
        pairs = [(images[i][0].numpy(), *_target(targets[i].numpy())) for i in chosen]

        def log_error(how: tuple[float, bool]) -> float:
            """Mean logarithm of the squared error: ranks like the negative PSNR."""
            return float(
                np.mean([np.log(np.mean((self.denoise(x, *how) - y)[counts] ** 2) + 1e-12) for x, y, counts in pairs])
            )

        ways = [(strength, stabilised) for stabilised in (False, True) for strength in self.strengths]
        strength, stabilised = min(ways, key=log_error)
        self.strength.fill_(strength)
        self.stabilised.fill_(stabilised)

    def answer(self, image: FloatArray) -> FloatArray:
        """The denoised image, (1, H, W)."""
        return self.denoise(image[0], float(self.strength), bool(self.stabilised))[None]

    def denoise(self, image: FloatArray, strength: float, stabilised: bool) -> FloatArray:
        """Denoise one image (H, W)."""
        sigma = noise_of(image)
        if sigma == 0:
            return image
        if not stabilised:
            return self.filter(image, sigma, strength)
        camera = CameraNoise.of(image)
        return camera.restore(self.filter(camera.stabilise(image), 1.0, strength))


def _target(target: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The target (H, W), and which of its pixels count."""
    return target[0], target[1] > 0 if len(target) == 2 else np.ones(target.shape[1:], bool)
