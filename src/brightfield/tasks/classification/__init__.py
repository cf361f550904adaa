"""Is this crop the positive class?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, images, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns, classification
from brightfield.results import Label
from brightfield.tasks.base import Encoded, Objective, Samples, Task


class Classification(Task[params.ClassificationSettings, Label]):
    """Two classes, one probability: that of the second class."""

    objective = Objective("auc", "maximize")
    answer_type = Label
    augmentations: ClassVar[frozenset[str]] = frozenset(
        {"flip", "rotate", "brightness", "colour", "noise", "blur", "stain", "light", "focus"}
    )
    tileable = False
    index_columns = (classification.CHANCE,)

    def __init__(self, settings: params.ClassificationSettings) -> None:
        super().__init__(settings)
        self.positive_weight = torch.tensor(1.0)

    @property
    def class_names(self) -> list[str]:
        """From the task's settings."""
        return self.settings.classes

    def truth(self, record: Record) -> Label:
        """The label of the crop."""
        if "label" not in record.row:
            raise BrightfieldError(f"Image {record.id} has no label (column 'label', 0 or 1).")
        return Label(float(record.row["label"]))  # type: ignore[arg-type]

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Grey or RGB as the task says, resized to the task's size (anti-aliased) if it has another."""
        size, channels = self.settings.size_px, self.settings.channels
        if channels == 1:
            image = images.to_grey(image)
        elif image.ndim == 2:
            raise BrightfieldError(
                f"This task takes RGB crops, got a grey image of {image.shape[1]}x{image.shape[0]} px."
            )
        if image.shape[:2] == (size, size):
            return image
        from skimage.transform import resize

        return np.asarray(resize(image.astype(np.float32), (size, size), order=1, anti_aliasing=True))

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """0 or 1, shape (1,)."""
        del encoded
        return torch.tensor([self.truth(record).probability])

    def shape(self) -> architectures.Shape:
        """One logit."""
        return architectures.Shape(self.settings.channels, 1, self.settings.size_px)

    def observe(self, samples: Samples, training: params.Training) -> None:
        """Weigh the positive class so that both count the same."""
        positive = float(torch.stack(samples.targets).mean())
        if training.balance == "loss" and 0 < positive < 1:
            self.positive_weight = torch.tensor((1 - positive) / positive)

    def sampling_classes(self, samples: Samples) -> list[int]:
        """Labels."""
        return [int(target.item()) for target in samples.targets]

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy."""
        weight = self.positive_weight.to(output.device)
        return F.binary_cross_entropy_with_logits(output, target, pos_weight=weight)

    def activate(self, output: Tensor) -> Tensor:
        """Logit to probability."""
        return torch.sigmoid(output)

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Label:
        """The probability, of shape (1,), as a label: calibrated, and answered by the model's threshold."""
        del encoded
        temperature, bias = self.settings.temperature or 1.0, self.settings.bias or 0.0
        probability = expit(classification.logit(activated[0]) / temperature + bias)
        return Label(float(probability), self._threshold)

    @property
    def _threshold(self) -> float:
        return 0.5 if self.settings.threshold is None else self.settings.threshold

    @property
    def needs_calibration(self) -> bool:
        """Temperature, bias and threshold may be left open."""
        return None in (self.settings.temperature, self.settings.bias, self.settings.threshold)

    def calibrate(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Label], encoded: Sequence[Encoded] = ()
    ) -> params.ClassificationSettings:
        """What the settings leave open: temperature and bias of the least log loss, then the threshold by the share to keep."""
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
        """The settings for an acquisition of which these are a few images: probabilities move, their threshold stays.

        How many of each class there are among the few tells nothing: people collect as many of each.
        """
        positive = np.array([label.positive for label in truth])
        temperature, bias = self.settings.temperature or 1.0, self.settings.bias or 0.0
        logits = classification.logit([a[0] for a in activated]) / temperature + bias
        more, shift = classification.calibration(
            logits, positive, spreads=classification.NARROW, share=self.settings.share
        )
        return self.settings.model_copy(
            update={"temperature": temperature * more, "bias": bias / more + shift, "threshold": self._threshold}
        )

    def recalibrated(self, columns: Columns) -> Columns:
        """As after recalibration on a few labelled images of the same acquisition."""
        return classification.recalibrated(columns, self._threshold, self.settings.share)

    def ceiling(self, columns: Columns) -> Columns | None:
        """The exact probabilities, where a simulator wrote them."""
        return classification.ceiling(columns) if classification.CHANCE in columns else None

    def statistics(self, predicted: Label, truth: Label) -> dict[str, float]:
        """Probability and truth."""
        return classification.statistics(predicted, truth)

    def summarise(self, columns: Columns) -> dict[str, float]:
        """AUC and the rest of :mod:`brightfield.metrics.classification`."""
        return classification.summarise(columns)

    def correct(self, columns: Columns) -> npt.NDArray[np.float64]:
        """Whether the answer is the true class."""
        return classification.correct(columns)

    def confusion(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Images by class, as they were answered."""
        return self.settings.classes, classification.confusion(columns)
