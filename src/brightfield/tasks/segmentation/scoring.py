"""Scores of cells and classes of pixels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from brightfield import params
from brightfield.metrics import Columns, Real, Weights, segmentation
from brightfield.results import ClassMap
from brightfield.tasks.scoring import Scoring
from brightfield.tasks.segmentation.masks import class_map, parts

THREE = ("background", "body", "contour")  # classes to which answers of every scheme are converted for scoring


class SegmentationScoring(Scoring[params.SegmentationSettings, ClassMap]):
    """Scores answers of every scheme as background, body and contour, so that they are comparable."""

    conditions: ClassVar[tuple[str, ...]] = ("cover", "focus_um")

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

    def confusion(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Pixels by true and answered class of the scheme."""
        prefix = segmentation.PIXELS if self.settings.scheme == "contours" else segmentation.OWN
        return self.settings.classes, segmentation.confusion(columns, len(self.settings.classes), prefix)

    def pooled_subset(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """The objective and AP50 of the images of one kind."""
        metrics = self.pooled(columns, weights)
        return {name: metrics[name] for name in ("mean_iou", "ap50")}
