"""What training and tiling ask of a network, whichever architecture it is.

A network declares what it can by having the attributes of a protocol; the functions below ask it. Python's own ``isinstance`` would
not do, because from 3.12 on it does not find the modules inside a module.
"""

from __future__ import annotations

from typing import Protocol, cast

from torch import Tensor, nn


class LocalNetwork(Protocol):
    """A network whose answer for a pixel depends only on the pixels near it.

    Attributes:
        multiple_px: height and width of an image are multiples of this.
        reach_px: how far from a pixel those may lie that its answer depends on: half the receptive field.
    """

    multiple_px: int
    reach_px: int


class FeatureNetwork(Protocol):
    """A backbone that computes features of an image, and a head that answers from them.

    Attributes:
        backbone: whose weights the features depend on.
        head: answers from features, (N, width, 1, 1).
        input_px: side of the square to which an image is resized for the backbone.
    """

    backbone: nn.Module
    head: nn.Module
    input_px: int

    @property
    def is_frozen(self) -> bool:
        """Whether only the head is trained, so that the features of an image never change."""

    def features(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) encoded images to (N, width, 1, 1)."""


def as_local(network: nn.Module) -> LocalNetwork | None:
    """The network, if it says how far it sees; None where that is not known."""
    return cast(LocalNetwork, network) if hasattr(network, "reach_px") else None


def as_frozen(network: nn.Module) -> FeatureNetwork | None:
    """The network, if only its head is trained; None for every other."""
    return cast(FeatureNetwork, network) if getattr(network, "is_frozen", False) else None


def pretrained_part(network: nn.Module) -> nn.Module | None:
    """The part that may come with weights of another training: a backbone, or the encoder of a U-Net; None without one."""
    return getattr(network, "backbone", getattr(network, "encoder", None))


def has_depthwise_convolutions(network: nn.Module) -> bool:
    """Whether a convolution treats channels apart, as those of encoders for phones do."""
    return any(isinstance(module, nn.Conv2d) and module.groups > 1 for module in network.modules())
