"""Images denoised by non-local means, beside a network's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from brightfield import images, params
from brightfield.architectures import Shape
from brightfield.architectures.nonlocal_means import NonLocalMeans
from brightfield.architectures.stabilising import CameraNoise, noise_of
from brightfield.data.records import Record
from brightfield.metrics import restoration
from brightfield.metrics.declarations import Objective
from brightfield.results import Picture
from brightfield.tasks.beside import Baseline, Beside, Method

STRENGTH = 0.8  # h in standard deviations of the noise, which is measured in each image
# smallest noise of an image that was stabilised to a noise of 1, and largest correlation of neighbours in what was then removed:
# beyond them, structure was measured in place of the camera's noise
LEAST_STABLE, MOST_STRUCTURE = 0.5, 0.3


def nlm(settings: params.RestorationSettings, first: Sequence[images.Image]) -> Method[Picture]:
    """Non-local means (Buades, Coll and Morel 2005) at a fixed strength.

    The noise of the camera is stabilised first, unless it cannot be measured between the structures of the image.
    """
    del settings, first
    means = NonLocalMeans(params.NonLocalMeans(architecture="nonlocal_means"), Shape(1, 1))

    def answer(image: images.Image) -> Picture:
        normalised, mean, std = images.normalise(image)
        stable = noise_of(CameraNoise.of(normalised).stabilise(normalised)) >= LEAST_STABLE
        denoised = means.denoise(normalised, STRENGTH, stabilised=stable)
        if stable and restoration.neighbour_correlation((normalised - denoised).astype(np.float64)) > MOST_STRUCTURE:
            denoised = means.denoise(normalised, STRENGTH, stabilised=False)
        return Picture((denoised * std + mean).astype(np.float32))

    return answer


class RestorationBeside(Beside[params.RestorationSettings, Picture]):
    """Compares images by their PSNR, and what was removed from them: noise alone is white."""

    baselines: ClassVar[Mapping[str, Baseline[Any, Any]]] = {
        "nlm": Baseline(nlm, "use it, or train on images like these (`brightfield match`, `brightfield import`)")
    }
    agreement = ("psnr_db",)
    scored_by = Objective("psnr_db")
    least_score = 0.2

    def truth(self, record: Record) -> Picture:
        """The clean image of the record."""
        return Picture(np.asarray(record.fields["clean"], dtype=np.float32))

    def numbers(self, answer: Picture, image: images.Image) -> dict[str, float]:
        """What was removed: its standard deviation, and the correlation of neighbouring pixels in it."""
        rest = image.astype(np.float64) - answer.pixels
        return {"removed": float(rest.std()), "residual_correlation": restoration.neighbour_correlation(rest)}

    def compared(self, answer: Picture, reference: Picture) -> dict[str, float]:
        """PSNR in dB, in the range of the reference."""
        return {"psnr_db": restoration.psnr_db(answer, reference)}
