"""The plain U-Net."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from brightfield import architectures, params
from brightfield.architectures import Shape


def build(
    depth: int,
    filters: int = 2,
    inputs: int = 1,
    outputs: int = 3,
    residual: bool = False,
    kernel: Literal[3, 5, 7] = 3,
) -> nn.Module:
    torch.manual_seed(0)
    settings = params.UNet(architecture="unet", filters=filters, depth=depth, residual=residual, kernel_px=kernel)
    return architectures.build(settings, Shape(inputs, outputs))


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
@pytest.mark.parametrize("size", [(32, 32), (64, 96), (16, 80)])
def test_the_answer_is_as_large_as_the_image(depth: int, size: tuple[int, int]) -> None:
    network = build(depth, inputs=2)
    assert network(torch.zeros(2, 2, *size)).shape == (2, 3, *size)


def test_filters_double_where_the_resolution_halves() -> None:
    """depth 3, 4 filters, by hand: convolutions without bias, two numbers a channel for batch normalisation."""

    def block(inputs: int, outputs: int) -> int:
        return 9 * inputs * outputs + 9 * outputs * outputs + 4 * outputs

    down = block(1, 4) + block(4, 8) + block(8, 16)
    up = (4 * 16 * 8 + 8) + (4 * 8 * 4 + 4)
    merge = block(16, 8) + block(8, 4)
    answer = 4 * 3 + 3
    assert sum(p.numel() for p in build(3, filters=4).parameters()) == down + up + merge + answer


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_shift_by_the_coarsest_pixel_shifts_the_answer(depth: int) -> None:
    """A circular shift, compared where the border is out of sight."""
    network = build(depth).eval()
    step = 2 ** (depth - 1)
    image = noise(1, 1, 160, 160)
    with torch.no_grad():
        answer = network(image)
        for shift in ((step, 0), (0, step), (-2 * step, 3 * step)):
            moved = network(torch.roll(image, shift, dims=(2, 3)))
            inner = slice(64, 96)
            expected = torch.roll(answer, shift, dims=(2, 3))[..., inner, inner]
            torch.testing.assert_close(moved[..., inner, inner], expected, rtol=1e-4, atol=1e-5)
            assert not torch.allclose(moved[..., inner, inner], answer[..., inner, inner], atol=1e-3)


@pytest.mark.parametrize(("depth", "kernel"), [(2, 3), (3, 3), (4, 3), (2, 5), (3, 5), (2, 7)])
def test_a_pixel_sees_as_far_as_the_network_says_and_no_further(depth: int, kernel: Literal[3, 5, 7]) -> None:
    network = build(depth, filters=1, outputs=1, kernel=kernel).eval().double()
    for parameter in network.parameters():
        parameter.data = parameter.data.abs() + 0.1  # nothing cancels
    reach, coarse = int(network.reach_px), int(network.multiple_px)  # type: ignore[arg-type]
    side = 16 * coarse * (1 + reach // (8 * coarse))
    farthest = 0
    for place in range(side // 2, side // 2 + coarse):
        for seed in range(6):  # pooling looks at the largest of four, another one each time
            image = (
                torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(seed)).double().requires_grad_()
            )
            (seen,) = torch.autograd.grad(network(image)[0, 0, place, place], image)
            rows = seen[0, 0].any(dim=1).nonzero()
            farthest = max(farthest, place - int(rows.min()), int(rows.max()) - place)
    assert farthest == reach


def test_the_last_layer_begins_with_the_bias_that_is_asked_for() -> None:
    settings = params.UNet(architecture="unet", filters=2, depth=2)
    answers = []
    for bias in (0.0, -4.0):
        torch.manual_seed(0)
        answers.append(architectures.build(settings, Shape(1, 1, bias=bias)).eval()(noise(1, 1, 32, 32)))
    assert (answers[0] - answers[1]).mean().item() == pytest.approx(4, abs=0.6)  # its own was drawn at random


@pytest.mark.parametrize("training", [True, False])
def test_a_residual_network_begins_as_the_identity(training: bool) -> None:
    network = build(3, outputs=1, residual=True).train(training)
    image = noise(2, 1, 32, 48)
    assert torch.equal(network(image), image)


@pytest.mark.parametrize("residual", [True, False])
def test_a_probabilistic_network_answers_twice_as_many_channels_and_adds_its_input_to_the_first(residual: bool) -> None:
    torch.manual_seed(0)
    settings = params.UNet(architecture="unet", filters=2, depth=2, residual=residual, probabilistic=True)
    network, image = architectures.build(settings, Shape(1, 1)).eval(), noise(2, 1, 32, 48)
    answer = network(image)
    assert answer.shape == (2, 2, 32, 48)
    assert torch.equal(answer[:, :1], image) == residual
    assert bool((answer[:, 1] == answer[0, 1, 0, 0]).all()) == residual  # begins as nothing at all


def test_the_last_layer_is_not_rounded_to_bfloat16() -> None:
    network, image = build(2, outputs=1).eval(), noise(1, 1, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        answer = network(image)
    assert answer.dtype == torch.float32
    assert not torch.equal(answer, answer.bfloat16().float())


def test_a_residual_network_learns_from_its_first_step() -> None:
    network = build(2, outputs=1, residual=True)
    network(noise(2, 1, 32, 32)).square().mean().backward()
    answer = network.get_parameter("answer.weight").grad
    assert answer is not None
    assert answer.abs().max() > 0
