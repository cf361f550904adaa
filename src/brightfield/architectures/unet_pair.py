"""Two U-Nets without shared weights: segmentation (background, body, contour), then differentiation (which species)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.unet import UNet

BACKGROUND, PARTS = 1, 2  # number of classes without a species, and per species


class UNetPair(nn.Module):
    """One output from two networks: the log probabilities of background, then of body and contour of each species.

    The probability of a class is that of its part (first network) times that of its species (second network). The cross-entropy of
    this output is the sum of those of the two networks, so each learns what it would learn alone.

    Attributes:
        multiple_px, reach_px: those of the two U-Nets, which are equal.
    """

    def __init__(self, network: params.UNetPair, shape: Shape) -> None:
        super().__init__()
        species, rest = divmod(shape.outputs - BACKGROUND, PARTS)
        if species < 2 or rest:
            raise ValueError(
                f"expected background, then body and contour of each of two or more species, got {shape.outputs} classes"
            )
        one = params.UNet(
            architecture="unet", filters=network.filters, depth=network.depth, kernel_px=network.kernel_px
        )
        self.segmentation = UNet(one, Shape(shape.inputs, BACKGROUND + PARTS))
        self.differentiation = UNet(one, Shape(shape.inputs, species))
        self.multiple_px, self.reach_px = self.segmentation.multiple_px, self.segmentation.reach_px

    def forward(self, batch: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 1 + 2 species, H, W) log probabilities."""
        part = F.log_softmax(self.segmentation(batch).float(), dim=1)
        kind = F.log_softmax(self.differentiation(batch).float(), dim=1)
        cells = kind[:, :, None] + part[:, None, BACKGROUND:]  # (N, species, part, H, W)
        return torch.cat([part[:, :BACKGROUND], cells.flatten(1, 2)], dim=1)
