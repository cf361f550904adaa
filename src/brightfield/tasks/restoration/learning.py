"""Targets and loss of restoration, from pairs of noisy and clean images or from noisy images alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, images, params
from brightfield.architectures.stabilising import CameraNoise, noise_of
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import Picture
from brightfield.tasks.learning import Learning, LossFunction
from brightfield.tasks.restoration import blind_spots
from brightfield.tasks.restoration.moments import SMALLEST_DEVIATION, mean_and_deviation
from brightfield.tasks.samples import Batch, Encoded, EncodedImages, Example, Samples

KNOWN = ("clean", "repeats")  # fields that an answer may be compared with, the better first
BETA = 0.5  # exponent of the weights of beta-NLL. 0: the plain likelihood; 1: gradients of the image as with the squared error


class BlindImages(EncodedImages):
    """Noisy images as their own targets: hidden pixels are to be predicted. Clean images are never read.

    Images are (N, 1, H, W) with hidden pixels, targets (N, 2, H, W): the noisy image, and 1 where it is hidden.
    """

    def __init__(self, examples: Iterable[Example], allowed: frozenset[str], training: params.Training) -> None:
        super().__init__(examples, allowed, training)
        self.mask = training.blind_mask

    def varied(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Patches with hidden pixels, which are hidden before anything is turned: a row is one as the camera reads it."""
        seen, hidden = blind_spots.hide(batch.images, rng, self.mask)
        return super().varied(batch._replace(images=seen, targets=torch.cat([batch.images, hidden], dim=1)), rng)


class RestorationLearning(Learning[params.RestorationSettings, Picture]):
    """Pairs of noisy and clean images, normalised by the noisy one."""

    augmentations: ClassVar[frozenset[str]] = frozenset({"flip"})  # others would change the noise

    def truth(self, record: Record) -> Picture:
        """What is known of the clean image, in the units of the noisy one.

        Returns:
            The clean image; or the mean of the other repeats of the field, with the deviation of its noise; or, of a noisy image
            alone, its pixels that :meth:`judged_pixels` hides, with the deviation of their noise, the others with an infinite one.
        """
        for name in KNOWN:
            if name in record.fields:
                pixels = np.asarray(record.fields[name], dtype=np.float32)
                deviation = record.row.get(f"{name}_deviation")
                return Picture(pixels, None if deviation is None else np.full(pixels.shape, deviation, np.float32))
        noisy, hidden = _grey(record), self._hidden(record)[1]
        return Picture(noisy, np.where(hidden, np.float32(_noise_of(noisy)), np.float32(np.inf)))

    def judged_pixels(self, record: Record) -> np.ndarray:
        """The noisy image; where it is all that is known, with hidden pixels, by which an answer can be judged."""
        return record.image if _is_known(record) else self._hidden(record)[0]

    def _hidden(self, record: Record) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """The image with hidden pixels and where they are, (H, W): always the same ones, with all that shares their noise."""
        mask = blind_spots.MASKS[str(record.row.get("blind_mask", "pixel"))]
        noisy = torch.from_numpy(_grey(record))[None, None]
        seen, hidden = blind_spots.hide(noisy, np.random.default_rng(0), mask)
        return seen[0, 0].numpy(), hidden[0, 0].numpy() > 0

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """The truth, (1, H, W), normalised like the noisy image; (2, H, W) with 1 where it counts where only hidden pixels do."""
        truth = self.truth(record)
        target = torch.from_numpy((truth.pixels - encoded.mean) / encoded.std)[None].float()
        if _is_known(record):
            return target
        assert truth.deviation is not None
        return torch.cat([target, torch.from_numpy(np.isfinite(truth.deviation))[None].float()])

    def shape(self) -> architectures.Shape:
        """One grey channel in, one out."""
        return architectures.Shape(1, 1)

    def dataset(self, records: Iterable[Record], training: params.Training | None = None) -> EncodedImages:
        """Pairs of noisy and clean patches, or noisy patches alone for a training with blind spots.

        Raises:
            BrightfieldError: a training without blind spots, and an image of which nothing but noise is known.
        """
        if training is None:
            return super().dataset(records, training)
        if not training.blind_spots:
            return super().dataset(map(_with_truth, records), training)
        encoded = (self.encode(record.image) for record in records)
        examples = (Example(each, each.tensor, [], []) for each in encoded)
        return BlindImages(examples, self.augmentations, training)

    def loss_function(self, samples: Samples, training: params.Training) -> LossFunction:
        """The loss function :func:`error`, for all samples."""
        del samples, training
        return error

    def distillation_loss(self, output: Tensor, taught: Tensor) -> Tensor:
        """The squared error of the image; deviations are learnt from the truth alone, which knows the errors."""
        return F.mse_loss(output[:, :1], taught[:, :1])


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


def _grey(record: Record) -> npt.NDArray[np.float32]:
    return np.asarray(images.to_grey(record.image), dtype=np.float32)


def _noise_of(image: npt.NDArray[np.float32]) -> float:
    """Standard deviation of the noise of one image, its variance averaged over bright and dark pixels."""
    if noise_of(image) == 0:  # few counts: neighbours are mostly alike. The specimen is counted as noise, too
        return float(np.diff(image).std() / np.sqrt(2))
    camera = CameraNoise.of(image)
    return float(np.sqrt(max(camera.slope * float(image.mean()) + camera.dark, 0.0)))


def _is_known(record: Record) -> bool:
    """Whether a record has a truth beside its own noisy pixels."""
    return any(name in record.fields for name in KNOWN)


def _with_truth(record: Record) -> Record:
    if not _is_known(record):
        raise BrightfieldError(
            f"Image {record.id} is noisy, and neither its clean counterpart nor a repeat of it is known, so this model cannot "
            "learn from it. Set training.blind_spots: true (and network.residual, network.probabilistic: false) in the model's "
            "entry, as denoise-blind has it, or import images with clean ones or with repeats."
        )
    return record
