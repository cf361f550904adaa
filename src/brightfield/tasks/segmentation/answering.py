"""From probabilities of classes to separate cells, also where they touch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield import images, params
from brightfield.errors import BrightfieldError
from brightfield.metrics.segmentation import number_of_cells
from brightfield.results import ClassMap
from brightfield.tasks import foreign
from brightfield.tasks.answering import Answering, Look, Way
from brightfield.tasks.doubts import Doubts
from brightfield.tasks.samples import Encoded
from brightfield.tasks.segmentation import agreement, merging, separating, widths
from brightfield.tasks.segmentation.cells import connected, species_of
from brightfield.tasks.segmentation.masks import (
    BACKGROUND,
    BODY,
    CONTOUR,
    PARTS,
    most_probable,
    of_cells,
    one_hot,
    parts_probability,
)
from brightfield.tasks.segmentation.scoring import COUNT, OUTLINE, SegmentationScoring, count_scale
from brightfield.tasks.visibility import shows_something

FloatArray = npt.NDArray[np.float32]
SMALLEST = np.float32(1e-6)  # probability by which is divided
ROUNDING = 1e-9  # a limit that is a quotient is this inexact, at most: the image on which it was measured lies within


class SegmentationAnswering(Answering[params.SegmentationSettings, ClassMap]):
    """Decodes cells: the contour class separates touching cells, and a watershed adds it to the cells again."""

    magnifiable: ClassVar[bool] = True
    measured: ClassVar[str | None] = "cells"
    votes = True
    half_precision: ClassVar[bool] = True  # probabilities: 11 bits are finer than any network is sure
    doubts: ClassVar[Doubts | None] = agreement.DOUBTS

    def activate(self, output: Tensor) -> Tensor:
        """Convert logits to probabilities of the classes."""
        return torch.softmax(output, dim=-3)

    def voted(self, activated: FloatArray, settings: params.SegmentationSettings) -> FloatArray:
        """Bodies and contours of all species together, where this task does not ask for species.

        Where it does, a member of scheme ``contours`` keeps its three channels: see :meth:`combined`.
        """
        if "cells" in (settings.scheme, self.settings.scheme) and settings.scheme != self.settings.scheme:
            raise BrightfieldError(
                f"A model of scheme {settings.scheme!r} cannot take part in an ensemble of scheme {self.settings.scheme!r}."
            )
        return parts_probability(activated) if self.settings.scheme == "contours" else activated

    def ballot(self, activated: FloatArray, settings: params.SegmentationSettings) -> FloatArray:
        """1 for the most probable class of each pixel."""
        voted = self.voted(activated, settings)
        return one_hot(most_probable(voted), len(voted))

    def comparable(self, outputs: Sequence[FloatArray]) -> list[FloatArray]:
        """Background, body and contour where some members tell species apart and others do not."""
        alike = len({len(output) for output in outputs}) == 1
        return list(outputs) if alike else [parts_probability(output) for output in outputs]

    def combined(self, outputs: Sequence[FloatArray], shares: Sequence[float], way: Way = "mean") -> FloatArray:
        """Probabilities of the classes, which sum to 1 after a median as well.

        Networks that segment and networks that tell species apart are composed: all say what is background, body and contour, and
        those with species which species it is.
        """
        if len({len(output) for output in outputs}) > 1:
            return self._composed(outputs, shares, way)
        found = super().combined(outputs, shares, way)
        return found / np.maximum(found.sum(axis=0), SMALLEST) if way == "median" else found

    def _composed(self, outputs: Sequence[FloatArray], shares: Sequence[float], way: Way) -> FloatArray:
        of_parts = self.combined([parts_probability(output) for output in outputs], shares, way)
        tell = [i for i, output in enumerate(outputs) if len(output) > len(of_parts)]
        total = sum(shares[i] for i in tell)
        found = self.combined([outputs[i] for i in tell], [shares[i] / total for i in tell], way)
        own = parts_probability(found)
        for first in (BODY, CONTOUR):
            of_species = found[first::PARTS]
            species = np.where(
                own[first] > SMALLEST, of_species / np.maximum(own[first], SMALLEST), 1 / len(of_species)
            )
            found[first::PARTS] = species * of_parts[first]
        found[BACKGROUND] = of_parts[BACKGROUND]
        return found

    def ideal(self, truth: ClassMap, encoded: Encoded) -> FloatArray:
        """1 for the true class of each pixel, of this scheme."""
        del encoded
        return one_hot(truth.classes, len(self.settings.classes))

    def foreign(self, folder: Path, names: Sequence[str]) -> list[ClassMap]:
        """Label images: a whole number a pixel, 0 for the background."""
        return [of_cells(images.read_labels(path), self.settings) for path in foreign.image_files(folder, names)]

    def decode(self, activated: FloatArray, encoded: Encoded) -> ClassMap:
        """The most probable class of each pixel, and the cells: bodies extended over their contours by a watershed.

        A field in which no cell stands out of the noise has none: a network finds cells in noise that is as strong as structure.
        """
        answer = self._decoded(activated, self.settings)
        if shows_something(encoded.tensor.numpy(), answer.instances):
            return answer
        return self._decoded(_all_background(activated), self.settings)

    def _decoded(self, activated: FloatArray, settings: params.SegmentationSettings) -> ClassMap:
        classes = most_probable(activated)
        if settings.scheme == "cells":
            return ClassMap(classes, connected(classes > 0, settings.min_area_px))
        cells = separating.separated(self._three(activated), settings)
        return ClassMap(classes, cells, *(species_of(activated, cells) if settings.scheme == "species" else ()))

    @property
    def needs_calibration(self) -> bool:
        """Whether the settings leave open how touching cells are separated."""
        return separating.needs_calibration(self.settings)

    def calibrate(
        self, activated: Sequence[FloatArray], truth: Sequence[ClassMap], encoded: Sequence[Encoded]
    ) -> params.SegmentationSettings:
        """Choose the separation with the best AP at IoU 0.5: a seed probability, or merging of fragments.

        The confidence of a network depends on the length of its training, so no fixed value suits all networks.
        """
        del encoded
        if not self.needs_calibration:
            return self.settings
        scoring = SegmentationScoring(self.settings)
        three = [self._three(each) for each in activated]
        pieces = [merging.fragments(each) for each in three]

        def ap50(settings: params.SegmentationSettings) -> float:
            cells = (separating.separated(a, settings, b) for a, b in zip(three, pieces, strict=True))
            value = scoring.score_in("ap50", (ClassMap((one > 0).astype(np.uint8), one) for one in cells), truth)
            return -1.0 if np.isnan(value) else value

        return max(separating.candidates(self.settings, pieces, [each.instances for each in truth]), key=ap50)

    def _three(self, activated: FloatArray) -> FloatArray:
        """Probabilities of background, body and contour from those of the scheme's classes."""
        return parts_probability(activated) if self.settings.scheme == "species" else activated

    def width(self, shown: Sequence[images.Image], known_px: float, look: Look) -> float | None:
        """The width of the cells, see :mod:`brightfield.tasks.segmentation.widths`."""

        def decode(activated: FloatArray, encoded: Encoded) -> tuple[ClassMap, FloatArray]:
            return self.decode(activated, encoded), self._three(activated).max(axis=0)

        return widths.of_fields(shown, known_px, look, decode)

    def to_original_scale(self, answer: ClassMap, shape: tuple[int, int], seen: tuple[int, int]) -> ClassMap:
        """Resample by nearest neighbours, so that cells stay separate and keep their numbers."""
        classes, cells = images.nearest(answer.classes, shape), images.nearest(answer.instances, shape)
        scale = max(shape[0] / seen[0], shape[1] / seen[1])
        margin = None if answer.margin is None else answer.margin * scale
        return replace(answer, classes=classes, instances=cells, margin=margin)

    def guaranteed(self, answer: ClassMap, limits: Mapping[str, float]) -> ClassMap:
        """With the bounds of the number of cells, and a margin around their outlines."""
        count = None
        if COUNT in limits:
            found = number_of_cells(answer.instances)
            reach = limits[COUNT] * count_scale(found) + ROUNDING
            count = (max(0, math.ceil(found - reach)), math.floor(found + reach))
        return replace(answer, count=count, margin=limits.get(OUTLINE))

    def agreements(
        self,
        answers: Sequence[ClassMap],
        activated: Sequence[FloatArray],
        shown: Sequence[images.Image],
        look: Look,
    ) -> list[tuple[float, ...]]:
        """Of the cells in a part of each field, see :mod:`brightfield.tasks.segmentation.agreement`."""

        def see(part: images.Image) -> tuple[npt.NDArray[np.int32], FloatArray]:
            ((output, encoded),) = look([part])
            return self.decode(output, encoded).instances, self._three(output)

        fields = zip(answers, activated, shown, strict=True)
        return [(agreement.of_field(a.instances, self._three(output), image, see),) for a, output, image in fields]


def _all_background(activated: FloatArray) -> FloatArray:
    """Probabilities of the classes (C, H, W), with background certain everywhere."""
    certain = np.zeros_like(activated)
    certain[0] = 1
    return certain
