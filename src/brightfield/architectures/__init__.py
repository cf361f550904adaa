"""Networks and classical baselines: torch modules with encoded images as input, built from an entry of ``params.yaml``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from torch import nn

from brightfield import params


@dataclass(frozen=True)
class Shape:
    """Input and output of a network, as its task requires them.

    Attributes:
        inputs: number of channels of an encoded image.
        outputs: number of channels of the output (classes, heat maps), or of logits of a whole image.
        size_px: side of the input where it is fixed, else None.
        bias: initial bias of the last layer: the log odds of a rare target, so that the first steps are not spent on learning that
            it is rare (Lin et al., ICCV 2017, section 4.1).
    """

    inputs: int
    outputs: int
    size_px: int | None = None
    bias: float = 0.0


# Where each architecture is built. A module is imported on first use: segmentation-models-pytorch alone takes seconds.
BUILDERS = {
    "convnet": "convnet:ConvNet",
    "unet": "unet:UNet",
    "unet_pair": "unet_pair:UNetPair",
    "regression": "regression:Regression",
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
    """Build the module of a ``network`` section, initialised from torch's global random state."""
    module, name = BUILDERS[network.architecture].split(":")
    builder = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    built: nn.Module = builder(network, shape)
    return built
