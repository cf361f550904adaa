"""Section ``tasks``: what is asked of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from brightfield.params.base import Fraction, Name, Section


class TaskSettings(Section):
    """What every kind of task has: what a model of the task must know, so it travels with every trained model."""

    # options of a model's entry, by dotted path, that only some kinds of task understand: those that this one does
    model_options: ClassVar[frozenset[str]] = frozenset()

    # settings that tuning may try: they decide how an answer is read from the output of a model. The others are part of what is
    # asked or how that is scored, or are chosen on validation anyway
    tunable: ClassVar[frozenset[str]] = frozenset()

    # whether images without truth (``labelled`` 0 in an index) can be learnt from and scored
    learns_without_truth: ClassVar[bool] = False

    pixel_size_um: Annotated[float, Field(gt=0)] = 0.1

    def votes_with(self, other: Self) -> bool:
        """Whether a model with these settings can take part in an ensemble with the ``other``: its output says as much, or more.

        What is ``tunable`` may differ: an ensemble reads its answer by settings of its own.
        """
        return self == other.model_copy(update={name: getattr(self, name) for name in self.tunable})

    def completed_by(self, others: Sequence[Self]) -> bool:
        """Whether models with the settings of ``others``, which all vote with these, answer together all that is asked."""
        del others
        return True

    @property
    def class_names(self) -> list[str]:
        """Names of the classes by their index; none where a task has no classes."""
        return []

    @classmethod
    def upgraded(cls, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings of today from those that a bundle of an earlier version holds."""
        return content


class ClassificationSettings(TaskSettings):
    """Is this crop the positive class?"""

    size_px: Annotated[int, Field(ge=16)] = 85  # crops of another size are resized to this
    channels: Literal[1, 3] = 3
    classes: Annotated[list[str], Field(min_length=2, max_length=2)] = ["bad", "good"]  # the second is the positive one
    keep: Fraction = 0.95  # share of the validation split's positive images above the threshold that this chooses
    threshold: Fraction | None = None  # of the probability; none: set by `keep` for each model
    # The probability answered is that of logit / temperature + bias; none: chosen on validation for each model
    temperature: Annotated[float, Field(gt=0)] | None = None
    bias: float | None = None
    # Of images that are positive, as recalibration takes it to be; none: that of the validation split
    share: Annotated[float, Field(gt=0, lt=1)] | None = None

    @property
    def class_names(self) -> list[str]:
        """The two classes."""
        return self.classes


class TrackingSettings(TaskSettings):
    """Where are the beads in this frame?"""

    model_options: ClassVar[frozenset[str]] = frozenset({"training.patch_px"})
    tunable: ClassVar[frozenset[str]] = frozenset({"threshold", "separation_px"})

    heat_sigma_px: Annotated[float, Field(gt=0)] = 2.0  # width of the Gaussian that marks a bead
    threshold: Fraction = 0.3  # peaks of the heat map below this are not beads
    separation_px: Annotated[float, Field(gt=0)] = 8.0  # two beads are at least this far apart
    tolerance_px: Annotated[float, Field(gt=0)] = 1.0  # further off than this is a miss
    # refine each bead against the frame itself, with a profile of its own: standard errors, and some hundredths of a second a bead
    refine: bool = False
    # counts of the camera without light: beads dim only what is above. Not known: 0, and refined positions in uneven light, or
    # beside other beads, are less precise
    camera_offset: Annotated[float, Field(ge=0)] | None = None
    # the network also answers the image of the beads alone, in which symmetry finds their centres; simulated frames teach that
    hybrid: bool = False


class SegmentationSettings(TaskSettings):
    """Which pixel is background, cell body, cell contour, and of which species?"""

    model_options: ClassVar[frozenset[str]] = frozenset({"training.patch_px", "training.dice", "training.centred"})

    pixel_size_um: Annotated[float, Field(gt=0)] = 0.065
    # cells: background and cell, so cells that touch become one; contours: background, body, contour; species: background, then
    # body and contour of each species
    scheme: Literal["cells", "contours", "species"] = "contours"
    species: list[str] = []  # their names, in the order of their numbers in the truth, from 1
    fluorescence: bool = False  # images have a second channel beside the transmitted light
    contour_um: Annotated[float, Field(gt=0)] = 0.13  # pixels of a cell within this of anything else are contour
    min_area_px: Annotated[int, Field(ge=1)] = 30  # smaller regions are not cells
    # How cells that touch come apart; none of both: chosen on validation for each model. Either at one probability of being body,
    seed_probability: Fraction | None = None
    # or by what tells whether two neighbouring pieces are one cell: an intercept, and a slope for each thing that is known of them
    merging: Annotated[list[float], Field(min_length=12, max_length=12)] | None = None

    @property
    def classes(self) -> list[str]:
        """Names of the classes by their index."""
        if self.scheme == "species":
            return ["background", *(f"{name} {part}" for name in self.species for part in ("body", "contour"))]
        return ["background", "cell"] if self.scheme == "cells" else ["background", "body", "contour"]

    @property
    def class_names(self) -> list[str]:
        """Those of the scheme."""
        return self.classes

    @classmethod
    def upgraded(cls, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """The width of a contour was a number of pixels, and the classes were listed."""
        if "contour_px" not in content:
            return content
        others = {key: value for key, value in content.items() if key not in ("contour_px", "classes")}
        return {**others, "contour_um": content["contour_px"] * content["pixel_size_um"]}

    def votes_with(self, other: Self) -> bool:
        """Body and contour of each species say what body and contour are; and beside a network with species, one without helps."""
        alike = "cells" not in (self.scheme, other.scheme)
        return self == (other.model_copy(update={"scheme": self.scheme}) if alike else other)

    def completed_by(self, others: Sequence[Self]) -> bool:
        """Whether one of them tells species apart, where that is asked."""
        return self.scheme != "species" or any(each.scheme == "species" for each in others)

    @property
    def contour_px(self) -> float:
        """Width of a contour in pixels."""
        return self.contour_um / self.pixel_size_um

    @model_validator(mode="after")
    def _species_are_named(self) -> Self:
        if len(set(self.species)) < len(self.species):
            raise ValueError(f"species: each has a name of its own, got {', '.join(self.species)}")
        if self.scheme == "species" and len(self.species) < 2:
            raise ValueError(
                f"scheme 'species' distinguishes species: name at least two in species, got {self.species}"
            )
        return self


class RestorationSettings(TaskSettings):
    """What would this image look like with more light?"""

    model_options: ClassVar[frozenset[str]] = frozenset(
        {"training.patch_px", "training.blind_spots", "network.probabilistic"}
    )

    learns_without_truth: ClassVar[bool] = True

    # of the deviations that a probabilistic network answers; none: chosen on validation for each model
    deviation_scale: Annotated[float, Field(gt=0)] | None = None


SETTINGS: dict[str, type[TaskSettings]] = {
    "classification": ClassificationSettings,
    "tracking": TrackingSettings,
    "segmentation": SegmentationSettings,
    "restoration": RestorationSettings,
}


def _known(kind: str) -> str:
    if kind not in SETTINGS:
        raise ValueError(f"expected one of {', '.join(map(repr, SETTINGS))}, got {kind!r}")
    return kind


Kind = Annotated[str, AfterValidator(_known)]  # a key of SETTINGS


class Task(Section):
    """A task: its kind says which settings it takes."""

    kind: Kind
    dataset: Name  # candidates for champion are compared on the test split of this dataset
    settings: SerializeAsAny[TaskSettings]  # of the kind; what is left out has its defaults

    @model_validator(mode="before")
    @classmethod
    def _may_leave_settings_out(cls, content: Any) -> Any:
        return {"settings": {}, **content} if isinstance(content, Mapping) else content

    @field_validator("settings", mode="plain")
    @classmethod
    def _settings_of_the_kind(cls, settings: Any, info: ValidationInfo) -> TaskSettings:
        if "kind" not in info.data:  # which is a problem of its own
            return TaskSettings()
        return SETTINGS[info.data["kind"]].model_validate(settings)

    @classmethod
    def annotation_of(cls, key: str, content: Any) -> Any:
        """The settings are those of the kind."""
        return SETTINGS[content["kind"]] if key == "settings" else super().annotation_of(key, content)
