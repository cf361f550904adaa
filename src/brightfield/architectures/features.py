"""Baseline for classification: colour and texture features, standardised, with logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import Classical, FloatArray

QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
SCALES_PX = (1.0, 2.0, 4.0)  # sigma of the Gaussians before derivatives are taken
RINGS = 6  # number of concentric rings, from the centre to the edge


class FeaturesLogistic(Classical):
    """Quantiles of every channel, energy of gradients and Laplacians at three scales, and mean and spread on concentric rings."""

    mean: Tensor
    std: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, network: params.Features, shape: Shape) -> None:
        super().__init__()
        self.regularisation = network.regularisation
        count = shape.inputs * (len(QUANTILES) + 3 * len(SCALES_PX) + 2 * RINGS)
        for name, size in (("mean", count), ("std", count), ("weight", count), ("bias", 1)):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def fit(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Fit by L2-regularised maximum likelihood, classes weighted by the inverse of their share."""
        from sklearn.linear_model import LogisticRegression

        table = np.stack([features(image.numpy()) for image in images])
        mean, std = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-6)
        model = LogisticRegression(C=self.regularisation, class_weight="balanced", max_iter=5000)
        model.fit((table - mean) / std, np.array([float(target) > 0.5 for target in targets]))
        learned = {"mean": mean, "std": std, "weight": model.coef_[0], "bias": model.intercept_}
        for name, values in learned.items():
            getattr(self, name).copy_(torch.from_numpy(values))

    def answer(self, image: FloatArray) -> FloatArray:
        """The logit of the positive class, shape (1,)."""
        standardised = (features(image) - self.mean.numpy()) / np.maximum(self.std.numpy(), 1e-6)
        return np.asarray(standardised @ self.weight.numpy() + self.bias.numpy(), dtype=np.float32)


def features(image: FloatArray) -> FloatArray:
    """Feature vector of an image (C, H, W)."""
    pixels = image.reshape(len(image), -1)
    # of sorted values numpy finds the same quantiles in a third of the time
    values: list[npt.NDArray[Any]] = [np.quantile(np.sort(pixels, axis=1), QUANTILES, axis=1).T]
    ring = _rings(*image.shape[1:])
    mean = _means(pixels, ring)
    values += [mean, np.sqrt(_means(np.square(pixels - mean[:, ring]), ring))]
    for sigma in SCALES_PX:
        blurred = ndimage.gaussian_filter(image, (0, sigma, sigma), truncate=3)
        gradient = np.hypot(*np.gradient(blurred, axis=(1, 2)))
        curvature = ndimage.laplace(blurred, axes=(1, 2))
        energies = gradient.mean(axis=(1, 2)), gradient.std(axis=(1, 2)), curvature.std(axis=(1, 2))
        values.append(np.log(np.stack(energies, axis=1) + 1e-6))
    return np.concatenate(values, axis=1).ravel()


def _means(pixels: npt.NDArray[np.floating[Any]], ring: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """The mean of the pixels (C, H * W) of each ring, (C, RINGS)."""
    sums = np.stack([np.bincount(ring, channel, RINGS) for channel in pixels])
    return np.asarray(sums / np.bincount(ring, minlength=RINGS))


@cache
def _rings(height: int, width: int) -> npt.NDArray[np.intp]:
    """Number of the concentric ring of each pixel, (H * W,), 0 to ``RINGS`` - 1; the corners belong to the last."""
    y, x = np.ogrid[:height, :width]
    radius = np.hypot((y - (height - 1) / 2) / height, (x - (width - 1) / 2) / width)  # 0.5 at the middle of an edge
    return np.minimum((radius / 0.5 * RINGS).astype(np.intp), RINGS - 1).ravel()
