"""The plain convolutional network, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from brightfield import architectures, params
from brightfield.architectures import Shape
from brightfield.errors import BrightfieldError

# Layer, output for one 3x85x85 crop, trainable parameters: 3*3*inputs*filters + filters, and inputs*units + units.
LAYERS: list[tuple[type[nn.Module], tuple[int, ...], int]] = [
    (nn.Conv2d, (32, 83, 83), 896),
    (nn.MaxPool2d, (32, 41, 41), 0),
    (nn.ReLU, (32, 41, 41), 0),
    (nn.Conv2d, (64, 39, 39), 18_496),
    (nn.MaxPool2d, (64, 19, 19), 0),
    (nn.ReLU, (64, 19, 19), 0),
    (nn.Conv2d, (128, 17, 17), 73_856),
    (nn.MaxPool2d, (128, 8, 8), 0),
    (nn.ReLU, (128, 8, 8), 0),
    (nn.Conv2d, (128, 6, 6), 147_584),
    (nn.ReLU, (128, 6, 6), 0),
    (nn.Flatten, (4608,), 0),
    (nn.Linear, (256,), 1_179_904),
    (nn.ReLU, (256,), 0),
    (nn.Dropout, (256,), 0),
    (nn.Linear, (128,), 32_896),
    (nn.ReLU, (128,), 0),
    (nn.Dropout, (128,), 0),
    (nn.Linear, (1,), 129),
]


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def build(shape: Shape, **settings: object) -> nn.Module:
    return architectures.build(
        params.ConvNet.model_validate({"architecture": "convnet", "dense": [256, 128], **settings}), shape
    )


def test_the_default_has_these_layers_and_1453761_parameters() -> None:
    network = build(Shape(3, 1, 85))
    assert parameters(network) == sum(row[2] for row in LAYERS) == 1_453_761
    leaves = [module for module in network.modules() if not list(module.children())]
    seen: list[tuple[type[nn.Module], tuple[int, ...], int]] = []
    for leaf in leaves:
        leaf.register_forward_hook(lambda m, _, out: seen.append((type(m), tuple(out.shape[1:]), parameters(m))))
    network(torch.zeros(2, 3, 85, 85))
    assert seen == LAYERS


def test_dropout_is_one_half_and_only_while_training() -> None:
    network = build(Shape(3, 1, 85))
    assert {m.p for m in network.modules() if isinstance(m, nn.Dropout)} == {0.5}
    batch = torch.randn(4, 3, 85, 85, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(network.train()(batch), network(batch))
    assert torch.equal(network.eval()(batch), network(batch))


def test_without_dense_layers_the_features_are_averaged() -> None:
    network = build(Shape(3, 1, 85), filters=[4, 8], dense=[])
    assert parameters(network) == (3 * 9 * 4 + 4) + (4 * 9 * 8 + 8) + (8 + 1)
    assert network(torch.zeros(2, 3, 85, 85)).shape == (2, 1)


def test_batch_normalisation_takes_the_place_of_the_bias() -> None:
    network = build(Shape(1, 1, 32), filters=[4], dense=[], batch_norm=True)
    assert parameters(network) == 9 * 4 + (4 + 4) + (4 + 1)


@pytest.mark.parametrize("size", [16, 32, 33, 85])
def test_any_size_that_leaves_something_is_taken(size: int) -> None:
    network = build(Shape(1, 1, size), filters=[2, 3], dense=[4])
    assert network(torch.zeros(1, 1, size, size)).shape == (1, 1)


def test_more_convolutions_than_the_crop_has_room_for_are_refused() -> None:
    with pytest.raises(BrightfieldError, match="4 convolutions leave nothing of a crop of 32 px; use fewer filters"):
        build(Shape(3, 1, 32))


def test_a_task_without_a_fixed_size_is_refused() -> None:
    with pytest.raises(BrightfieldError, match="this task has none. Use a unet"):
        build(Shape(1, 1))
