"""Transfer learning: a backbone trained on millions of photographs, with a new head in place of its dense classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import params
from brightfield.architectures import Shape, pretrained
from brightfield.architectures.pretrained import NONE
from brightfield.errors import BrightfieldError

IMAGENET = "imagenet"


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier.

    Attributes:
        module: maps (N, C, H, W) to feature maps (N, width, h, w).
        width: number of features.
        blocks: its parts from the bottom (the image) to the top (the features), which are unfrozen from the top.
    """

    module: nn.Module
    width: int
    blocks: list[list[nn.Module]]


class Transfer(nn.Module):
    """Backbone, mean over the positions of its feature maps, and a head of dense layers.

    The top ``unfreeze`` blocks of the backbone are trained; the others are frozen, including the running means of their batch
    normalisation. Images are resized to ``input_px`` for the backbone.
    """

    def __init__(self, network: params.Transfer, shape: Shape) -> None:
        super().__init__()
        found = BACKBONES[network.backbone](network, shape.inputs)
        self.backbone, self.input_px = found.module, network.input_px
        blocks = len(found.blocks)
        trained = blocks if network.unfreeze == "all" else network.unfreeze
        if trained > blocks:
            raise BrightfieldError(
                f"network.unfreeze is {trained}, but {network.backbone} has {blocks} blocks; use a smaller number or 'all'."
            )
        self._frozen = [module for block in found.blocks[: blocks - trained] for module in block]
        for module in self._frozen:
            module.requires_grad_(False).eval()
        layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(network.dropout)]
        width = found.width
        for units in network.dense:
            layers += [nn.Linear(width, units), nn.ReLU(inplace=True), nn.Dropout(network.dropout)]
            width = units
        logits = nn.Linear(width, shape.outputs)
        nn.init.constant_(logits.bias, shape.bias)
        self.head = nn.Sequential(*layers, logits)

    @property
    def is_frozen(self) -> bool:
        """Whether only the head is trained, so that the features of an image never change."""
        return not any(p.requires_grad for p in self.backbone.parameters())

    def train(self, mode: bool = True) -> Self:
        """Set the training mode; frozen parts stay in evaluation mode, so that their batch normalisation does not change."""
        super().train(mode)
        for module in self._frozen:
            module.train(False)
        return self

    def features(self, batch: Tensor) -> Tensor:
        """Input of the head: (N, C, H, W) encoded images to (N, width, 1, 1)."""
        size = (self.input_px, self.input_px)
        if batch.shape[-2:] != size:
            batch = F.interpolate(batch, size=size, mode="bilinear", align_corners=False)
            batch = batch.contiguous(memory_format=torch.channels_last)
        return F.adaptive_avg_pool2d(self.backbone(batch), 1)

    def forward(self, batch: Tensor) -> Tensor:
        """Logits (N, outputs) of a batch (N, C, H, W)."""
        logits: Tensor = self.head(self.features(batch))
        return logits


def _efficientnet_lite0(network: params.Transfer, channels: int) -> Backbone:
    import timm

    module: Any = timm.create_model(
        network.backbone, pretrained=False, num_classes=0, global_pool="", in_chans=channels
    )
    blocks = [[module.conv_stem, module.bn1], *([block] for block in module.blocks), [module.conv_head, module.bn2]]
    _initialise(module, network, lambda: pretrained.shipped(module.state_dict()))
    return Backbone(module, module.num_features, blocks)


def _vgg16(network: params.Transfer, channels: int) -> Backbone:
    from torchvision.models import vgg

    # its dense classifier, which is left out, has eight times as many weights: to draw them would take a second
    layers: Any = vgg.make_layers(vgg.cfgs["D"])
    convolutions: list[Any] = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(convolution.bias)
    if channels != 3:
        layers[0] = nn.Conv2d(channels, layers[0].out_channels, 3, padding=1)
    module = nn.Sequential()
    module.add_module("features", layers)  # torchvision's name, so that its files of weights fit
    blocks: list[list[nn.Module]] = [[]]
    for layer in layers:
        blocks[-1].append(layer)
        if isinstance(layer, nn.MaxPool2d):
            blocks.append([])
    _initialise(module, network, _downloaded_vgg16)
    return Backbone(module, 512, blocks[:-1])


def _downloaded_vgg16() -> Mapping[str, Tensor]:
    """Download from torchvision's own address; the name of the file contains the start of its hash, which is checked."""
    from torchvision.models import VGG16_Weights

    try:
        return dict(VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True, weights_only=True))
    except (OSError, RuntimeError) as error:
        raise BrightfieldError(
            f"The ImageNet weights of vgg16 could not be downloaded ({error}). Save them elsewhere as a .safetensors file and "
            "name its path in network.weights, use backbone tf_efficientnet_lite0, whose weights are installed, or train "
            "from scratch with weights 'none'."
        ) from error


def _initialise(module: nn.Module, network: params.Transfer, imagenet: Callable[[], Mapping[str, Tensor]]) -> None:
    if network.weights == NONE:
        return
    known = (IMAGENET, NONE)
    weights = imagenet() if network.weights == IMAGENET else pretrained.from_file(network.weights, known)
    pretrained.initialise(module, weights, f"weights {network.weights!r} do not fit backbone {network.backbone!r}")


BACKBONES: dict[str, Callable[[params.Transfer, int], Backbone]] = {
    "tf_efficientnet_lite0": _efficientnet_lite0,
    "vgg16": _vgg16,
}
