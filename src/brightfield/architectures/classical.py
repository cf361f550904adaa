"""Base class of the classical baselines: modules without gradients, fitted in closed form or by a small search."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

FloatArray = npt.NDArray[np.float32]
SURE = 10.0  # the logit of a hard decision


class Classical(nn.Module):
    """A baseline with the interface of a network.

    It is fitted to encoded images and their encoded targets, stores its parameters in buffers (so that a bundle saves them like
    weights), and its output for a batch of encoded images is in the same units as that of a network: logits, or intensities.
    """

    @abstractmethod
    def fit(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Fit to encoded images, each (C, H, W), and their targets as the task encodes them."""

    @abstractmethod
    def answer(self, image: FloatArray) -> FloatArray:
        """The output for one encoded image (C, H, W)."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Keep the buffers on the processor, where numpy reads them, whatever device networks are moved to."""
        del fn, recurse
        return self

    @torch.no_grad()
    def forward(self, batch: Tensor) -> Tensor:
        """Outputs for a batch (N, C, H, W), on the device of the batch."""
        answers = [self.answer(image) for image in batch.float().cpu().numpy()]
        return torch.from_numpy(np.stack(answers)).to(batch.device)


def fit(network: nn.Module, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    """Fit a baseline in place, see :meth:`Classical.fit`.

    Raises:
        TypeError: the network is fitted by gradients.
    """
    if not isinstance(network, Classical):
        raise TypeError(f"{type(network).__name__} is fitted by gradients, expected a classical baseline.")
    network.fit(images, targets)
