"""A plain convolutional network for crops of a fixed size."""

from __future__ import annotations

from torch import Tensor, nn

from brightfield import params
from brightfield.architectures import Shape
from brightfield.errors import BrightfieldError


class ConvNet(nn.Module):
    """3x3 convolutions without padding, each but the last followed by 2x2 max pooling, then dense layers and the logits.

    With filters 32, 64, 128, 128, dense layers 256 and 128 and three channels of 85x85 px: 1,453,761 parameters. Without dense
    layers, global average pooling and one linear layer follow instead.
    """

    def __init__(self, network: params.ConvNet, shape: Shape) -> None:
        super().__init__()
        if shape.size_px is None:
            raise BrightfieldError("A convnet classifies crops of a fixed size; this task has none. Use a unet.")
        layers: list[nn.Module] = []
        channels = shape.inputs
        for i, filters in enumerate(network.filters):
            layers += _convolution(channels, filters, network.batch_norm)
            channels = filters
            if i < len(network.filters) - 1:
                layers.append(nn.MaxPool2d(2))
            layers.append(nn.ReLU(inplace=True))  # after pooling: the same result for a quarter of the work
        side = network.remaining_px(shape.size_px, len(network.filters))
        if side < 1:
            raise BrightfieldError(
                f"{len(network.filters)} convolutions leave nothing of a crop of {shape.size_px} px; use fewer filters."
            )
        self.features = nn.Sequential(*layers)
        self.head = (
            _dense_head(network, channels * side * side, shape.outputs)
            if network.dense
            else nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(network.dropout), nn.Linear(channels, shape.outputs)
            )
        )

    def forward(self, batch: Tensor) -> Tensor:
        """Logits (N, outputs) of a batch (N, C, size, size)."""
        logits: Tensor = self.head(self.features(batch))
        return logits


def _convolution(inputs: int, outputs: int, batch_norm: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, bias=not batch_norm)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(outputs))
    return layers


def _dense_head(network: params.ConvNet, inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for units in network.dense:
        layers += [nn.Linear(inputs, units), nn.ReLU(inplace=True), nn.Dropout(network.dropout)]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
