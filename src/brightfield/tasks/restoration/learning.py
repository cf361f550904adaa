"""Targets and loss of restoration, from pairs of noisy and clean images or from noisy images alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import Picture
from brightfield.tasks.learning import Learning, LossFunction
from brightfield.tasks.restoration import blind_spots
from brightfield.tasks.restoration.moments import SMALLEST_DEVIATION, mean_and_deviation
from brightfield.tasks.samples import Batch, Encoded, EncodedImages, Example, Samples

BETA = 0.5  # exponent of the weights of beta-NLL. 0: the plain likelihood; 1: gradients of the image as with the squared error


class BlindImages(EncodedImages):
    """Noisy images as their own targets: hidden pixels are to be predicted. Clean images are never read.

    Images are (N, 1, H, W) with hidden pixels, targets (N, 2, H, W): the noisy image, and 1 where it is hidden.
    """

    def varied(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Patches with hidden pixels."""
        noisy = super().varied(batch, rng)
        seen, hidden = blind_spots.hide(noisy.images, rng)
        return noisy._replace(images=seen, targets=torch.cat([noisy.images, hidden], dim=1))


class RestorationLearning(Learning[params.RestorationSettings, Picture]):
    """Pairs of noisy and clean images, normalised by the noisy one."""

    augmentations: ClassVar[frozenset[str]] = frozenset({"flip"})  # others would change the noise

    def truth(self, record: Record) -> Picture:
        """The clean image, in the units of the noisy one."""
        if "clean" not in record.fields:
            raise BrightfieldError(
                f"Image {record.id} has no clean counterpart, so it cannot be used for training or testing. Import it with one."
            )
        return Picture(np.asarray(record.fields["clean"], dtype=np.float32))

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """The clean image, (1, H, W), normalised like the noisy one."""
        return torch.from_numpy((self.truth(record).pixels - encoded.mean) / encoded.std)[None].float()

    def shape(self) -> architectures.Shape:
        """One grey channel in, one out."""
        return architectures.Shape(1, 1)

    def dataset(self, records: Iterable[Record], training: params.Training | None = None) -> EncodedImages:
        """Pairs of noisy and clean patches, or noisy patches alone for a training with blind spots."""
        if training is None or not training.blind_spots:
            return super().dataset(records, training)
        encoded = (self.encode(self.pixels(record)) for record in records)
        examples = (Example(each, each.tensor, [], []) for each in encoded)
        return BlindImages(examples, self.augmentations, training)

    def loss_function(self, samples: Samples, training: params.Training) -> LossFunction:
        """The loss function :func:`error`, for all samples."""
        del samples, training
        return error


def error(output: Tensor, target: Tensor) -> Tensor:
    """The mean squared error, whose minimum is the mean also for noisy targets, if the noise has mean zero.

    With a mask in the target, only hidden pixels count. For a probabilistic network, the negative log likelihood of a normal
    distribution, each pixel weighted by its deviation (beta-NLL: Seitzer et al., ICLR 2022), without which pixels that are hard to
    predict are hardly learnt. Its PSNR is then as good as that of the squared error; a Laplace distribution and the plain
    likelihood both lose more than 1 dB in a short training.

    Args:
        output: (N, 1, H, W), or (N, 2, H, W) of a probabilistic network.
        target: (N, 1, H, W), or (N, 2, H, W) with 1 where a pixel was hidden in the second channel.
    """
    if target.shape[1] == 2:
        noisy, hidden = target[:, :1], target[:, 1:]
        return (hidden * (output - noisy).square()).sum() / hidden.sum()
    if output.shape[1] == 1:
        return F.mse_loss(output, target)
    mean, deviation = mean_and_deviation(output)
    variance = deviation.square()
    likelihood = F.gaussian_nll_loss(mean, target, variance, eps=SMALLEST_DEVIATION**2, reduction="none")
    return (likelihood * variance.detach() ** BETA).mean()
