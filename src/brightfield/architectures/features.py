"""Baseline for classification: colour and texture features, standardised, with logistic regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import Classical, FloatArray

QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
SCALES_PX = (1.0, 2.0, 4.0)  # of the derivatives of Gaussians
RINGS = 6  # concentric, from the centre to the edge


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
    """One row of numbers for an image (C, H, W)."""
    return np.concatenate([_features_of_channel(channel) for channel in image])


def _features_of_channel(channel: FloatArray) -> FloatArray:
    height, width = channel.shape
    y, x = np.ogrid[:height, :width]
    radius = np.hypot((y - (height - 1) / 2) / height, (x - (width - 1) / 2) / width)  # 0.5 at the middle of an edge
    ring = np.minimum((radius / 0.5 * RINGS).astype(int), RINGS - 1)
    rings = np.arange(RINGS)
    values = [
        np.quantile(channel, QUANTILES),
        ndimage.mean(channel, ring, rings),
        ndimage.standard_deviation(channel, ring, rings),
    ]
    for sigma in SCALES_PX:
        gradient = ndimage.gaussian_gradient_magnitude(channel, sigma)
        laplacian = ndimage.gaussian_laplace(channel, sigma)
        values.append(np.log([gradient.mean() + 1e-6, gradient.std() + 1e-6, laplacian.std() + 1e-6]))
    return np.concatenate(values)
