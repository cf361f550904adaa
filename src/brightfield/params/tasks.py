"""Section ``tasks``: what is asked of an image."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brightfield.params.base import Fraction, Name, Section


class TaskSettings(Section):
    """What every kind of task has: what a model of the task must know, so it travels with every trained model."""

    pixel_size_um: Annotated[float, Field(gt=0)] = 0.1


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


class TrackingSettings(TaskSettings):
    """Where are the beads in this frame?"""

    heat_sigma_px: Annotated[float, Field(gt=0)] = 2.0  # width of the Gaussian that marks a bead
    threshold: Fraction = 0.3  # peaks of the heat map below this are not beads
    separation_px: Annotated[float, Field(gt=0)] = 8.0  # two beads are at least this far apart
    tolerance_px: Annotated[float, Field(gt=0)] = 1.0  # further off than this is a miss


class SegmentationSettings(TaskSettings):
    """Which pixel is background, body, contour?"""

    classes: Annotated[list[str], Field(min_length=3, max_length=3)] = ["background", "body", "contour"]
    contour_px: Annotated[float, Field(gt=0)] = 2.0  # pixels of a cell within this of anything else are contour
    min_area_px: Annotated[int, Field(ge=1)] = 30  # smaller regions are not cells
    seed_probability: Fraction = 0.65  # of being body: where it is lower, cells that touch come apart


class RestorationSettings(TaskSettings):
    """What would this image look like with more light?"""

    # of the deviations that a probabilistic network answers; none: chosen on validation for each model
    deviation_scale: Annotated[float, Field(gt=0)] | None = None


class _Task(Section):
    dataset: Name  # candidates for champion are compared on the test split of this dataset


class ClassificationTask(_Task):
    """A task of kind classification."""

    kind: Literal["classification"]
    settings: ClassificationSettings = ClassificationSettings()


class TrackingTask(_Task):
    """A task of kind tracking."""

    kind: Literal["tracking"]
    settings: TrackingSettings = TrackingSettings()


class SegmentationTask(_Task):
    """A task of kind segmentation."""

    kind: Literal["segmentation"]
    settings: SegmentationSettings = SegmentationSettings()


class RestorationTask(_Task):
    """A task of kind restoration."""

    kind: Literal["restoration"]
    settings: RestorationSettings = RestorationSettings()


Task = Annotated[ClassificationTask | TrackingTask | SegmentationTask | RestorationTask, Field(discriminator="kind")]
SETTINGS: dict[str, type[TaskSettings]] = {
    "classification": ClassificationSettings,
    "tracking": TrackingSettings,
    "segmentation": SegmentationSettings,
    "restoration": RestorationSettings,
}
