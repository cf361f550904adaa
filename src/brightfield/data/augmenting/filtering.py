"""Gaussian filters of a batch, of another width for every image.

They are sums of shifted images: exact in float32 on every device, where a convolution of a GPU multiplies with ten bits (TF32).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ROWS, COLUMNS = -2, -1
NARROWEST_PX = 1e-3  # a narrower Gaussian is a single pixel


def gaussian(images: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Smooth images (N, C, H, W) by Gaussians of ``sigma`` (N,) in pixels, cut off at ``radius``; the border is continued."""
    weights = _gaussian(sigma, radius)
    return correlated(correlated(images, weights, ROWS), weights, COLUMNS)


def curvature(images: Tensor, sigma: float, radius: int) -> Tensor:
    """The Laplacian of images (N, C, H, W) smoothed by a Gaussian."""
    smooth = _gaussian(torch.full((1,), sigma, device=images.device), radius)
    x = torch.arange(-radius, radius + 1, device=images.device)
    second = smooth * (x.square() / sigma**4 - 1 / sigma**2)
    second -= second.mean()  # of a constant there is none
    along_rows = correlated(correlated(images, second, ROWS), smooth, COLUMNS)
    return along_rows + correlated(correlated(images, smooth, ROWS), second, COLUMNS)


def correlated(images: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Correlate images (N, C, H, W) along rows or columns with weights (N, K), or the same for all (1, K); K is odd."""
    radius, length = weights.shape[1] // 2, images.shape[axis]
    padding = (radius, radius, 0, 0) if axis == COLUMNS else (0, 0, radius, radius)
    padded = F.pad(images, padding, mode="replicate")
    weights = weights[:, :, None, None, None]
    total = padded.narrow(axis, 0, length) * weights[:, 0]
    for k in range(1, weights.shape[1]):
        total.addcmul_(padded.narrow(axis, k, length), weights[:, k])
    return total


def _gaussian(sigma: Tensor, radius: int) -> Tensor:
    x = torch.arange(-radius, radius + 1, device=sigma.device)
    weights = torch.exp(-x.square() / (2 * sigma.clamp(min=NARROWEST_PX)[:, None].square()))
    return weights / weights.sum(dim=1, keepdim=True)
