"""Random parameters of a batch, and changes of some of its images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Change = Callable[
    [Tensor, np.random.Generator], Tensor
]  # of images (N, C, H, W), float32; they may come back as they are


class ScaledChange(Protocol):
    """A change whose spread, or largest value, is multiplied by ``strength``."""

    def __call__(self, images: Tensor, rng: np.random.Generator, strength: float = 1.0, /) -> Tensor:
        """Images (N, C, H, W), float32; they may come back as they are."""


def like(images: Tensor, values: npt.NDArray[Any]) -> Tensor:
    """Parameters of images (N, C, H, W) as a tensor that multiplies them: of each image (N,), or of its channels too (N, C)."""
    shape = values.shape + (1,) * (4 - values.ndim)
    return torch.from_numpy(values.astype(np.float32)).to(images.device).reshape(shape)


def some(rng: np.random.Generator, count: int, share: float) -> npt.NDArray[np.intp]:
    """Indices of images, each chosen with probability ``share``."""
    return np.flatnonzero(rng.random(count) < share)


def of_some(images: Tensor, chosen: npt.NDArray[np.intp], change: Callable[[Tensor], Tensor]) -> Tensor:
    """Images of which those with the indices ``chosen`` are changed, all in one call, which gets a copy of them."""
    if len(chosen) == 0:
        return images
    where = torch.from_numpy(chosen).to(images.device)
    changed = images.clone()
    changed[where] = change(images[where])
    return changed
