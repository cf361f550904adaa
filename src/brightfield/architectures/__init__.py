"""Networks and classical baselines: each a torch module that answers encoded images, built from an entry of ``params.yaml``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from torch import nn

from brightfield import params


@dataclass(frozen=True)
class Shape:
    """What a task asks of a network.

    Attributes:
        inputs: channels of an encoded image.
        outputs: channels of the answer (classes, heat maps), or the number of logits of a whole image.
        size_px: side of the input where it is fixed, else None.
        bias: of the last layer of a network before training: where what is sought is rare, the log odds of meeting it, or the first
            steps go by while the network learns that there is nothing (Lin et al., ICCV 2017, section 4.1).
    """

    inputs: int
    outputs: int
    size_px: int | None = None
    bias: float = 0.0


# Where each architecture is built. A module is imported when it is asked for: segmentation-models-pytorch alone takes seconds.
BUILDERS = {
    "convnet": "convnet:ConvNet",
    "unet": "unet:UNet",
    "unet_pair": "unet_pair:UNetPair",
    "smp": "smp:build",
    "transfer": "transfer:Transfer",
    "features": "features:FeaturesLogistic",
    "correlation": "correlation:TemplateCorrelation",
    "watershed": "watershed:ThresholdWatershed",
    "nonlocal_means": "nonlocal_means:NonLocalMeans",
    "wavelet": "wavelet:Wavelet",
    "total_variation": "total_variation:TotalVariation",
}


def build(network: params.Network, shape: Shape) -> nn.Module:
    """The module of a ``network`` section, freshly initialised from torch's global random state."""
    module, name = BUILDERS[network.architecture].split(":")
    builder = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    built: nn.Module = builder(network, shape)
    return built
