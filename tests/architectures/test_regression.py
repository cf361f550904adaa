"""Regressed positions, and the heat maps that are drawn from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, params
from brightfield.architectures import Shape
from brightfield.architectures.regression import Regression
from brightfield.errors import BrightfieldError
from brightfield.tasks.tracking.answering import _gaussian_centre

CELL = 8


def build(filters: tuple[int, ...] = (2, 2, 2, 2), bias: float = -4.0, outputs: int = 1) -> Regression:
    torch.manual_seed(0)
    network = params.Regression(architecture="regression", filters=list(filters))
    built = architectures.build(network, Shape(1, outputs, bias=bias))
    assert isinstance(built, Regression)
    return built


def one_bead(row: int, column: int, dx: float, dy: float) -> tuple[Tensor, Tensor]:
    """Answers of 4 x 5 cells: a bead in one of them, nothing in the others."""
    odds, offsets = torch.full((1, 4, 5), -30.0), torch.zeros(1, 2, 4, 5)
    odds[0, row, column] = 30.0
    offsets[0, :, row, column] = torch.tensor([dx, dy])
    return odds, offsets


@pytest.mark.parametrize("size", [(8, 8), (32, 64), (128, 40)])
def test_the_answer_is_as_large_as_the_image(size: tuple[int, int]) -> None:
    assert build()(torch.zeros(2, 1, *size)).shape == (2, 1, *size)


def test_an_untrained_network_answers_the_bias_at_the_centre_of_each_cell() -> None:
    """Drawn with a sigma of 2 px: at the four middle pixels of a cell, half a pixel off along both axes, exp(-0.5 / 8) of it."""
    heat = torch.sigmoid(build(bias=-4.0)(torch.zeros(1, 1, 24, 24)))[0, 0]
    expected = 1 / (1 + np.exp(4)) * np.exp(-0.5 / 8)
    assert heat[11:13, 11:13].tolist() == pytest.approx(np.full((2, 2), expected))
    assert heat.max().item() == pytest.approx(expected)


@pytest.mark.parametrize(("row", "column"), [(1, 2), (0, 0), (3, 4)])
@pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (1.3, -2.7), (-3.9, 3.2), (5.0, 4.5)])
def test_a_gaussian_is_drawn_where_the_bead_is(row: int, column: int, dx: float, dy: float) -> None:
    """Pixel (0, 0) is the centre of the first pixel, so the centre of a cell of 8 px is at 3.5."""
    odds, offsets = one_bead(row, column, dx, dy)
    heat = torch.sigmoid(build().draw(odds, offsets))[0, 0].detach().numpy()
    x, y = CELL * column + 3.5 + dx, CELL * row + 3.5 + dy
    rows, columns = np.mgrid[: 4 * CELL, : 5 * CELL]
    expected = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    # a cell draws on itself and the eight around it
    drawn = (abs(rows // CELL - row) <= 1) & (abs(columns // CELL - column) <= 1)
    assert heat[drawn] == pytest.approx(expected[drawn], abs=2e-4)
    assert heat[~drawn].max(initial=0) < 1e-6


def test_what_is_decoded_is_what_was_regressed() -> None:
    odds, offsets = one_bead(1, 2, 1.37, -0.81)
    heat = torch.sigmoid(build().draw(odds, offsets))[0, 0].detach().numpy()
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert _gaussian_centre(heat, int(y), int(x)) == pytest.approx((16 + 3.5 + 1.37, 8 + 3.5 - 0.81), abs=1e-3)


def test_where_two_beads_overlap_the_nearer_one_counts() -> None:
    odds, offsets = one_bead(1, 1, 0.0, 0.0)
    odds[0, 1, 2] = 30.0
    heat = torch.sigmoid(build().draw(odds, offsets))[0, 0]
    assert heat[11].tolist() == pytest.approx(torch.maximum(gaussian(11.5, 40), gaussian(19.5, 40)).tolist(), abs=2e-4)


def gaussian(x: float, size: int) -> Tensor:
    return torch.exp(-((torch.arange(size) - x) ** 2 + 0.25) / 8)


def test_the_loss_pulls_a_position_towards_the_bead() -> None:
    network = build()
    target = torch.sigmoid(network.draw(*one_bead(1, 2, 2.0, -1.0))).detach()
    odds, offsets = one_bead(1, 2, 0.0, 0.0)
    odds[0, 1, 2] = 3.0
    offsets.requires_grad_()
    F.binary_cross_entropy_with_logits(network.draw(odds, offsets), target).backward()
    assert offsets.grad is not None
    dx, dy = offsets.grad[0, :, 1, 2].tolist()
    assert dx < 0 < dy  # a step against the gradient goes right and up


def test_the_width_of_the_gaussian_is_learnt() -> None:
    network = build()
    optimizer = torch.optim.Adam([network.log_width], lr=0.05)
    distance2 = torch.from_numpy(np.square(np.mgrid[:32, :40] - np.array([11.5, 19.5])[:, None, None]).sum(0))
    target = torch.exp(-distance2 / (2 * 3.0**2)).float()[None, None]
    for _ in range(80):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(network.draw(*one_bead(1, 2, 0.0, 0.0)), target).backward()
        optimizer.step()
    assert network.log_width.exp().item() == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_pixels_beyond_the_reach_have_no_influence(levels: int) -> None:
    network = build((2,) * levels).eval()
    torch.nn.init.normal_(network.answer.weight)
    assert (network.cell_px, network.multiple_px) == (2 ** (levels - 1), 2 ** (levels - 1))
    image = torch.randn(1, 1, 192, 192, generator=torch.Generator().manual_seed(1))
    changed, edge = image.clone(), 64
    changed[..., :edge] += 1
    with torch.no_grad():
        difference = (network(image) - network(changed)).abs().amax(dim=(0, 1, 2))
    assert difference[edge + network.reach_px :].max() == 0
    assert difference[edge : edge + network.reach_px].max() > 0


def test_it_answers_positions_and_nothing_else() -> None:
    with pytest.raises(BrightfieldError, match="one heat map of positions.*asked for 3 outputs.*use a unet"):
        build(outputs=3)
