"""Sections ``datasets``, ``models`` and ``ensembles``: what is trained on what, and who answers together."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from brightfield.params.base import Name, Section
from brightfield.params.networks import TRAINABLE, Network, UNet
from brightfield.params.tasks import SETTINGS, Kind


class Dataset(Section):
    """A raw dataset, and how it is split: whole groups, never single images."""

    task: Name
    kind: Kind  # that of the task: params.yaml does not repeat it
    seed: int = 0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2  # share of the groups
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    gate: Annotated[float, Field(ge=0, lt=1)] = 0.0  # sealed: scored when a champion is decided about, and never else

    @model_validator(mode="after")
    def _leaves_training_data(self) -> Self:
        if self.validation + self.test + self.gate >= 1:
            raise ValueError(
                f"validation + test{' + gate' if self.gate else ''} must leave something to train on, got "
                f"{self.validation} + {self.test}{f' + {self.gate}' if self.gate else ''}"
            )
        return self


Augmentation = Literal[
    "flip",
    "rotate",
    "brightness",
    "noise",
    "recorded_noise",
    "blur",
    "defocus",
    "reverse",
    "colour",
    "stain",
    "light",
    "focus",
]
# whose spread, or largest value, `augment_strength` multiplies: the others are moves, or all or nothing
SCALED_AUGMENTATIONS: frozenset[Augmentation] = frozenset(get_args(Augmentation)) - {"flip", "rotate", "reverse"}


class Training(Section):
    """How a network is fitted. Baselines have none: they are fitted in closed form."""

    epochs: Annotated[int, Field(ge=1)]
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None  # none: one pass over the training images
    batch_size: Annotated[int, Field(ge=1)] = 32
    patch_px: Annotated[int, Field(ge=16)] | None = None  # none: whole images; else random square patches of this side
    optimizer: Literal["adamw", "rmsprop"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    backbone_rate: Annotated[float, Field(gt=0, le=1)] = 1.0  # of a pretrained backbone, as a share of learning_rate
    augment: list[Augmentation] = []
    # how much augmentations of intensities and optics change: multiplies the spread, or the largest value, of each; 0: not at all
    augment_strength: Annotated[float, Field(ge=0, le=3)] = 1.0
    # what makes a rare class count as much as the others: its weight in the loss, or that as many of it are drawn
    balance: Literal["loss", "batches", "none"] = "loss"
    # decay a step of the mean of weights that is scored and kept
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    # weights to begin with: `starter`, a version of the registry (`brightfield versions TASK` lists them), or the folder of a
    # bundle; no model of this pipeline, because DVC would not know that it comes first
    init_from: Annotated[str, Field(pattern=r"^(starter|[0-9]+|.*/.*)$")] | None = None
    # a model whose answers are learnt beside the truth: a version of the registry (an ensemble, for instance), `starter`, or the
    # folder of a bundle. It sees each patch as the network does
    distil_from: Annotated[str, Field(pattern=r"^(starter|[0-9]+|.*/.*)$")] | None = None
    distil: Annotated[float, Field(gt=0, le=1)] = 0.5  # with distil_from: weight of its answers, the truth has the rest
    patience: Annotated[int, Field(ge=1)] | None = None  # epochs without a better objective until training stops
    blind_spots: bool = False  # restoration: learn from the noisy images alone, each pixel from those around it
    # with blind_spots: what is hidden with a pixel, because its noise is like the pixel's: its row (stripes along rows), its column
    blind_mask: Literal["pixel", "row", "column"] = "pixel"
    dice: Annotated[float, Field(ge=0)] = 0.0  # segmentation: weight of the Dice loss beside cross-entropy
    # segmentation: share of the patches that are centred on a cell of each species, or where cells touch, in turns
    centred: Annotated[float, Field(ge=0, le=1)] = 0.0


class Model(Section):
    """One network or baseline, trained on one dataset."""

    task: Name
    kind: Kind  # that of the task
    dataset: Name
    seed: int = 0
    network: Network
    training: Training | None = None
    # of the task, where this model has its own (another scheme of classes, another input)
    settings: dict[str, Any] = {}
    # views of an image whose answers are averaged: 1, or 8 for all flips and quarter turns
    test_time_augmentation: Literal[1, 8] = 1

    @property
    def is_baseline(self) -> bool:
        """Whether this is a classical method, fitted without gradients."""
        return self.training is None

    @property
    def basin(self) -> tuple[object, ...] | None:
        """What models have in common whose weights may be averaged: network, classes, and where they begin; None for others."""
        if self.training is None or self.training.init_from is None:
            return None
        return self.network, self.settings, self.training.init_from, self.test_time_augmentation

    @property
    def is_distilled(self) -> bool:
        """Whether it learnt from the answers of another model."""
        return self.training is not None and self.training.distil_from is not None

    @model_validator(mode="after")
    def _trained_or_classical(self) -> Self:
        trainable = isinstance(self.network, TRAINABLE)
        if trainable != (self.training is not None):
            verb = "needs" if trainable else "takes no"
            raise ValueError(f"architecture {self.network.architecture!r} {verb} section 'training'")
        return self

    @model_validator(mode="after")
    def _kind_agrees(self) -> Self:
        check_options(self, self.kind)
        return self

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        blind = self.training is not None and self.training.blind_spots
        if self.training is not None and self.training.blind_mask != "pixel" and not blind:
            raise ValueError(
                f"training.blind_mask {self.training.blind_mask!r} says what training.blind_spots hides; set that to true, too"
            )
        if blind and self.training is not None and self.training.distil_from is not None:
            raise ValueError(
                "training.blind_spots hides pixels from the network, and its teacher would see them; leave distil_from out"
            )
        probabilistic = isinstance(self.network, UNet) and self.network.probabilistic
        if blind and probabilistic:
            raise ValueError(
                "training.blind_spots sees no clean image, so nothing tells how far off an answer is; "
                "leave network.probabilistic out"
            )
        if blind and isinstance(self.network, UNet) and self.network.residual:
            raise ValueError(
                "training.blind_spots asks for a pixel that is hidden from the network, and a residual one would add the noisy "
                "pixel to its answer; leave network.residual out"
            )
        return self


def check_options(model: Model, kind: str) -> None:
    """Raise ValueError where a model has an option that its kind of task does not understand, see ``model_options``."""
    for path in sorted(set().union(*(settings.model_options for settings in SETTINGS.values()))):
        section, name = path.split(".")
        if getattr(getattr(model, section), name, None) and path not in SETTINGS[kind].model_options:
            able = " or ".join(repr(each) for each, settings in SETTINGS.items() if path in settings.model_options)
            raise ValueError(f"{path} is for models of kind {able}, got {kind!r}")


class Ensemble(Section):
    """Several models that answer together."""

    task: Name
    kind: Kind  # that of the task
    dataset: Name  # members are models trained on this dataset with the task's settings; no baselines
    members: Literal["all"] | list[Name] = "all"  # all: those that are not `beside`, and learnt from no other model
    # models that take no part and are shown beside it, such as one member that was trained as long as all together
    beside: list[Name] = []
    # single: the best member alone; soft_vote, median, majority_vote: all alike; stacking: least squared error; bagged: the mean of
    # ten greedy selections; best_on_validation: which of them is, cross-fitted. soup: one network with the mean of their weights.
    # given: the mean of the members in `weights`, which somebody chose
    method: Literal[
        "single",
        "soft_vote",
        "median",
        "majority_vote",
        "stacking",
        "greedy",
        "bagged",
        "best_on_validation",
        "soup",
        "given",
    ] = "best_on_validation"
    weights: dict[Name, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}  # given: of each member; any sum
    max_members: Annotated[int, Field(ge=1)] = 20  # greedy, bagged: picks, with replacement
    # of the task, where this ensemble has its own: scheme species, for networks that segment and networks that tell species apart
    settings: dict[str, Any] = {}
    # 8: each member takes part once more, averaged over all flips and quarter turns; they are answered once and kept
    test_time_augmentation: Literal[1, 8] = 1

    @model_validator(mode="after")
    def _beside_are_others(self) -> Self:
        if both := [name for name in self.beside if self.members != "all" and name in self.members]:
            raise ValueError(f"beside: {both[0]!r} is a member as well")
        return self

    @property
    def named(self) -> list[str]:
        """The members that the entry names, by weights or in a list; none where it takes all that there are."""
        return list(self.weights) or ([] if self.members == "all" else self.members)

    @model_validator(mode="after")
    def _weights_are_given(self) -> Self:
        if (self.method == "given") != bool(self.weights):
            raise ValueError("method 'given' and weights go together: give both, or neither")
        if self.weights and self.members not in ("all", list(self.weights)):
            raise ValueError("members: method 'given' takes those of weights; leave members out")
        if self.weights and self.test_time_augmentation > 1:
            raise ValueError(
                "test_time_augmentation: with method 'given' members answer as their entries say; leave it out"
            )
        return self

    @field_validator("members")
    @classmethod
    def _check_members(cls, members: Literal["all"] | list[str]) -> Literal["all"] | list[str]:
        if not members:
            raise ValueError("the list is empty. Name models, or write 'all'")
        return members
