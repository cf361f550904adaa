"""Architectures of segmentation-models-pytorch, with encoder weights from a package or a file, never from a hub."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from brightfield import params
from brightfield.architectures import Shape, pretrained
from brightfield.architectures.pretrained import NONE, SHIPPED
from brightfield.errors import BrightfieldError

SHIPPED_ENCODER = "tu-tf_efficientnet_lite0"
WITH_LEVELS = ("manet", "unet", "unetplusplus")  # architectures whose decoder has filters for each level
UNUSABLE = {"pan": "it cannot be exported and fails on a batch of one"}


def build(network: params.Smp, shape: Shape) -> nn.Module:
    """Build the architecture, with its encoder initialised as ``network.weights`` says.

    Raises:
        BrightfieldError: the architecture, the encoder or the weights are unknown or cannot be used.
    """
    name = network.name.lower()
    usable = sorted(smp.MODEL_ARCHITECTURES_MAPPING.keys() - UNUSABLE.keys())
    if name not in usable:
        why = UNUSABLE.get(name, "segmentation-models-pytorch does not know it")
        raise BrightfieldError(f"network.name {network.name!r} cannot be used: {why}. Known: {', '.join(usable)}.")
    own: dict[str, Any] = {} if network.decoder is None else {"decoder_channels": network.decoder}
    if own and name not in WITH_LEVELS:
        raise BrightfieldError(f"network.decoder is for {', '.join(WITH_LEVELS)}, got network.name {network.name!r}.")
    try:
        module: nn.Module = smp.create_model(
            name, network.encoder, encoder_weights=None, in_channels=shape.inputs, classes=shape.outputs, **own
        )
    except (KeyError, RuntimeError, ValueError) as error:
        raise BrightfieldError(f"network.encoder {network.encoder!r} cannot be built: {error}") from error
    if network.weights != NONE:
        _initialise(module.get_submodule("encoder"), network)
    if shape.bias:
        head = module.get_submodule("segmentation_head")
        nn.init.constant_(next(p for name, p in head.named_parameters() if name.endswith("bias")), shape.bias)
    return module


def _initialise(encoder: nn.Module, network: params.Smp) -> None:
    if network.weights != SHIPPED:
        weights = pretrained.from_file(network.weights, (NONE, SHIPPED))
    elif network.encoder == SHIPPED_ENCODER:
        weights = pretrained.shipped(encoder.state_dict())
    else:
        raise BrightfieldError(
            f"The weights {SHIPPED!r} fit the encoder {SHIPPED_ENCODER!r}, got encoder {network.encoder!r}."
        )
    pretrained.initialise(encoder, weights, f"weights {network.weights!r} do not fit encoder {network.encoder!r}")
