"""Baseline for segmentation: local threshold, then watershed on the distance to the background."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import SURE, Classical, FloatArray

POLARITIES = (1.0, -1.0)  # cells brighter or darker than their surroundings
OFFSETS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)  # in standard deviations of the image
CONTOUR_PX = 2.0
MOST_IMAGES = 12  # maximum number of training images used to choose the threshold, enough for a dozen candidates
MIN_SEED_PX = 2.0  # least distance of a seed from the background: thinner specks are not cells


class ThresholdWatershed(Classical):
    """Classes background, body and contour; polarity and threshold are those with the best foreground IoU on training images."""

    polarity: Tensor
    offset: Tensor

    def __init__(self, network: params.Watershed, shape: Shape) -> None:
        super().__init__()
        self.sigma, self.window = network.sigma_px, network.window_px
        self.outputs = shape.outputs
        self.register_buffer("polarity", torch.tensor(-1.0))
        self.register_buffer("offset", torch.tensor(0.5))

    def fit(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Choose polarity and threshold; targets are class indices (H, W), -1 where unknown."""
        chosen = np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).astype(int)
        contrasts = [self._contrast(images[i][0].numpy()) for i in chosen]
        truths = [targets[i].numpy() for i in chosen]

        def mean_iou(setting: tuple[float, float]) -> float:
            polarity, offset = setting
            return float(np.mean([_iou(polarity * c > offset, t) for c, t in zip(contrasts, truths, strict=True)]))

        polarity, offset = max(product(POLARITIES, OFFSETS), key=mean_iou)
        self.polarity.fill_(polarity)
        self.offset.fill_(offset)

    def _contrast(self, image: FloatArray) -> FloatArray:
        smooth = ndimage.gaussian_filter(image, self.sigma)
        return np.asarray(smooth - ndimage.uniform_filter(smooth, self.window), dtype=np.float32)

    def answer(self, image: FloatArray) -> FloatArray:
        """Logits (outputs, H, W) of a hard decision."""
        foreground = float(self.polarity) * self._contrast(image[0]) > float(self.offset)
        foreground = ndimage.binary_fill_holes(ndimage.binary_opening(foreground))
        inside = _distance_inside(foreground)
        classes = np.where(inside > CONTOUR_PX, 1, np.where(inside > 0, 2, 0))
        return np.stack([np.where(classes == k, SURE, -SURE) for k in range(self.outputs)]).astype(np.float32)


def _distance_inside(foreground: npt.NDArray[np.bool_]) -> FloatArray:
    """Distance of every pixel of a cell to the nearest pixel outside that cell, after touching cells are separated."""
    from skimage.feature import peak_local_max
    from skimage.segmentation import find_boundaries, watershed

    distance = ndimage.distance_transform_edt(foreground)
    smooth = ndimage.gaussian_filter(distance, 1.0)
    components, _ = ndimage.label(foreground)
    peaks = peak_local_max(smooth, min_distance=5, threshold_abs=MIN_SEED_PX, labels=components)
    seeds = np.zeros(foreground.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    cells = watershed(-smooth, seeds, mask=foreground)
    boundary = find_boundaries(cells, mode="inner")
    return np.where(cells > 0, ndimage.distance_transform_edt(~boundary) + 1.0, 0.0).astype(np.float32)


def _iou(foreground: npt.NDArray[np.bool_], truth: npt.NDArray[np.int64]) -> float:
    known = truth >= 0
    cells = truth > 0
    union = int(((foreground | cells) & known).sum())
    return float((foreground & cells).sum() / union) if union else 1.0
