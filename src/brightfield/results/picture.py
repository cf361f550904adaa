"""An image as an answer: ``<image>_denoised.tif``, and ``<image>_deviation.tif`` if the model predicts standard deviations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brightfield import layout
from brightfield.results.base import Array, BaseResult, Entry, Form, KnownTruth, Metadata, expect
from brightfield.results.canvas import Canvas, PixelWindow, check_size, enlarge, limits_of, stretch

if TYPE_CHECKING:
    import pandas as pd

GAP_PX = 6


@dataclass(frozen=True)
class Picture(BaseResult):
    """An image as an answer.

    Attributes:
        pixels: (H, W) float32 in the intensity units of the input.
        deviation: (H, W) float32, the standard deviation of the error of each pixel, in the same units; None where the model does
            not predict it, and for exact truth. Of a truth that is itself a noisy image: that of its noise, and infinite where
            the truth is unknown.
    """

    pixels: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        expect(self.pixels.ndim == 2, "a picture must be (H, W)", self.pixels.shape)
        expect(self.pixels.dtype == np.float32, "a picture must be float32", self.pixels.dtype)
        if self.deviation is not None:
            expect(self.deviation.shape == self.pixels.shape, "expected one deviation per pixel", self.deviation.shape)
            expect(self.deviation.dtype == np.float32, "deviations must be float32", self.deviation.dtype)
            expect(not (self.deviation < 0).any(), "deviations must not be negative", self.deviation.min(initial=0))


def _rows(answer: Picture, metadata: Metadata) -> pd.DataFrame:
    """One row: minimum, mean and maximum, and the mean deviation where there is one."""
    import pandas as pd

    del metadata
    row = {name: [float(getattr(answer.pixels, name)())] for name in ("min", "mean", "max")}
    if answer.deviation is not None:
        row["deviation"] = [float(answer.deviation.mean())]
    return pd.DataFrame(row)


def _pixels(answer: Picture) -> Array:
    return answer.pixels


def _deviation(answer: Picture) -> Array | None:
    return answer.deviation


def _plain(answer: Picture) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": "restoration", "pixels": answer.pixels}
    return plain if answer.deviation is None else {**plain, "deviation": answer.deviation}


def _draw(image: npt.NDArray[Any], result: Picture, truth: Picture | None, factor: int) -> Canvas:
    """Draw the image, the answer, the truth if known, and the deviation if predicted, side by side.

    The deviation has a grey scale of its own that begins at 0; bright pixels are uncertain.
    """
    pictures = [each.pixels for each in (result, truth) if each is not None]
    check_size(image, *pictures)
    # answer and truth share a grey scale, so that equal intensities look equal; the noisy image has its own
    limits = limits_of(pictures[-1])
    panels = [stretch(image), *(stretch(each, limits) for each in pictures)]
    if result.deviation is not None:
        panels.append(stretch(result.deviation, (0.0, limits_of(result.deviation)[1])))
    panels = [enlarge(panel, factor) for panel in panels]
    gap = np.full((panels[0].shape[0], GAP_PX, 3), 255, dtype=np.uint8)
    return np.concatenate([part for panel in panels for part in (gap, panel)][1:], axis=1)


def _panels(
    image: npt.NDArray[Any], answers: Mapping[str, Picture], truth: Picture | None, factor: int
) -> dict[str, Canvas]:
    """The image, each answer, and the truth; answers and truth share the grey scale of the last one."""
    pictures = {name: each.pixels for name, each in answers.items()}
    if truth is not None:
        pictures["truth"] = truth.pixels
    check_size(image, *pictures.values())
    limits = limits_of(list(pictures.values())[-1])
    panels = {"image": stretch(image), **{name: stretch(each, limits) for name, each in pictures.items()}}
    return {name: enlarge(panel, factor) for name, panel in panels.items()}


def _mark_truth(tile: Canvas, truth: KnownTruth, window: PixelWindow) -> Canvas:
    """The unchanged tile: the truth is an image, see :func:`_true_image`."""
    del truth, window
    return tile


def _true_image(truth: KnownTruth) -> Array | None:
    return truth.fields.get("clean")


Picture.FORM = Form(
    table="images.csv",
    columns=("image",),
    rows=_rows,
    files={layout.DENOISED: _pixels, layout.DEVIATION: _deviation},
    draw=_draw,
    plain=_plain,
    entries=(Entry("pixels", "float32", 2), Entry("deviation", "float32", 2, always=False)),
    mark_truth=_mark_truth,
    true_image=_true_image,
    panels=_panels,
)
