"""Is this crop the positive class?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.special import expit, logit
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, images, params
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns, classification
from brightfield.records import Record
from brightfield.results import Label
from brightfield.tasks.base import Encoded, EncodedImages, Objective, Task


class Classification(Task[params.ClassificationSettings, Label]):
    """Two classes, one probability: that of the second class."""

    objective = Objective("auc", "maximize")
    augmentations: ClassVar[frozenset[str]] = frozenset({"flip", "rotate", "brightness", "colour", "noise", "blur"})
    tileable = False

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

    def observe(self, samples: EncodedImages, training: params.Training) -> None:
        """Weigh the positive class so that both count the same."""
        positive = float(torch.stack(samples.targets).mean())
        if training.balance_classes and 0 < positive < 1:
            self.positive_weight = torch.tensor((1 - positive) / positive)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy."""
        weight = self.positive_weight.to(output.device)
        return F.binary_cross_entropy_with_logits(output, target, pos_weight=weight)

    def activate(self, output: Tensor) -> Tensor:
        """Logit to probability."""
        return torch.sigmoid(output)

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Label:
        """The probability, of shape (1,), as a label: at the model's temperature, answered by its threshold."""
        del encoded
        temperature, threshold = self.settings.temperature or 1.0, self.settings.threshold
        probability = expit(_logit(activated[0]) / temperature)
        return Label(float(probability), 0.5 if threshold is None else threshold)

    @property
    def is_open(self) -> bool:
        """Temperature and threshold may be left open."""
        return self.settings.temperature is None or self.settings.threshold is None

    def settle(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Label], encoded: Sequence[Encoded] = ()
    ) -> params.ClassificationSettings:
        """Temperature and threshold where the settings leave them open: the least log loss, then the share to keep."""
        del encoded
        found, positive = self.settings, np.array([label.positive for label in truth])
        logits = np.array([_logit(a[0]) for a in activated])
        if found.temperature is None:
            found = found.model_copy(update={"temperature": classification.temperature(logits, positive)})
        if found.threshold is None:
            probability = expit(logits / found.temperature)
            chosen = classification.threshold(probability, positive, found.keep)
            found = found.model_copy(update={"threshold": chosen})
        return found

    def rows(self, answer: Label) -> pd.DataFrame:
        """One row: probability (of the second class) and answer (a class name)."""
        named = self.settings.classes[int(answer.positive)]
        return pd.DataFrame({"probability": [answer.probability], "answer": [named]})

    def statistics(self, predicted: Label, truth: Label) -> dict[str, float]:
        """Probability and truth."""
        return classification.statistics(predicted, truth)

    def summarise(self, columns: Columns) -> dict[str, float]:
        """AUC and the rest of :mod:`brightfield.metrics.classification`."""
        return classification.summarise(columns)

    def right(self, columns: Columns) -> npt.NDArray[np.float64]:
        """Whether the answer is the true class."""
        return classification.right(columns)

    def confusion(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Images by class, as they were answered."""
        return self.settings.classes, classification.confusion(columns)


def _logit(probability: float) -> float:
    smallest = classification.SMALLEST_PROBABILITY
    return float(logit(np.clip(np.float64(probability), smallest, 1 - smallest)))
