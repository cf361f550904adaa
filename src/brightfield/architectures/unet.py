"""A plain U-Net (Ronneberger, Fischer and Brox 2015) with batch normalisation and padded convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import params
from brightfield.architectures import Shape


class UNet(nn.Module):
    """Levels of two 3x3 convolutions; filters double where the resolution halves. Height and width are multiples of 2^(depth-1)."""

    def __init__(self, network: params.UNet, shape: Shape) -> None:
        super().__init__()
        widths = [network.filters * 2**level for level in range(network.depth)]
        self.residual = network.residual
        self.down = nn.ModuleList(_block(a, b) for a, b in zip([shape.inputs, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(_block(2 * w, w) for w in reversed(widths[:-1]))
        self.answer = nn.Conv2d(widths[0], shape.outputs, 1)
        if self.residual:  # start from the identity
            nn.init.zeros_(self.answer.weight)
        if self.residual or shape.bias:
            nn.init.constant_(self.answer.bias, shape.bias)  # type: ignore[arg-type]

    def forward(self, batch: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        skips: list[Tensor] = []
        x = batch
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), skips.pop()], dim=1))
        answer: Tensor = self.answer(x)
        return answer + batch[:, : answer.shape[1]] if self.residual else answer


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
