"""Restored images in the units of the input, and the standard deviation of each pixel's error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield import images, params
from brightfield.metrics import restoration
from brightfield.results import Picture
from brightfield.tasks import foreign
from brightfield.tasks.answering import Answering, Look, Way
from brightfield.tasks.doubts import Doubts
from brightfield.tasks.restoration import agreement, moments
from brightfield.tasks.samples import Encoded

FloatArray = npt.NDArray[np.float32]


class RestorationAnswering(Answering[params.RestorationSettings, Picture]):
    """Decodes restored images: a network has one output, the restored image, or two if it is probabilistic.

    The second becomes the standard deviation of the first one's error. The activated outputs are the image and its second moment
    (the mean of the square): averaged over several networks, these are the moments of the mixture of their predictions
    (Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017).
    """

    doubts: ClassVar[Doubts | None] = agreement.DOUBTS

    def activate(self, output: Tensor) -> Tensor:
        """The intensities as they are, and for a probabilistic network the second moment."""
        if output.shape[1] == 1:
            return output
        mean, deviation = moments.mean_and_deviation(output)
        return torch.cat([mean, mean.square() + deviation.square()], dim=1)

    def foreign(self, folder: Path, names: Sequence[str]) -> list[Picture]:
        """Restored images, in the units of the noisy ones."""
        shown = (images.to_grey(images.read(path)) for path in foreign.image_files(folder, names))
        return [Picture(np.asarray(image, dtype=np.float32)) for image in shown]

    def combined(self, outputs: Sequence[FloatArray], shares: Sequence[float], way: Way = "mean") -> FloatArray:
        """Intensities from all members; second moments with the deviations of those that answer any."""
        tell = [i for i, output in enumerate(outputs) if len(output) > 1]
        if not tell or len(tell) == len(outputs):
            return super().combined(outputs, shares, way)
        mean = super().combined([output[:1] for output in outputs], shares, way)
        total = sum(shares[i] for i in tell)
        known = super().combined([outputs[i] for i in tell], [shares[i] / total for i in tell], way)
        return np.concatenate([mean, np.square(mean) + np.square(moments.deviation(known))[None].astype(np.float32)])

    def ideal(self, truth: Picture, encoded: Encoded) -> npt.NDArray[np.float32]:
        """The true intensities, normalised as the image; where its pixels are all that is known, those that were hidden."""
        pixels = ((truth.pixels - encoded.mean) / encoded.std).astype(np.float32)
        known = True if truth.deviation is None else np.isfinite(truth.deviation)
        return np.where(known, pixels, np.float32(np.nan))[None]

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Picture:
        """Convert back to the units of the image."""
        pixels = (activated[0] * encoded.std + encoded.mean).astype(np.float32)
        if len(activated) == 1:
            return Picture(pixels)
        scale = encoded.std * (self.settings.deviation_scale or 1.0)
        return Picture(pixels, (scale * moments.deviation(activated)).astype(np.float32))

    @property
    def needs_calibration(self) -> bool:
        """Whether the settings leave the scale of the deviations open."""
        return self.settings.deviation_scale is None

    def calibrate(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Picture], encoded: Sequence[Encoded]
    ) -> params.RestorationSettings:
        """Scale the deviations to the size of the errors; the scale stays open if no deviations are predicted."""
        if self.settings.deviation_scale is not None or not activated or len(activated[0]) == 1:
            return self.settings
        pairs = list(zip([self.decode(a, e) for a, e in zip(activated, encoded, strict=True)], truth, strict=True))
        return self.settings.model_copy(update={"deviation_scale": restoration.deviation_scale(pairs)})

    def agreements(
        self,
        answers: Sequence[Picture],
        activated: Sequence[npt.NDArray[np.float32]],
        shown: Sequence[images.Image],
        look: Look,
    ) -> list[tuple[float, ...]]:
        """By the noise that is left in a part of each image, see :mod:`brightfield.tasks.restoration.agreement`."""
        del activated

        def restore(part: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            ((output, encoded),) = look([part])
            return self.decode(output, encoded).pixels

        pairs = zip(answers, shown, strict=True)
        return [(agreement.of_image(images.to_grey(image), answer.pixels, restore),) for answer, image in pairs]
