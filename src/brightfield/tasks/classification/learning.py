"""Inputs, targets and loss of classification."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, images, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import Label
from brightfield.tasks.classification import widths
from brightfield.tasks.learning import Learning, LossFunction
from brightfield.tasks.samples import Encoded, Samples


class ClassificationLearning(Learning[params.ClassificationSettings, Label]):
    """Crops of one size and their labels; the network has one logit, that of the second class."""

    augmentations: ClassVar[frozenset[str]] = frozenset(
        {"flip", "rotate", "brightness", "colour", "noise", "blur", "stain", "light", "focus"}
    )

    def truth(self, record: Record) -> Label:
        """The label of the crop."""
        if "label" not in record.row:
            raise BrightfieldError(f"Image {record.id} has no label: expected 0 or 1 in column 'label'.")
        return Label(float(record.row["label"]))  # type: ignore[arg-type]

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Convert to grey or RGB by the settings, and resize to the task's size (with anti-aliasing) if it differs."""
        size, channels = self.settings.size_px, self.settings.channels
        if channels == 1:
            image = images.to_grey(image)
        elif image.ndim == 2:
            raise BrightfieldError(
                f"This task needs RGB crops, got a grey image of {image.shape[1]}x{image.shape[0]} px."
            )
        if image.shape[:2] == (size, size):
            return image
        from skimage.transform import resize

        return np.asarray(resize(image.astype(np.float32), (size, size), order=1, anti_aliasing=True))

    def known_width(self, records: Iterable[Record]) -> float | None:
        """The median width of the cells in crops of the task's size."""
        return widths.of_crops(self.prepare(record.image) for record in records)

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """The label, 0 or 1, shape (1,)."""
        del encoded
        return torch.tensor([self.truth(record).probability])

    def shape(self) -> architectures.Shape:
        """Crops in, one logit out."""
        return architectures.Shape(self.settings.channels, 1, self.settings.size_px)

    def loss_function(self, samples: Samples, training: params.Training) -> LossFunction:
        """Binary cross-entropy; with ``balance: loss`` the positive class is weighted so that both classes weigh the same."""
        positive_weight = torch.tensor(1.0)
        positive = float(torch.stack(list(samples.targets)).mean())
        if training.balance == "loss" and 0 < positive < 1:
            positive_weight = torch.tensor((1 - positive) / positive)

        def loss(output: Tensor, target: Tensor) -> Tensor:
            weight = positive_weight.to(output.device)
            return F.binary_cross_entropy_with_logits(output, target, pos_weight=weight)

        return loss

    def distillation_loss(self, output: Tensor, taught: Tensor) -> Tensor:
        """Cross-entropy against the teacher's probabilities."""
        return F.binary_cross_entropy_with_logits(output, taught)

    def sampling_classes(self, samples: Samples) -> list[int]:
        """The labels."""
        return [int(target.item()) for target in samples.targets]
