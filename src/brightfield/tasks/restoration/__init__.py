"""What would this image look like with more light?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns, restoration
from brightfield.results import Picture
from brightfield.tasks.base import Encoded, EncodedImages, Objective, Sample, Task
from brightfield.tasks.restoration import blind_spots

BETA = 0.5  # 0: the plain likelihood; 1: the image learns as from the squared error
# in units of the noisy image's standard deviation: the likelihood would else grow without end
SMALLEST_DEVIATION = 1e-3


class BlindImages(EncodedImages):
    """Noisy images that are their own targets: some pixels are hidden, and asked for. No clean image is ever read.

    ``image`` is (1, H, W) with pixels hidden, ``target`` is (2, H, W): the noisy image, and 1 where it was hidden.
    """

    def _target(self, task: Task[params.RestorationSettings, Picture], record: Record, encoded: Encoded) -> Tensor:
        del task, record
        return encoded.tensor

    def __getitem__(self, i: int) -> Sample:
        noisy = super().__getitem__(i)["image"]
        seen, hidden = blind_spots.hide(noisy[0].numpy(), self.rng)
        return {"image": torch.from_numpy(seen)[None], "target": torch.cat([noisy, torch.from_numpy(hidden)[None]])}


class Restoration(Task[params.RestorationSettings, Picture]):
    """The network works in the normalised units of the noisy image; answers come back in its own units.

    A network has one output, the restored image, or two where it is probabilistic: the second one becomes the standard deviation of
    the first one's error. Activated, these are the image and its second moment (the mean of the square): the means of both over
    several networks are the moments of the mixture of what they answer (Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017).
    """

    objective = Objective("psnr_db", "maximize")
    answer_type = Picture
    augmentations: ClassVar[frozenset[str]] = frozenset({"flip"})  # any other would change the noise the network learns

    def truth(self, record: Record) -> Picture:
        """The clean image, in the units of the noisy one."""
        if "clean" not in record.fields:
            raise BrightfieldError(f"Image {record.id} has no clean counterpart to learn from or compare with.")
        return Picture(np.asarray(record.fields["clean"], dtype=np.float32))

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """The clean image, (1, H, W), normalised as the noisy one was."""
        return torch.from_numpy((self.truth(record).pixels - encoded.mean) / encoded.std)[None].float()

    def shape(self) -> architectures.Shape:
        """One grey channel in, one out."""
        return architectures.Shape(1, 1)

    def dataset(
        self, records: Iterable[Record], training: params.Training | None = None, seed: int = 0
    ) -> EncodedImages:
        """Pairs of noisy and clean patches; of noisy ones alone where the training asks for blind spots."""
        blind = training is not None and training.blind_spots
        return (BlindImages if blind else EncodedImages)(self, records, training, seed)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean squared error: its minimum is the mean, whether the target is clean or noisy (of the noise, only the mean is zero).

        Of hidden pixels alone, where the target says which they are. For a probabilistic network the negative log likelihood of a
        normal distribution, each pixel weighted by its deviation (beta-NLL: Seitzer et al., ICLR 2022), without which pixels that
        are hard to foretell are hardly learnt. In PSNR it is then as good as the squared error; a Laplace distribution and the
        plain likelihood both lose more than 1 dB in a short training.
        """
        if target.shape[1] == 2:
            noisy, hidden = target[:, :1], target[:, 1:]
            return (hidden * (output - noisy).square()).sum() / hidden.sum()
        if output.shape[1] == 1:
            return F.mse_loss(output, target)
        mean, deviation = _moments(output)
        variance = deviation.square()
        likelihood = F.gaussian_nll_loss(mean, target, variance, eps=SMALLEST_DEVIATION**2, reduction="none")
        return (likelihood * variance.detach() ** BETA).mean()

    def activate(self, output: Tensor) -> Tensor:
        """Intensities are answers as they are; after them the second moment, where the network is probabilistic."""
        if output.shape[1] == 1:
            return output
        mean, deviation = _moments(output)
        return torch.cat([mean, mean.square() + deviation.square()], dim=1)

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Picture:
        """Back to the units of the image."""
        pixels = (activated[0] * encoded.std + encoded.mean).astype(np.float32)
        if len(activated) == 1:
            return Picture(pixels)
        scale = encoded.std * (self.settings.deviation_scale or 1.0)
        return Picture(pixels, (scale * _deviation(activated)).astype(np.float32))

    @property
    def needs_calibration(self) -> bool:
        """The scale of the deviations may be left open."""
        return self.settings.deviation_scale is None

    def calibrate(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Picture], encoded: Sequence[Encoded]
    ) -> params.RestorationSettings:
        """The scale of the deviations with which they are as large as the errors; stays open where no deviation is answered."""
        if self.settings.deviation_scale is not None or not activated or len(activated[0]) == 1:
            return self.settings
        pairs = list(zip([self.decode(a, e) for a, e in zip(activated, encoded, strict=True)], truth, strict=True))
        return self.settings.model_copy(update={"deviation_scale": restoration.deviation_scale(pairs)})

    def statistics(self, predicted: Picture, truth: Picture) -> dict[str, float]:
        """PSNR, SSIM and the rest of :mod:`brightfield.metrics.restoration`."""
        return restoration.statistics(predicted, truth)

    def summarise(self, columns: Columns) -> dict[str, float]:
        """Means over images; of structures and calibration the pooled shares."""
        return restoration.summarise(columns)

    def summarise_subset(self, columns: Columns) -> dict[str, float]:
        """All metrics, of the images with as much light."""
        return restoration.summarise(columns)


def _moments(output: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, (N, 1, H, W) each, from the two outputs of a probabilistic network."""
    return output[:, :1], F.softplus(output[:, 1:]) + SMALLEST_DEVIATION


def _deviation(activated: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(H, W) from the mean and the second moment, (2, H, W)."""
    mean, second = activated[0].astype(np.float64), activated[1].astype(np.float64)
    # the difference of two rounded squares may be a little less than nothing
    deviation: npt.NDArray[np.float64] = np.sqrt(np.maximum(second - mean**2, 0.0))
    return deviation
