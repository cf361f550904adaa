"""Restored images in their own units, and how far off each pixel may be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield import params
from brightfield.metrics import restoration
from brightfield.results import Picture
from brightfield.tasks.answering import Answering
from brightfield.tasks.restoration import moments
from brightfield.tasks.samples import Encoded


class RestorationAnswering(Answering[params.RestorationSettings, Picture]):
    """A network has one output, the restored image, or two where it is probabilistic.

    The second one becomes the standard deviation of the first one's error. Activated, these are the image and its second moment
    (the mean of the square): the means of both over several networks are the moments of the mixture of what they answer
    (Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017).
    """

    def activate(self, output: Tensor) -> Tensor:
        """Intensities are answers as they are; after them the second moment, where the network is probabilistic."""
        if output.shape[1] == 1:
            return output
        mean, deviation = moments.mean_and_deviation(output)
        return torch.cat([mean, mean.square() + deviation.square()], dim=1)

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Picture:
        """Back to the units of the image."""
        pixels = (activated[0] * encoded.std + encoded.mean).astype(np.float32)
        if len(activated) == 1:
            return Picture(pixels)
        scale = encoded.std * (self.settings.deviation_scale or 1.0)
        return Picture(pixels, (scale * moments.deviation(activated)).astype(np.float32))

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
