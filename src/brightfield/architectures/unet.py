"""A plain U-Net (Ronneberger, Fischer and Brox 2015) with batch normalisation and padded convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import params
from brightfield.architectures import Shape


class UNet(nn.Module):
    """Levels of two convolutions; the number of filters doubles where the resolution halves.

    Attributes:
        multiple_px: height and width must be multiples of this, 2^(depth-1).
        reach_px: half the receptive field, see :func:`reach_px`.
    """

    def __init__(self, network: params.UNet, shape: Shape) -> None:
        super().__init__()
        widths, kernel = [network.filters * 2**level for level in range(network.depth)], network.kernel_px
        self.residual = network.residual
        self.multiple_px = 2 ** (network.depth - 1)
        self.reach_px = reach_px(network.depth, kernel)
        self.down = nn.ModuleList(_block(a, b, kernel) for a, b in zip([shape.inputs, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(_block(2 * w, w, kernel) for w in reversed(widths[:-1]))
        self.outputs = shape.outputs
        self.answer = nn.Conv2d(widths[0], shape.outputs * (2 if network.probabilistic else 1), 1)
        if self.residual:  # start from the identity
            nn.init.zeros_(self.answer.weight)
        if self.residual or shape.bias:
            nn.init.constant_(self.answer.bias, shape.bias)  # type: ignore[arg-type]

    def forward(self, batch: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W); to twice as many channels if probabilistic, the prediction itself first."""
        skips: list[Tensor] = []
        x = batch
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), skips.pop()], dim=1))
        with torch.autocast(x.device.type, enabled=False):  # the rounding of bfloat16 would show as bands
            answer: Tensor = self.answer(x.to(self.answer.weight.dtype))
        if not self.residual:
            return answer
        restored = answer[:, : self.outputs] + batch[:, : self.outputs]
        return torch.cat([restored, answer[:, self.outputs :]], dim=1)


def reach_px(depth: int, kernel_px: int = 3) -> int:
    """Half the receptive field: how far from an output pixel an input pixel may lie that has an influence on it, in px.

    Each level has two convolutions on the way down and, except for the lowest, two on the way up; each reaches half a kernel far,
    in pixels of 2^level px. A pixel may lie at one end of the coarsest pixel that contains it: 2^(depth-1) - 1 px more.
    """
    lowest: int = 2 ** (depth - 1)
    return kernel_px // 2 * (4 * (lowest - 1) + 2 * lowest) + lowest - 1


def _block(inputs: int, outputs: int, kernel_px: int) -> nn.Sequential:
    same = kernel_px // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_px, padding=same, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, kernel_px, padding=same, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
