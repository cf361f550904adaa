"""Two U-Nets that answer together and learn apart."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import architectures, params
from brightfield.architectures import Shape
from brightfield.architectures.unet_pair import UNetPair

SPECIES = 2


def build() -> UNetPair:
    torch.manual_seed(0)
    built = architectures.build(
        params.UNetPair(architecture="unet_pair", filters=2, depth=2), Shape(1, 1 + 2 * SPECIES)
    )
    assert isinstance(built, UNetPair)
    return built


def image() -> Tensor:
    return torch.randn(2, 1, 16, 24, generator=torch.Generator().manual_seed(1))


def target() -> Tensor:
    return torch.randint(0, 5, (2, 16, 24), generator=torch.Generator().manual_seed(2))


def test_the_answer_is_a_distribution_over_background_and_the_parts_of_each_species() -> None:
    answer = build()(image())
    assert answer.shape == (2, 5, 16, 24)
    torch.testing.assert_close(answer.exp().sum(dim=1), torch.ones(2, 16, 24))


def test_the_cross_entropy_is_that_of_the_two_networks_alone() -> None:
    """Of the parts over all pixels, and of the species over those of cells."""
    network, true = build(), target()
    part = torch.where(true == 0, 0, (true - 1) % 2 + 1)
    cells = true > 0
    alone = F.cross_entropy(network.segmentation(image()), part, reduction="sum")
    kinds = network.differentiation(image()).movedim(1, -1)[cells]
    alone = alone + F.cross_entropy(kinds, (true[cells] - 1) // 2, reduction="sum")
    torch.testing.assert_close(F.cross_entropy(network(image()), true, reduction="sum"), alone)


def test_the_networks_share_nothing() -> None:
    network = build()
    ours = {id(p) for p in network.segmentation.parameters()}
    assert not ours & {id(p) for p in network.differentiation.parameters()}
    network(image())[:, 0].sum().backward()  # the background is for the first network alone to say
    assert all(p.grad is None or not p.grad.any() for p in network.differentiation.parameters())


def test_it_sees_as_far_as_its_networks() -> None:
    network: nn.Module = build()
    assert network.reach_px == network.segmentation.reach_px
    assert network.multiple_px == 2


@pytest.mark.parametrize("classes", [1, 3, 4])
def test_without_species_to_tell_apart_it_is_refused(classes: int) -> None:
    with pytest.raises(ValueError, match=f"two or more species, got {classes} classes"):
        architectures.build(params.UNetPair(architecture="unet_pair"), Shape(1, classes))
