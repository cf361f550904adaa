"""From logits to calibrated probabilities, and to labels by the model's threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import Tensor

from brightfield import images, params
from brightfield.errors import BrightfieldError
from brightfield.metrics import classification
from brightfield.results import Label
from brightfield.tasks import foreign
from brightfield.tasks.answering import Answering, Look
from brightfield.tasks.classification import agreement, widths
from brightfield.tasks.doubts import Doubts
from brightfield.tasks.samples import Encoded

CLASS = "class"  # the guarantee


class ClassificationAnswering(Answering[params.ClassificationSettings, Label]):
    """Decodes the probability of the second class, and the class by the threshold."""

    tileable = False
    recalibratable = True
    magnifiable = True
    takes_crops = True
    votes = True
    measured: ClassVar[str | None] = "cells"
    # Of crops of 3 labs at 0.5 to 2 times their scale: where a cell is nearly as wide as it is known, scaling it to that costs more
    # than it gives, because of what is cut off or filled up
    tolerated: ClassVar[float] = 1.35
    sample: ClassVar[int] = 64  # each shows one cell
    doubts: ClassVar[Doubts | None] = agreement.DOUBTS

    def activate(self, output: Tensor) -> Tensor:
        """Convert the logit to a probability."""
        return torch.sigmoid(output)

    def foreign(self, folder: Path, names: Sequence[str]) -> list[Label]:
        """A table with columns image and probability, that of the second class, and a row an image."""
        table = foreign.table(folder, ("probability",), names)
        if (twice := table["image"][table["image"].duplicated()]).size:
            raise BrightfieldError(f"{twice.iloc[0]!r} has more than one probability.")
        known = dict(zip(table["image"], table["probability"], strict=True))
        if missing := [name for name in names if name not in known]:
            raise BrightfieldError(
                f"{len(missing)} of {len(names)} images have no probability, {missing[0]!r} among them."
            )
        if wrong := [name for name in names if not 0 <= known[name] <= 1]:
            raise BrightfieldError(f"A probability is from 0 to 1, got {known[wrong[0]]} for {wrong[0]!r}.")
        return [Label(float(known[name])) for name in names]

    def ballot(
        self, activated: npt.NDArray[np.float32], settings: params.ClassificationSettings
    ) -> npt.NDArray[np.float32]:
        """1 for the second class by the member's own threshold."""
        answer = Label(ClassificationAnswering(settings)._probability(activated), threshold(settings))
        return np.array([answer.positive], np.float32)

    def ideal(self, truth: Label, encoded: Encoded) -> npt.NDArray[np.float32]:
        """The true probability, (1,)."""
        del encoded
        return np.array([truth.probability], np.float32)

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Label:
        """The label from the probability, of shape (1,), after calibration and by the model's threshold."""
        del encoded
        return Label(self._probability(activated), threshold(self.settings))

    def _probability(self, activated: npt.NDArray[np.float32]) -> float:
        return float(expit(self._logit(activated)))

    def _logit(self, activated: npt.NDArray[np.float32]) -> float:
        """The calibrated logit from a probability of shape (1,)."""
        temperature, bias = self.settings.temperature or 1.0, self.settings.bias or 0.0
        return float(classification.logit(activated[0]) / temperature + bias)

    def magnified(self, image: images.Image, factor: float) -> images.Image:
        """A crop of the task's size around the middle, in which the cell has another size."""
        return images.framed(super().magnified(image, factor), self.settings.size_px)

    def usual_magnification(self, shown: Sequence[images.Image]) -> float:
        """That to crops of the task's size, to which all are resized as a whole."""
        return self.settings.size_px / float(np.median([np.sqrt(np.prod(crop.shape[:2])) for crop in shown]))

    def width(self, shown: Sequence[images.Image], known_px: float, look: Look) -> float | None:
        """The median width of the cells, from the colours of the crops."""
        del known_px, look
        return widths.of_crops(shown)

    def to_original_scale(self, answer: Label, shape: tuple[int, int], seen: tuple[int, int]) -> Label:
        """The same label."""
        del shape, seen
        return answer

    @property
    def needs_calibration(self) -> bool:
        """Whether the settings leave temperature, bias or threshold open."""
        return None in (self.settings.temperature, self.settings.bias, self.settings.threshold)

    def calibrate(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Label], encoded: Sequence[Encoded] = ()
    ) -> params.ClassificationSettings:
        """Fit what the settings leave open: temperature and bias by the log loss, then the threshold by the recall ``keep``."""
        del encoded
        found, positive = self.settings, np.array([label.positive for label in truth])
        logits = classification.logit([a[0] for a in activated])
        temperature, bias = classification.calibration(logits, positive, found.temperature, found.bias)
        found = found.model_copy(update={"temperature": temperature, "bias": bias})
        if self.needs_calibration and found.share is None and 0 < positive.mean() < 1:
            found = found.model_copy(update={"share": float(positive.mean())})
        if found.threshold is None:
            chosen = classification.threshold(expit(logits / temperature + bias), positive, found.keep)
            found = found.model_copy(update={"threshold": chosen})
        return found

    def adapted(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Label]
    ) -> params.ClassificationSettings:
        """The settings recalibrated on a few images of another acquisition: temperature and bias change, the threshold does not.

        The share of positive images among the few is not used, because they are usually collected by class.
        """
        positive = np.array([label.positive for label in truth])
        temperature, bias = self.settings.temperature or 1.0, self.settings.bias or 0.0
        logits = classification.logit([a[0] for a in activated]) / temperature + bias
        more, shift = classification.calibration(
            logits, positive, spreads=classification.NARROW_PRIOR, share=self.settings.share
        )
        chosen = {"temperature": temperature * more, "bias": bias / more + shift, "threshold": threshold(self.settings)}
        return self.settings.model_copy(update=chosen)

    def guaranteed(self, answer: Label, limits: Mapping[str, float]) -> Label:
        """With the set of the answered class and of each class that is probable enough."""
        if CLASS not in limits:
            return answer
        both = score_of_other(answer) <= limits[CLASS]
        return replace(answer, class_set=(0, 1) if both else (int(answer.positive),))

    def agreements(
        self,
        answers: Sequence[Label],
        activated: Sequence[npt.NDArray[np.float32]],
        shown: Sequence[images.Image],
        look: Look,
    ) -> list[tuple[float, ...]]:
        """The calibrated logits of each crop and of a changed view of it."""
        del answers
        views = [output for output, _ in look([agreement.view(crop) for crop in shown])]
        return [(self._logit(a), self._logit(b)) for a, b in zip(activated, views, strict=True)]

    def doubted(self, agreements: Sequence[tuple[float, ...]]) -> list[float]:
        """Of all crops of an acquisition together, see :mod:`brightfield.tasks.classification.agreement`."""
        return agreement.doubted(agreements, threshold(self.settings))


def threshold(settings: params.ClassificationSettings) -> float:
    """The smallest probability of a positive answer; 0.5 before the calibration."""
    return 0.5 if settings.threshold is None else settings.threshold


def score_of_other(answer: Label) -> float:
    """1 minus the probability of the class that is not answered."""
    return answer.probability if answer.positive else 1 - answer.probability
