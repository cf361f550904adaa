"""Which pixel is background, cell body, cell contour, and which cell is it?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, params
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns, segmentation
from brightfield.records import Record
from brightfield.results import ClassMap
from brightfield.tasks.base import Encoded, Objective, Samples, Task
from brightfield.tasks.segmentation.masks import BODY, class_map

FOREGROUND = 0.5  # probability of not being background
MIN_SEED_PX = 8  # smaller specks of certainty are noise


class Segmentation(Task[params.SegmentationSettings, ClassMap]):
    """Three classes; the contour class keeps touching cells apart, and a watershed gives it back to the cells."""

    objective = Objective("mean_iou", "maximize")
    augmentations: ClassVar[frozenset[str]] = frozenset({"flip", "brightness", "noise", "blur"})

    def __init__(self, settings: params.SegmentationSettings) -> None:
        super().__init__(settings)
        self.class_weights: Tensor | None = None

    @property
    def class_names(self) -> list[str]:
        """From the task's settings."""
        return self.settings.classes

    def truth(self, record: Record) -> ClassMap:
        """Instances, and the classes derived from them."""
        if "labels" not in record.fields:
            raise BrightfieldError(f"Image {record.id} has no labels (an instance map of its size).")
        instances = np.asarray(record.fields["labels"], dtype=np.int32)
        return ClassMap(class_map(instances, self.settings.contour_px), instances)

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """Class indices, (H, W) int64."""
        del encoded
        return torch.from_numpy(self.truth(record).classes.astype(np.int64))

    def shape(self) -> architectures.Shape:
        """One grey channel in, a logit for each class out."""
        return architectures.Shape(1, len(self.settings.classes))

    def observe(self, samples: Samples, training: params.Training) -> None:
        """Weigh classes by the inverse square root of their share: contours count more, yet stay thin."""
        if training.balance != "loss":
            return
        counts = sum(torch.bincount(t.ravel(), minlength=len(self.settings.classes)) for t in samples.targets)
        share = torch.as_tensor(counts).double() / torch.as_tensor(counts).sum()
        weights = share.clamp(min=1e-4) ** -0.5
        self.class_weights = (weights / (weights * share).sum()).float()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy."""
        weights = None if self.class_weights is None else self.class_weights.to(output.device)
        return F.cross_entropy(output, target, weight=weights)

    def activate(self, output: Tensor) -> Tensor:
        """Logits to probabilities of the classes."""
        return torch.softmax(output, dim=-3)

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> ClassMap:
        """The likeliest class of each pixel, and the cells: bodies grown over their contours by a watershed."""
        del encoded
        classes = activated.argmax(axis=0).astype(np.uint8)
        return ClassMap(
            classes, instances_of(activated, classes, self.settings.min_area_px, self.settings.seed_probability)
        )

    def rows(self, answer: ClassMap) -> pd.DataFrame:
        """One row: cells, and the share of the image that they cover."""
        inside = answer.instances > 0
        return pd.DataFrame({"cells": [len(np.unique(answer.instances[inside]))], "cover": [float(inside.mean())]})

    def statistics(self, predicted: ClassMap, truth: ClassMap) -> dict[str, float]:
        """Pixel counts by class, matched cells."""
        return segmentation.statistics(predicted, truth, len(self.settings.classes))

    def summarise(self, columns: Columns) -> dict[str, float]:
        """IoU, AP and the rest of :mod:`brightfield.metrics.segmentation`."""
        return segmentation.summarise(columns, self.settings.classes)

    def confusion(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Pixels by class."""
        return self.settings.classes, segmentation.confusion(columns, len(self.settings.classes))


def instances_of(
    probabilities: npt.NDArray[np.float32],
    classes: npt.NDArray[np.uint8],
    min_area_px: int,
    seed_probability: float = 0.0,
) -> npt.NDArray[np.int32]:
    """Cells (H, W) int32 from class probabilities (3, H, W): seeds grown over their contours by a watershed.

    Seeds are connected bodies, but only where the network is sure (``seed_probability``): two cells whose bodies touch through a
    few doubtful pixels come apart there. A body that is nowhere sure is a seed as a whole.
    """
    from skimage.segmentation import relabel_sequential, watershed

    bodies, count = ndimage.label(classes == BODY)
    if count == 0:
        return np.zeros(classes.shape, np.int32)
    seeds, _ = ndimage.label(_sure(bodies, count, probabilities[BODY] > seed_probability))
    foreground = (1 - probabilities[0] > FOREGROUND) | (bodies > 0)
    cells = watershed(-probabilities[BODY], seeds, mask=foreground)
    area = np.bincount(cells.ravel())
    cells[(area < min_area_px)[cells]] = 0
    return np.asarray(relabel_sequential(cells)[0], dtype=np.int32)


def _sure(bodies: npt.NDArray[np.int32], count: int, likely: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The likely parts of bodies, specks left out, and the whole of bodies without such a part."""
    parts, _ = ndimage.label((bodies > 0) & likely)
    size = np.bincount(parts.ravel())
    size[0] = 0
    core = size[parts] >= MIN_SEED_PX
    has_core = np.zeros(count + 1, bool)
    has_core[bodies[core]] = True
    return np.asarray(core | ((bodies > 0) & ~has_core[bodies]))
