"""An image as an answer: ``<image>_denoised.tif``, ``<image>_deviation.tif`` if the model states how far off pixels may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brightfield.results.base import Array, BaseResult, Form, KnownTruth, Metadata, expect
from brightfield.results.canvas import Canvas, PixelWindow, check_size, enlarge, limits_of, stretch

if TYPE_CHECKING:
    import pandas as pd

GAP_PX = 6


@dataclass(frozen=True)
class Picture(BaseResult):
    """An image as an answer.

    Attributes:
        pixels: (H, W) float32 in the intensity units of the input.
        deviation: (H, W) float32, how far off each pixel may be: the standard deviation of its error, in the same units; None
            where the model does not say, and for truth.
    """

    pixels: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        expect(self.pixels.ndim == 2, "a picture is (H, W)", self.pixels.shape)
        expect(self.pixels.dtype == np.float32, "a picture is float32", self.pixels.dtype)
        if self.deviation is not None:
            expect(self.deviation.shape == self.pixels.shape, "one deviation a pixel", self.deviation.shape)
            expect(self.deviation.dtype == np.float32, "deviations are float32", self.deviation.dtype)
            expect(not (self.deviation < 0).any(), "deviations are not negative", self.deviation.min(initial=0))


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
    """The image and the answer side by side, then the truth when it is known, then the deviation (bright is unsure) when there is
    one, on a scale of its own from 0.
    """
    pictures = [each.pixels for each in (result, truth) if each is not None]
    check_size(image, *pictures)
    # answer and truth share their limits, so that equal intensities look equal; noise has wider ones of its own
    limits = limits_of(pictures[-1])
    panels = [stretch(image), *(stretch(each, limits) for each in pictures)]
    if result.deviation is not None:
        panels.append(stretch(result.deviation, (0.0, limits_of(result.deviation)[1])))
    panels = [enlarge(panel, factor) for panel in panels]
    gap = np.full((panels[0].shape[0], GAP_PX, 3), 255, dtype=np.uint8)
    return np.concatenate([part for panel in panels for part in (gap, panel)][1:], axis=1)


def _mark_truth(tile: Canvas, truth: KnownTruth, window: PixelWindow) -> Canvas:
    """The tile as it is: the truth is an image, see :func:`_true_image`."""
    del truth, window
    return tile


def _true_image(truth: KnownTruth) -> Array | None:
    return truth.fields.get("clean")


Picture.FORM = Form(
    table="images.csv",
    columns=("image",),
    rows=_rows,
    files={"denoised.tif": _pixels, "deviation.tif": _deviation},
    draw=_draw,
    plain=_plain,
    mark_truth=_mark_truth,
    true_image=_true_image,
)
