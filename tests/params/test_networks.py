"""What every architecture declares beside its keys."""

from __future__ import annotations

from typing import get_args

import pytest

from brightfield import params
from brightfield.params.networks import Network


def test_only_a_pair_needs_species() -> None:
    sections = get_args(get_args(Network)[0])
    assert [section for section in sections if section.needs_species] == [params.UNetPair]


@pytest.mark.parametrize(
    "network",
    [params.Smp(architecture="smp", weights="mine.safetensors"), params.Transfer(architecture="transfer")],
)
def test_without_weights_of_others_a_network_is_otherwise_the_same(network: params.Smp | params.Transfer) -> None:
    bare = network.without_weights()
    assert bare == network.model_copy(update={"weights": "none"})
    assert network.weights != "none"


def test_an_architecture_that_has_no_weights_of_others_stays_as_it_is() -> None:
    network = params.UNet(architecture="unet", depth=3)
    assert network.without_weights() == network
