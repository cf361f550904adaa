"""Networks and classical baselines: each a torch module that answers encoded images, built from an entry of ``params.yaml``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from brightfield import params


@dataclass(frozen=True)
class Shape:
    """What a task asks of a network.

    Attributes:
        inputs: channels of an encoded image.
        outputs: channels of the answer (classes, heat maps), or the number of logits of a whole image.
        size_px: side of the input where it is fixed, else None.
    """

    inputs: int
    outputs: int
    size_px: int | None = None


def build(network: params.Network, shape: Shape) -> nn.Module:
    """The module of a ``network`` section, freshly initialised from torch's global random state."""
    module: nn.Module = BUILDERS[network.architecture](network, shape)
    return module


# Each architecture is imported when it is asked for: segmentation-models-pytorch alone takes seconds to import.
def _convnet(network: params.ConvNet, shape: Shape) -> nn.Module:
    from brightfield.architectures.convnet import ConvNet

    return ConvNet(network, shape)


def _unet(network: params.UNet, shape: Shape) -> nn.Module:
    from brightfield.architectures.unet import UNet

    return UNet(network, shape)


def _smp(network: params.Smp, shape: Shape) -> nn.Module:
    from brightfield.architectures.smp import build

    return build(network, shape)


def _features(network: params.Features, shape: Shape) -> nn.Module:
    from brightfield.architectures.features import FeaturesLogistic

    return FeaturesLogistic(network, shape)


def _correlation(network: params.Correlation, shape: Shape) -> nn.Module:
    from brightfield.architectures.correlation import TemplateCorrelation

    return TemplateCorrelation(network, shape)


def _watershed(network: params.Watershed, shape: Shape) -> nn.Module:
    from brightfield.architectures.watershed import ThresholdWatershed

    return ThresholdWatershed(network, shape)


def _nonlocal_means(network: params.NonLocalMeans, shape: Shape) -> nn.Module:
    from brightfield.architectures.nonlocal_means import NonLocalMeans

    return NonLocalMeans(network, shape)


BUILDERS: dict[str, Callable[[Any, Shape], nn.Module]] = {
    "convnet": _convnet,
    "unet": _unet,
    "smp": _smp,
    "features": _features,
    "correlation": _correlation,
    "watershed": _watershed,
    "nonlocal_means": _nonlocal_means,
}
