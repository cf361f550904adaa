"""Scores of cells and classes of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from brightfield import params
from brightfield.metrics import Columns, Real, Weights, segmentation
from brightfield.metrics.declarations import Metric
from brightfield.results import ClassMap
from brightfield.results.layers import Layers
from brightfield.tasks.guarantees import Guarantee
from brightfield.tasks.scoring import Scoring
from brightfield.tasks.segmentation.masks import class_map, parts

THREE = ("background", "body", "contour")  # classes to which answers of every scheme are converted for scoring

COUNT, OUTLINE = "count", "outline"  # the guarantees
OF_OUTLINE = 0.95  # share of a true outline that lies within the margin


class SegmentationScoring(Scoring[params.SegmentationSettings, ClassMap]):
    """Scores answers of every scheme as background, body and contour, so that they are comparable."""

    conditions: ClassVar[tuple[str, ...]] = ("cover", "focus_um")
    guarantees: ClassVar[Mapping[str, Guarantee]] = {
        COUNT: Guarantee(
            "fields",
            "the true number of cells lies between the bounds",
            "columns count_low and count_high",
            Metric("width of the bounds, in cells found", None, "", 2),
        ),
        OUTLINE: Guarantee(
            "found cells that are cells",
            f"{OF_OUTLINE:.0%} of the true outline lie within the margin of outlines",
            "files _margin.tif",
            Metric("margin", None, "px", 2),
        ),
    }

    def statistics(self, predicted: ClassMap, truth: ClassMap) -> dict[str, float]:
        """Pixels of the three classes and matched cells; with another scheme also pixels of its own classes."""
        row = segmentation.statistics(
            self._as_three(predicted), self._as_three(truth), len(THREE), len(self.settings.species)
        )
        if self.settings.scheme == "contours":
            return row
        own = segmentation.pixels(predicted.classes, truth.classes, len(self.settings.classes), segmentation.OWN)
        return {**row, **own}

    def statistics_for(self, metric: str, predicted: ClassMap, truth: ClassMap) -> dict[str, float]:
        """The pixels of the three classes alone, or the matched cells."""
        if metric == "mean_iou":
            return segmentation.pixels(self._as_three(predicted).classes, self._as_three(truth).classes, len(THREE))
        return segmentation.cells(predicted, truth) if metric == "ap50" else self.statistics(predicted, truth)

    def pooled_for(self, metric: str, columns: Columns, weights: Weights) -> Real:
        """The objective, or AP50, without the other metrics."""
        if metric == "mean_iou":
            return segmentation.mean_iou(columns, weights, len(THREE))
        return segmentation.ap50(columns, weights) if metric == "ap50" else super().pooled_for(metric, columns, weights)

    def _as_three(self, answer: ClassMap) -> ClassMap:
        if self.settings.scheme == "cells":  # contours are derived from the regions
            classes = class_map(answer.instances, self.settings.contour_px)
        else:
            classes = parts(answer.classes)
        return ClassMap(classes, answer.instances, answer.species, answer.certainty)

    def pooled(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """IoU, AP and the rest of :mod:`brightfield.metrics.segmentation`."""
        return segmentation.pooled(columns, weights, THREE, self.settings.species)

    def nonconformity(self, predicted: ClassMap, truth: ClassMap) -> dict[str, Real]:
        """``count``: the error of the number of cells, in units of :func:`count_scale`. ``outline``: of each found cell a distance.

        It is the one within which ``OF_OUTLINE`` of its true outline lies from the outlines that were found, in px.
        """
        found, true = (segmentation.number_of_cells(each.instances) for each in (predicted, truth))
        return {
            COUNT: np.array([abs(true - found) / count_scale(found)]),
            OUTLINE: segmentation.outline_distances(predicted, truth, OF_OUTLINE),
        }

    def sizes(self, guaranteed: ClassMap) -> dict[str, float]:
        """The width of the bounds, as a share of the cells that were found; and the margin in px."""
        sizes = {}
        if guaranteed.count is not None:
            low, high = guaranteed.count
            sizes[COUNT] = (high - low) / max(1, segmentation.number_of_cells(guaranteed.instances))
        return sizes if guaranteed.margin is None else {**sizes, OUTLINE: guaranteed.margin}

    def confusions(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Pixels of each image by true and answered class of the scheme."""
        prefix = segmentation.PIXELS if self.settings.scheme == "contours" else segmentation.OWN
        return self.settings.classes, segmentation.confusions(columns, len(self.settings.classes), prefix)

    def layers(self, answer: ClassMap, truth: ClassMap) -> tuple[Layers, Layers]:
        """The cells, each with its verdict."""
        found = segmentation.verdicts(answer, truth)
        return (
            Layers(instances=found.found, verdicts=found.of_found, words=_cells(len(found.of_found) - 1)),
            Layers(instances=found.true, verdicts=found.of_true, words=_cells(len(found.of_true) - 1)),
        )

    def pooled_subset(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """The objective and AP50 of the images of one kind."""
        metrics = self.pooled(columns, weights)
        return {name: metrics[name] for name in ("mean_iou", "ap50")}


def _cells(number: int) -> str:
    return f"{number} cell{'' if number == 1 else 's'}"


def count_scale(found: int) -> float:
    """How large an error of the number of cells is to be expected where so many are found: bounds are a share of the number.

    Over the simulated test split and suites, bounds that cover 90% of all fields are as wide on average with a constant scale (58
    cells), the square root (60) or the number (58). A share holds for fields of another size, too.
    """
    return float(found + 1)
