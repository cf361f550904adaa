"""Cells by Otsu's threshold, beside a network's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images, params
from brightfield.data.records import Record
from brightfield.metrics import every_image_once, of_one, segmentation
from brightfield.metrics.declarations import Objective
from brightfield.results import ClassMap
from brightfield.tasks.beside import Baseline, Beside, Method
from brightfield.tasks.segmentation.cells import large
from brightfield.tasks.segmentation.masks import of_cells
from brightfield.tasks.visibility import shows_something

SMOOTH_PX = 0.7  # sigma of the Gaussian before the threshold, so that noise makes no specks
# a region is cut where it is narrower than this share of both parts. A lower one joins E. coli that touch end to end
NECK = 0.87

Mask = npt.NDArray[np.bool_]


def otsu(settings: params.SegmentationSettings, first: Sequence[images.Image]) -> Method[ClassMap]:
    """Cells by one threshold an image (Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9, 62, 1979).

    The threshold is that of the light above, or below, a smooth background, whichever gives compact objects and not specks and
    rims. Objects are cut at their necks by a watershed on the distance to the ground.
    """
    del first

    def answer(image: images.Image) -> ClassMap:
        light = image.astype(np.float32)
        cells = large(_cut(_objects(ndimage.gaussian_filter(light, SMOOTH_PX))), settings.min_area_px)
        if not shows_something(light[None], cells):
            cells = np.zeros_like(cells)
        return of_cells(cells, settings)

    return answer


def _objects(smooth: npt.NDArray[np.float32]) -> Mask:
    """The pixels of cells in a smoothed image (H, W), without holes: brighter or darker than the background."""
    above = images.above_background(smooth)
    return max((_exceeding(sign * above) for sign in (1.0, -1.0)), key=_compactness)


def _exceeding(light: npt.NDArray[np.float64]) -> Mask:
    """Where light exceeds Otsu's threshold of what lies above the background, so that rare cells count beside much ground."""
    from skimage.filters import threshold_otsu

    find: Callable[[npt.NDArray[Any]], float] = threshold_otsu
    positive = np.maximum(light, 0)
    if positive.max() == positive.min():
        return np.zeros(light.shape, bool)
    return np.asarray(ndimage.binary_fill_holes(positive > find(positive)), dtype=bool)


def _compactness(mask: Mask) -> float:
    """The share of the pixels that an opening leaves, which removes specks and thin rims; 0 without any pixel."""
    return int(ndimage.binary_opening(mask).sum()) / max(int(mask.sum()), 1)


def _cut(mask: Mask) -> npt.NDArray[np.int32]:
    """Regions (H, W) int32 from 1, cut at necks: the seeds are the summits of the distance that a neck separates."""
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), SMOOTH_PX) * mask
    # in logarithms, a summit stands out where its neck is narrower than a share of it, whatever the width of the cell
    height = np.log1p(distance)
    raised: Callable[..., npt.NDArray[np.float64]] = reconstruction
    flooded = raised(height + np.log(NECK), height)
    seeds, _ = ndimage.label((height - flooded >= -np.log(NECK) - 1e-6) & mask, np.ones((3, 3)))
    return np.asarray(watershed(-distance, seeds, mask=mask), dtype=np.int32)


class SegmentationBeside(Beside[params.SegmentationSettings, ClassMap]):
    """Compares cells by AP50 and Dice; species are left aside, as a threshold knows none."""

    baselines: ClassVar[Mapping[str, Baseline[Any, Any]]] = {
        "otsu": Baseline(otsu, "use it, or teach the model with a few labelled images (`brightfield import`)")
    }
    counts = frozenset({"cells"})
    agreement = ("ap50", "dice")
    scored_by = Objective("ap50")
    least_score = 0.02

    def truth(self, record: Record) -> ClassMap:
        """The labels of the record."""
        return of_cells(np.asarray(record.fields["labels"], dtype=np.int32), self.settings)

    def numbers(self, answer: ClassMap, image: images.Image) -> dict[str, float]:
        """The number of cells, and the share of the image that they cover."""
        del image
        inside = answer.instances > 0
        return {"cells": float(len(np.unique(answer.instances[inside]))), "cover": float(inside.mean())}

    def compared(self, answer: ClassMap, reference: ClassMap) -> dict[str, float]:
        """AP50 of the cells, and Dice of their pixels."""
        row = {name: np.array([value]) for name, value in segmentation.cells(answer, reference).items()}
        inside, true = answer.instances > 0, reference.instances > 0
        both = int(inside.sum()) + int(true.sum())
        dice = 2 * int((inside & true).sum()) / both if both else float("nan")
        return {**of_one({"ap50": segmentation.ap50(row, every_image_once(row))}), "dice": dice}
