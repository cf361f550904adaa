"""How a task is learnt: truth, encoding, targets, network and loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from brightfield import architectures, images, params
from brightfield.data.augmenting import noise_windows
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import Result
from brightfield.tasks.samples import Encoded, EncodedImages, Example, Samples

Settings = TypeVar("Settings", bound=params.TaskSettings)
Answer = TypeVar("Answer", bound=Result)
LossFunction = Callable[[Tensor, Tensor], Tensor]  # of output and target; a scalar to be minimised


class Learning(ABC, Generic[Settings, Answer]):
    """Encodes images and their truth, and says which network learns from them, with which loss."""

    augmentations: ClassVar[frozenset[str]]  # those that leave the truth true

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def truth(self, record: Record) -> Answer:
        """The exact answer for a record.

        Raises:
            BrightfieldError: if the record has no truth.
        """

    def pixels(self, record: Record) -> np.ndarray:
        """What of a record is encoded: its image, and where a task takes further channels those, (H, W, C)."""
        return record.image

    def judged_pixels(self, record: Record) -> np.ndarray:
        """What of a record is encoded where the answer is compared with its truth: by default the same as for a prediction."""
        return self.pixels(record)

    def encode(self, image: np.ndarray) -> Encoded:
        """(H, W) or (H, W, C) of any numeric type to what the network sees; training and prediction share it.

        Raises:
            BrightfieldError: if the image has channels the task does not take.
        """
        normalised, mean, std = images.normalise(self.prepare(image))
        channels_first = normalised[None] if normalised.ndim == 2 else normalised.transpose(2, 0, 1)
        return Encoded(torch.from_numpy(np.ascontiguousarray(channels_first)), mean, std, image.shape[:2])

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """The image in the channels and size the network takes, before it is normalised; by default one grey channel."""
        return images.to_grey(image)

    @abstractmethod
    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """What the network's output is compared with, in the geometry of ``encoded.tensor``."""

    @abstractmethod
    def shape(self) -> architectures.Shape:
        """Channels in and out, and the size of the input where it is fixed."""

    def network(self, model: params.Model) -> nn.Module:
        """The network or baseline of a model's entry, freshly initialised.

        Raises:
            BrightfieldError: for an architecture that does not suit the task.
        """
        return architectures.build(model.network, self.shape())

    def dataset(self, records: Iterable[Record], training: params.Training | None = None) -> EncodedImages:
        """Samples for training (patches, augmented) or, without ``training``, whole images as they are.

        Raises:
            BrightfieldError: for an augmentation that would make this task's truth untrue.
        """
        examples = (self._example(record, training) for record in records)
        return EncodedImages(examples, self.augmentations, training)

    def _example(self, record: Record, training: params.Training | None) -> Example:
        encoded = self.encode(self.judged_pixels(record))
        target = self.target(record, encoded)
        centres = self.patch_centres(record) if training and training.centred else []
        noise: list[npt.NDArray[np.float32]] = []
        if training and "recorded_noise" in training.augment:
            noise = noise_windows(encoded.tensor[0].numpy(), self.background_mask(record))
        return Example(encoded, target, centres, noise)

    def known_width(self, records: Iterable[Record]) -> float | None:
        """The width of what the records show, in pixels as a network sees it; None where the task measures none.

        It travels with a model, see :meth:`Answering.width`.
        """
        del records
        return None

    @abstractmethod
    def loss_function(self, samples: Samples, training: params.Training) -> LossFunction:
        """The loss for a training on these samples: of an output and its target, a scalar to be minimised.

        Args:
            samples: the training images, from whose targets it may take the share of each class.
            training: whether classes are balanced, and which terms are added.
        """

    def distillation_loss(self, output: Tensor, taught: Tensor) -> Tensor:
        """The loss of an output against what another model answers, a scalar to be minimised; for tasks that can be distilled.

        Args:
            output: of the network, (N, ...).
            taught: activated output of the teacher, of the same shape or with fewer channels.
        """
        raise NotImplementedError

    def patch_centres(self, record: Record) -> list[npt.NDArray[np.intp]]:
        """Pixels that patches should show, an array (K, 2) of rows and columns for each kind of place; by default none."""
        del record
        return []

    def background_mask(self, record: Record) -> npt.NDArray[np.bool_]:
        """(H, W), where the image shows nothing but what a camera records without an object; by default nowhere."""
        return np.zeros(record.image.shape[:2], bool)

    def sampling_classes(self, samples: Samples) -> Sequence[int]:
        """The class of each training image, for batches with as many of each.

        Raises:
            BrightfieldError: where an image has no single class.
        """
        del samples
        raise BrightfieldError(
            "training.balance 'batches' is for tasks whose images have one class each; use 'loss' or 'none'."
        )
