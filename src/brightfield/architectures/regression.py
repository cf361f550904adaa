"""A convolutional network that regresses positions: whether there is a bead in each cell of a coarse grid, and where."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import params
from brightfield.architectures import Shape
from brightfield.errors import BrightfieldError

WIDTH_PX = 2.0  # of the Gaussians at first; it is learnt
NEVER = -1e4  # log probability of a bead beyond the border
# highest log of the heat, so that its log odds stay finite
HIGHEST = -1e-4


class Regression(nn.Module):
    """Levels of two convolutions, each but the first after pooling; then three numbers a cell: log odds of a bead, and its offset.

    Heat maps are drawn from the answers, a Gaussian at each regressed position, and compared with the true ones: so positions are
    learnt without saying which answer belongs to which bead, as in DECODE (Speiser et al. 2021, Nature Methods 18, 1082), which
    compares mixtures of Gaussians. A cell has one bead at most.

    Attributes:
        cell_px: side of a cell, 2^(levels-1).
        multiple_px: height and width must be multiples of this, ``cell_px``.
        reach_px: how far from an output pixel an input pixel may lie that has an influence on it.
    """

    def __init__(self, network: params.Regression, shape: Shape) -> None:
        super().__init__()
        if shape.outputs != 1 or shape.size_px is not None:
            raise BrightfieldError(
                f"The architecture regression answers one heat map of positions, and is asked for {shape.outputs} outputs. "
                "It is for tasks of kind tracking without `hybrid`; use a unet."
            )
        widths = network.filters
        self.cell_px = self.multiple_px = 2 ** (len(widths) - 1)
        # two convolutions a level, one end of a coarse pixel to the other, and the cell beside
        self.reach_px = 2 * (2 * self.cell_px - 1) + (self.cell_px - 1) + self.cell_px
        self.levels = nn.ModuleList(_level(a, b) for a, b in zip([shape.inputs, *widths], widths, strict=False))
        self.answer = nn.Conv2d(widths[-1], 3, 1)
        nn.init.zeros_(self.answer.weight)
        self.answer.bias = nn.Parameter(torch.tensor([shape.bias, 0.0, 0.0]))
        self.log_width = nn.Parameter(torch.tensor(WIDTH_PX).log())

    def forward(self, batch: Tensor) -> Tensor:
        """(N, inputs, H, W) to the log odds of a heat map, (N, 1, H, W)."""
        return self.draw(*self.regress(batch))

    def regress(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds of a bead in each cell, (N, h, w), and its offset from the centre of the cell: x and y in px, (N, 2, h, w)."""
        x = batch
        for level, convolutions in enumerate(self.levels):
            x = convolutions(x if level == 0 else F.max_pool2d(x, 2))
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 has steps of 0.03 px at an offset of 4 px
            answer: Tensor = self.answer(x.to(self.answer.weight.dtype))
            return answer[:, 0], self.cell_px * torch.tanh(answer[:, 1:])

    def draw(self, odds: Tensor, offsets: Tensor) -> Tensor:
        """The log odds of the heat map, (N, 1, H, W): at each pixel the highest of the Gaussians of the nine cells around it."""
        with torch.autocast(odds.device.type, enabled=False):
            cell, (height, width) = self.cell_px, odds.shape[1:]
            heat = F.pad(F.logsigmoid(odds), (1, 1, 1, 1), value=NEVER)
            y, x = (torch.arange(size * cell, device=odds.device) for size in (height, width))
            inverse = torch.exp(-2 * self.log_width) / 2
            shifted = F.pad(offsets, (1, 1, 1, 1))
            highest: Tensor | None = None
            for i in range(3):
                for j in range(3):
                    near, dx, dy = (
                        _enlarged(part[:, i : i + height, j : j + width], cell)
                        for part in (heat, shifted[:, 0], shifted[:, 1])
                    )
                    away_x = x % cell - (cell - 1) / 2 - (j - 1) * cell - dx
                    away_y = (y % cell - (cell - 1) / 2 - (i - 1) * cell)[:, None] - dy
                    drawn = near - (away_x**2 + away_y**2) * inverse
                    highest = drawn if highest is None else torch.maximum(highest, drawn)
            assert highest is not None
            logs = highest.clamp(max=HIGHEST)
            return (logs - torch.log(-torch.expm1(logs)))[:, None]


def _enlarged(coarse: Tensor, times: int) -> Tensor:
    """Each value of (N, h, w) a square of ``times`` by ``times`` pixels."""
    return coarse.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)


def _level(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (inputs, outputs):
        layers += [nn.Conv2d(before, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
