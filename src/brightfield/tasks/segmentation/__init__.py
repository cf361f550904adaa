"""Which pixel is background, cell body, cell contour, and which cell, of which species, is it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import architectures, images, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns, segmentation
from brightfield.results import ClassMap, Metadata
from brightfield.tasks.base import Encoded, Objective, Samples, Task
from brightfield.tasks.segmentation import separating
from brightfield.tasks.segmentation.cells import connected, species_of
from brightfield.tasks.segmentation.masks import class_map, edges, parts, parts_probability

THREE = ("background", "body", "contour")  # what answers of every scheme are scored as
QUIET_PX = 8  # as far as a cell's diffraction reaches
SMOOTH_PX = 1.0  # of the Dice loss: a class that is not there costs nothing

FloatArray = npt.NDArray[np.float32]


class Segmentation(Task[params.SegmentationSettings, ClassMap]):
    """The contour class keeps touching cells apart, and a watershed gives it back to the cells.

    Answers of every scheme are scored as background, body and contour, so that all compare.
    """

    objective = Objective("mean_iou", "maximize")
    answer_type = ClassMap
    augmentations: ClassVar[frozenset[str]] = frozenset(
        {"flip", "rotate", "brightness", "noise", "recorded_noise", "blur", "defocus"}
    )
    magnifiable: ClassVar[bool] = True
    conditions: ClassVar[tuple[str, ...]] = ("cover", "focus_um")

    def __init__(self, settings: params.SegmentationSettings) -> None:
        super().__init__(settings)
        self.class_weights: Tensor | None = None
        self.dice = 0.0

    @property
    def class_names(self) -> list[str]:
        """From the task's settings."""
        return self.settings.classes

    @property
    def metadata(self) -> Metadata:
        """With the names of the species."""
        return replace(super().metadata, species=tuple(self.settings.species))

    def truth(self, record: Record) -> ClassMap:
        """Instances and their species, and the classes derived from them."""
        if "labels" not in record.fields:
            raise BrightfieldError(f"Image {record.id} has no labels (an instance map of its size).")
        instances = np.asarray(record.fields["labels"], dtype=np.int32)
        species = record.fields.get("species")
        try:
            classes = class_map(instances, self.settings.contour_px, species, self.settings.scheme)
        except ValueError as error:
            raise BrightfieldError(
                f"Image {record.id}: {error}. Scheme 'species' learns from labels with a species for every cell "
                "(species.csv of an import); use scheme 'contours' without them."
            ) from error
        if classes.max(initial=0) >= len(self.class_names):
            raise BrightfieldError(
                f"Image {record.id} has more species than settings.species names ({', '.join(self.settings.species)})."
            )
        return ClassMap(classes, instances, species)

    def pixels(self, record: Record) -> np.ndarray:
        """The image, and its fluorescence as a second channel if that is asked for."""
        if not self.settings.fluorescence:
            return record.image
        if "fluorescence" not in record.fields:
            raise BrightfieldError(
                f"Image {record.id} has no fluorescence, which settings.fluorescence asks for. Import it with one "
                "(fluorescence.tif), simulate it (fluorescence: true), predict with --fluorescence, or use a model without."
            )
        return np.stack([images.to_grey(record.image), record.fields["fluorescence"]], axis=-1).astype(np.float32)

    def encode(self, image: np.ndarray) -> Encoded:
        """One grey channel; with fluorescence two, each at mean 0 and standard deviation 1: their units have nothing in common."""
        if not self.settings.fluorescence:
            if image.ndim == 3 and image.shape[2] == 2:
                raise BrightfieldError(
                    f"This model takes no fluorescence: expected (height, width) or (height, width, 3), got {image.shape}."
                )
            return super().encode(image)
        if image.ndim != 3 or image.shape[2] != 2:
            raise BrightfieldError(
                f"This model takes two channels, transmitted light and fluorescence, (height, width, 2); got {image.shape}."
            )
        light, mean, std = images.normalise(image[..., 0])
        fluorescence, _, _ = images.normalise(image[..., 1])
        return Encoded(torch.from_numpy(np.stack([light, fluorescence])), mean, std, image.shape[:2])

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """Class indices, (H, W) int64."""
        del encoded
        return torch.from_numpy(self.truth(record).classes.astype(np.int64))

    def shape(self) -> architectures.Shape:
        """One grey channel in, or two with fluorescence; a logit for each class out."""
        return architectures.Shape(2 if self.settings.fluorescence else 1, len(self.class_names))

    def network(self, model: params.Model) -> nn.Module:
        """The network; a pair needs species to tell apart."""
        if isinstance(model.network, params.UNetPair) and self.settings.scheme != "species":
            raise BrightfieldError(
                f"architecture 'unet_pair' tells species apart: it needs settings.scheme 'species', got {self.settings.scheme!r}."
            )
        return super().network(model)

    def observe(self, samples: Samples, training: params.Training) -> None:
        """Weigh classes by the inverse square root of their share: contours count more, yet stay thin."""
        self.dice = training.dice
        if training.balance != "loss":
            return
        counts = sum(torch.bincount(t.ravel(), minlength=len(self.class_names)) for t in samples.targets)
        share = torch.as_tensor(counts).double() / torch.as_tensor(counts).sum()
        weights = share.clamp(min=1e-4) ** -0.5
        self.class_weights = (weights / (weights * share).sum()).float()

    def patch_centres(self, record: Record) -> list[npt.NDArray[np.intp]]:
        """Pixels of each species, and pixels of crowded places: where cells touch."""
        labels = np.asarray(record.fields["labels"], dtype=np.int32)
        species = record.fields.get("species")
        kinds = [labels > 0] if species is None else [species[labels] == kind for kind in np.unique(species[1:])]
        outside = edges((labels > 0).astype(np.int32), self.settings.contour_px)
        kinds.append((labels > 0) & edges(labels, self.settings.contour_px) & ~outside)
        found = [np.argwhere(kind) for kind in kinds]
        return [pixels for pixels in found if len(pixels)]

    def background_mask(self, record: Record) -> npt.NDArray[np.bool_]:
        """Where no cell, and no halo of one, is near."""
        return np.asarray(ndimage.distance_transform_edt(record.fields["labels"] == 0) > QUIET_PX)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy, and if training asks for it the soft Dice loss of every class (Milletari et al., 3DV 2016)."""
        weights = None if self.class_weights is None else self.class_weights.to(output.device)
        entropy = F.cross_entropy(output, target, weight=weights)
        if not self.dice:
            return entropy
        answered = torch.softmax(output, dim=1)
        true = F.one_hot(target, output.shape[1]).movedim(-1, 1).to(answered.dtype)
        shared, both = (answered * true).sum(dim=(0, 2, 3)), (answered + true).sum(dim=(0, 2, 3))
        return entropy + self.dice * (1 - (2 * shared + SMOOTH_PX) / (both + SMOOTH_PX)).mean()

    def activate(self, output: Tensor) -> Tensor:
        """Logits to probabilities of the classes."""
        return torch.softmax(output, dim=-3)

    def decode(self, activated: FloatArray, encoded: Encoded) -> ClassMap:
        """The likeliest class of each pixel, and the cells: bodies grown over their contours by a watershed."""
        del encoded
        return self._decoded(activated, self.settings)

    def _decoded(self, activated: FloatArray, settings: params.SegmentationSettings) -> ClassMap:
        classes = activated.argmax(axis=0).astype(np.uint8)
        if settings.scheme == "cells":
            return ClassMap(classes, connected(classes > 0, settings.min_area_px))
        cells = separating.separated(self._three(activated), settings)
        return ClassMap(classes, cells, *(species_of(activated, cells) if settings.scheme == "species" else ()))

    @property
    def needs_calibration(self) -> bool:
        """Whether it is to be chosen how cells that touch come apart."""
        return separating.needs_calibration(self.settings)

    def calibrate(
        self, activated: Sequence[FloatArray], truth: Sequence[ClassMap], encoded: Sequence[Encoded]
    ) -> params.SegmentationSettings:
        """What makes the best AP at IoU 0.5: a seed probability, or pieces merged by what they have in common.

        How sure a network is depends on how long it was trained, so no number suits all.
        """
        del encoded
        if not self.needs_calibration:
            return self.settings
        three, cells = [self._three(each) for each in activated], [each.instances for each in truth]

        def ap50(settings: params.SegmentationSettings) -> float:
            value = self.score([self._decoded(each, settings) for each in activated], truth)["ap50"]
            return -1.0 if np.isnan(value) else value

        return max(separating.ways(self.settings, three, cells), key=ap50)

    def _three(self, activated: FloatArray) -> FloatArray:
        """Probabilities of background, body and contour from those of the scheme's classes."""
        return parts_probability(activated) if self.settings.scheme == "species" else activated

    def to_original_scale(self, answer: ClassMap, shape: tuple[int, int]) -> ClassMap:
        """Each pixel takes the class and the cell of the nearest; cells stay apart, and keep their numbers."""
        classes, cells = images.nearest(answer.classes, shape), images.nearest(answer.instances, shape)
        return ClassMap(classes, cells, answer.species, answer.certainty)

    def statistics(self, predicted: ClassMap, truth: ClassMap) -> dict[str, float]:
        """Pixels by class and matched cells, as three classes; with another scheme also pixels by its own classes."""
        row = segmentation.statistics(
            self._as_three(predicted), self._as_three(truth), len(THREE), len(self.settings.species)
        )
        if self.settings.scheme == "contours":
            return row
        own = segmentation.pixels(predicted.classes, truth.classes, len(self.class_names), segmentation.OWN)
        return {**row, **own}

    def _as_three(self, answer: ClassMap) -> ClassMap:
        if self.settings.scheme == "cells":  # whose contours are those of the regions it found
            classes = class_map(answer.instances, self.settings.contour_px)
        else:
            classes = parts(answer.classes)
        return ClassMap(classes, answer.instances, answer.species, answer.certainty)

    def summarise(self, columns: Columns) -> dict[str, float]:
        """IoU, AP and the rest of :mod:`brightfield.metrics.segmentation`."""
        return segmentation.summarise(columns, THREE, self.settings.species)

    def confusion(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Pixels by class of the scheme."""
        prefix = segmentation.PIXELS if self.settings.scheme == "contours" else segmentation.OWN
        return self.class_names, segmentation.confusion(columns, len(self.class_names), prefix)

    def summarise_subset(self, columns: Columns) -> dict[str, float]:
        """Of the images of one kind: the objective, and cells."""
        told = self.summarise(columns)
        return {name: told[name] for name in ("mean_iou", "ap50")}
