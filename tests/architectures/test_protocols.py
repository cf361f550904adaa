"""What training and tiling ask of a network, asked of every architecture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from brightfield import architectures, params
from brightfield.architectures import Shape, classical, protocols

SIZE = 32
TRAINED: dict[str, dict[str, Any]] = {
    "convnet": {"filters": [4, 8], "dense": [], "dropout": 0.0},
    "unet": {"filters": 4, "depth": 3},
    "unet_pair": {"filters": 4, "depth": 2},
    "regression": {"filters": [4, 4]},
    "smp": {},
    "transfer": {"weights": "none", "input_px": 32},
}


def build(architecture: str, **values: Any) -> nn.Module:
    entry = {"architecture": architecture, **TRAINED[architecture], **values}
    model = {"task": "t", "kind": "segmentation", "dataset": "d", "network": entry, "training": {"epochs": 1}}
    shape = Shape(1, 1) if architecture == "regression" else Shape(1, 5, SIZE)
    return architectures.build(params.parse_model(model, "test").network, shape)


def test_networks_of_convolutions_alone_say_how_far_they_see() -> None:
    known = {name: protocols.as_local(build(name)) for name in TRAINED}
    assert {name for name, network in known.items() if network is not None} == {"regression", "unet", "unet_pair"}
    unet = known["unet"]
    assert unet is not None
    assert (unet.multiple_px, unet.reach_px) == (4, 23)


def test_only_a_backbone_that_is_not_trained_is_frozen() -> None:
    frozen = {name: protocols.as_frozen(build(name)) for name in TRAINED}
    assert {name for name, network in frozen.items() if network is not None} == {"transfer"}
    assert protocols.as_frozen(build("transfer", unfreeze=1)) is None
    network = frozen["transfer"]
    assert network is not None
    assert network.head(network.features(torch.zeros(2, 1, SIZE, SIZE))).shape == (2, 5)


def test_backbones_and_encoders_are_the_pretrained_part() -> None:
    found = {name: build(name) for name in TRAINED}
    parts = {name: protocols.pretrained_part(network) for name, network in found.items()}
    assert {name for name, part in parts.items() if part is not None} == {"smp", "transfer"}
    assert parts["smp"] is found["smp"].get_submodule("encoder")
    assert parts["transfer"] is found["transfer"].get_submodule("backbone")


def test_encoders_for_phones_have_depthwise_convolutions() -> None:
    assert protocols.has_depthwise_convolutions(build("smp"))
    assert not protocols.has_depthwise_convolutions(build("unet"))


def test_a_network_that_is_trained_by_gradients_is_not_fitted_as_a_baseline() -> None:
    with pytest.raises(TypeError, match="UNet is fitted by gradients, expected a classical baseline"):
        classical.fit(build("unet"), [], [])
