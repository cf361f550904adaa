"""What stands under ``network``: architectures, and classical baselines."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from brightfield.params.base import Section


class Architecture(Section):
    """What every architecture declares beside its own keys."""

    needs_species: ClassVar[bool] = False  # whether its outputs are those of a segmentation with scheme species
    keeps_shape: ClassVar[frozenset[str]] = frozenset()  # keys that may change while weights that were learnt still fit

    def without_weights(self) -> Self:
        """The same, initialised at random: for a network whose weights are then loaded."""
        return self


class ConvNet(Architecture):
    """A plain convolutional network; with the defaults, dense layers of 256 and 128 and three channels, 1,453,761 parameters."""

    keeps_shape: ClassVar[frozenset[str]] = frozenset({"dropout"})
    architecture: Literal["convnet"]
    filters: Annotated[list[int], Field(min_length=1)] = [32, 64, 128, 128]
    dense: list[int]  # empty: global average pooling and one linear layer
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    batch_norm: bool = False

    @staticmethod
    def remaining_px(size_px: int, levels: int) -> int:
        """Side of what so many 3x3 convolutions leave of a crop, each but the last followed by 2x2 pooling; below 1: nothing."""
        for _ in range(levels - 1):
            size_px = (size_px - 2) // 2
        return size_px - 2


class UNet(Architecture):
    """A plain U-Net with batch normalisation."""

    architecture: Literal["unet"]
    filters: Annotated[int, Field(ge=1)] = 16  # in the first level; doubled at each level below
    depth: Annotated[int, Field(ge=2, le=7)] = 4  # levels
    kernel_px: Literal[3, 5, 7] = 3  # side of each filter
    residual: bool = False  # the network answers what to add to its input
    probabilistic: bool = False  # restoration: also answer how far off each pixel may be


class UNetPair(Architecture):
    """Two U-Nets that share nothing: one finds body and contour, the other tells which species a pixel belongs to."""

    needs_species: ClassVar[bool] = True
    architecture: Literal["unet_pair"]
    filters: Annotated[int, Field(ge=1)] = 16  # of each, in the first level
    depth: Annotated[int, Field(ge=2, le=7)] = 4
    kernel_px: Literal[3, 5, 7] = 3


class Regression(Architecture):
    """Tracking: a convolutional network that regresses the position of the bead in each cell of a coarse grid."""

    architecture: Literal["regression"]
    # of each level; the resolution halves from one to the next, so four levels make cells of 8 px
    filters: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=6)]


class Smp(Architecture):
    """An architecture of segmentation-models-pytorch."""

    architecture: Literal["smp"]
    name: str = "Unet"
    encoder: str = "tu-tf_efficientnet_lite0"
    # filters of the decoder of unet, unetplusplus and manet, from the coarsest level; none: those of the library, 256 to 16
    decoder: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=5, max_length=5)] | None = None
    # none, efficientnet-lite0 (shipped, for the encoder of that name), or the path of a .safetensors file
    weights: str = "none"

    def without_weights(self) -> Self:
        """The same with weights ``none``."""
        return self.model_copy(update={"weights": "none"})


class Transfer(Architecture):
    """A backbone trained on millions of photographs, its dense classifier replaced by a new head."""

    keeps_shape: ClassVar[frozenset[str]] = frozenset({"unfreeze", "input_px", "dropout"})
    architecture: Literal["transfer"]
    backbone: Literal["tf_efficientnet_lite0", "vgg16"] = "tf_efficientnet_lite0"
    # imagenet (shipped for tf_efficientnet_lite0, downloaded for vgg16), none, or a .safetensors file
    weights: str = "imagenet"
    unfreeze: Annotated[int, Field(ge=0)] | Literal["all"] = 0  # blocks of the backbone that are trained, from the top
    input_px: Annotated[int, Field(ge=32)] = 112  # crops are resized to this for the backbone
    dense: list[int] = []  # layers between the backbone's features and the logit
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    @property
    def blocks(self) -> int:
        """Number of blocks of the backbone."""
        return {"tf_efficientnet_lite0": 9, "vgg16": 5}[self.backbone]

    def without_weights(self) -> Self:
        """The same with weights ``none``."""
        return self.model_copy(update={"weights": "none"})


class Features(Architecture):
    """Baseline: colour and texture features with logistic regression."""

    architecture: Literal["features"]
    regularisation: Annotated[float, Field(gt=0)] = 1.0  # C of scikit-learn: smaller is stronger


class Correlation(Architecture):
    """Baseline: normalised cross-correlation with the radial profile of the training beads, fitted by least squares."""

    architecture: Literal["correlation"]
    template_px: Annotated[int, Field(ge=5)] = 33  # side of the template


class Watershed(Architecture):
    """Baseline: local threshold, then watershed on the distance to the background."""

    architecture: Literal["watershed"]
    sigma_px: Annotated[float, Field(ge=0)] = 1.0
    window_px: Annotated[int, Field(ge=3)] = 51


class NonLocalMeans(Architecture):
    """Baseline: non-local means. Its strength, and whether the noise is stabilised, are chosen on the training split."""

    architecture: Literal["nonlocal_means"]
    patch_px: Annotated[int, Field(ge=3)] = 5
    distance_px: Annotated[int, Field(ge=1)] = 6


class Wavelet(Architecture):
    """Baseline: wavelet shrinkage. Its strength, and whether the noise is stabilised, are chosen on the training split."""

    architecture: Literal["wavelet"]
    wavelet: Literal["haar", "db2", "db4", "sym4", "sym8"] = "sym4"
    levels: Annotated[int, Field(ge=1, le=8)] = 4
    shifts_px: Annotated[int, Field(ge=0, le=16)] = 3  # the answer is the mean over so many shifts more along each axis


class TotalVariation(Architecture):
    """Baseline: least total variation. Its strength, and whether the noise is stabilised, are chosen on the training split."""

    architecture: Literal["total_variation"]
    iterations: Annotated[int, Field(ge=10)] = 200  # at most


Network = Annotated[
    ConvNet
    | UNet
    | UNetPair
    | Regression
    | Smp
    | Transfer
    | Features
    | Correlation
    | Watershed
    | NonLocalMeans
    | Wavelet
    | TotalVariation,
    Field(discriminator="architecture"),
]
TRAINABLE = (ConvNet, UNet, UNetPair, Regression, Smp, Transfer)  # fitted by gradients; the others are baselines
