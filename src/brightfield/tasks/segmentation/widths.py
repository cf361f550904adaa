"""The width of cells in images of unknown magnification, found by a model that knows cells of one width.

A network answers at any magnification, and finds regions about as wide as it knows nearly everywhere; but it is sure of them only
where cells are about as wide as it knows. So fields are answered at many magnifications, and the one counts at which the model is
most certain of regions of about that width. On acquisitions of several labs this certainty told right from wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images
from brightfield.images.scaling import LARGEST, SMALLEST
from brightfield.results import ClassMap
from brightfield.results.regions import regions
from brightfield.tasks.answering import Look
from brightfield.tasks.samples import Encoded

FloatArray = npt.NDArray[np.floating[Any]]
Decode = Callable[[npt.NDArray[np.float32], Encoded], tuple[ClassMap, npt.NDArray[np.float32]]]

MAGNIFICATIONS: tuple[float, ...] = tuple(2.0 ** (step / 2) for step in range(-5, 6))  # of the first pass: 0.18 to 5.7
SEEN_PX = 448  # largest side of a cut-out, in pixels as the model sees it
LEAST_PX = 48  # at magnifications where an image would be smaller it is not answered
# least mean probability of the most probable class within cells: right magnifications of 9 acquisitions had 0.86 to 0.96, and of 9
# that the model could not answer at any magnification the best had 0.82
SURE = 0.83
CLEAR = 0.8  # the same in a cell whose width is measured
FEW = 5.0  # number of cells that halves the weight of a certainty
SPREAD = 0.6  # standard deviation of the logarithm (base 2) of widths about the known one, beyond which a magnification counts less
FEWEST = 3  # cells below which even cells that are cut at the border are measured


@dataclass(frozen=True)
class Cells:
    """Cells that were found at one magnification.

    Attributes:
        width_px: median width in pixels, as the model sees them, of those that it is sure of.
        certainty: mean probability of the most probable class within all of them.
        count: their number.
    """

    width_px: float
    certainty: float
    count: int

    def score(self, known_px: float) -> float:
        """How much speaks for this magnification."""
        fits = float(np.exp(-0.5 * (np.log2(self.width_px / known_px) / SPREAD) ** 2))
        return self.certainty * fits * self.count / (self.count + FEW)


def of_labels(labels: Iterable[npt.NDArray[np.int32]]) -> float | None:
    """The width of the cells of label images (H, W) in pixels; None without cells.

    It is the mean of the logarithms: in the middle of what a model learns, also where there are two species of two widths.
    """
    found = [_measured(ClassMap((one > 0).astype(np.uint8), one)) for one in labels]
    if not found:
        return None
    widths, weights, _ = _together(found)
    return float(np.exp(np.average(np.log(widths), weights=weights))) if len(widths) else None


def of_fields(fields: Sequence[images.Image], known_px: float, look: Look, decode: Decode) -> float | None:
    """The width of the cells of fields of one magnification, in pixels of the fields.

    Two passes: at all ``MAGNIFICATIONS``, then at the one that brings the width that was found to the known one.

    Args:
        fields: (H, W) or (H, W, C), with structure in the first channel.
        known_px: width that the model knows.
        look: the model.
        decode: from an activated output to cells, and the probability of the most probable class (H, W).

    Returns:
        The width, or None where no cells are found, or none of them for sure.
    """
    seen = {factor: _seen(fields, factor, look, decode) for factor in MAGNIFICATIONS}
    found = {factor: cells for factor, cells in seen.items() if cells is not None}
    if not found:
        return None
    factor, cells = max(found.items(), key=lambda item: item[1].score(known_px))
    if cells.certainty < SURE:
        return None
    finer = known_px * factor / cells.width_px
    again = _seen(fields, finer, look, decode) if SMALLEST <= finer <= LARGEST else None
    if again is not None and again.score(known_px) >= cells.score(known_px):
        return again.width_px / finer
    return cells.width_px / factor


def _seen(fields: Sequence[images.Image], factor: float, look: Look, decode: Decode) -> Cells | None:
    """The cells that the model sees in cut-outs of all fields at a magnification; None where there are none."""
    cuts = [field[images.busiest(field, int(np.ceil(SEEN_PX / factor)))] for field in fields]
    large = [images.magnified(cut, factor) for cut in cuts if min(cut.shape[:2]) * factor >= LEAST_PX]
    found = [_measured(*decode(activated, encoded)) for activated, encoded in look(large)]
    if not found:
        return None
    widths, weights, certainties = _together(found)
    clear = certainties >= CLEAR
    if not clear.any():
        return None
    certainty = float(np.average(certainties, weights=np.square(weights)))
    return Cells(_median(widths[clear], weights[clear]), certainty, len(widths))


def _measured(
    answer: ClassMap, certainty: npt.NDArray[np.float32] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Width, weight and mean certainty of each cell, without those at the border unless there are too few others.

    The weight is the square root of the area: by number specks would count too much, by area cells that were not separated.
    """
    table = regions(ClassMap((answer.instances > 0).astype(np.uint8), answer.instances), ["", "cell"], 1.0)
    inside = ~table["at_border"].to_numpy(bool)
    rows = table[inside] if inside.sum() >= FEWEST else table
    sure = np.ones(answer.instances.shape) if certainty is None else certainty
    means = np.asarray(ndimage.mean(sure, answer.instances, rows["label"].to_numpy()), float).reshape(len(rows))
    return rows["width_um"].to_numpy(float), np.sqrt(rows["area_px"].to_numpy(float)), means


def _together(found: Sequence[tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
    """The measures of all fields, one after the other."""
    return tuple(np.concatenate(values) for values in zip(*found, strict=True))


def _median(widths: FloatArray, weights: FloatArray) -> float:
    """The width below which the cells have half of the weight."""
    order = np.argsort(widths, kind="stable")
    share = np.cumsum(weights[order])
    return float(widths[order][np.searchsorted(share, share[-1] / 2)])
