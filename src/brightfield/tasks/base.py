"""The one interface: stages, tuner, ensembles, registry and dashboard know tasks by nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from brightfield import architectures, images, params
from brightfield.data.augmenting import Augmenter, noise_windows
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns
from brightfield.results import Metadata, Result, form_of

Settings = TypeVar("Settings", bound=params.TaskSettings)
Answer = TypeVar("Answer", bound=Result)


class Objective(NamedTuple):
    """The one metric that chooses checkpoints, trials, ensemble members and champions."""

    metric: str
    direction: Literal["maximize", "minimize"]

    def rank(self, value: float) -> float:
        """The value counted so that more is better and nan is worst."""
        if np.isnan(value):
            return -np.inf
        return value if self.direction == "maximize" else -value

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is better than ``b``."""
        return self.rank(a) > self.rank(b)


class Sample(TypedDict):
    """What a batch is stacked from: ``image`` (C, H, W) float32, ``target`` as the task encodes it."""

    image: Tensor
    target: Tensor


@dataclass(frozen=True)
class Encoded:
    """An image as a network sees it.

    Attributes:
        tensor: (C, H, W) float32, mean 0 and standard deviation 1.
        mean, std: of the image before, in its own units: ``tensor * std + mean`` undoes the normalisation.
        shape: (H, W) of the image as it came.
    """

    tensor: Tensor
    mean: float
    std: float
    shape: tuple[int, int]


class Task(ABC, Generic[Settings, Answer]):
    """A question about images: how they are encoded, how a network's output becomes an answer, and how good an answer is.

    The way of an image: ``encode`` -> network -> ``activate`` (what ensembles average) -> ``decode`` -> a result.
    """

    objective: ClassVar[Objective]
    answer_type: ClassVar[type]  # of :mod:`brightfield.results`: how answers are written, drawn, served and shown
    augmentations: ClassVar[frozenset[str]]  # those that leave the truth true
    tileable: ClassVar[bool] = True  # whether the answer to a part of an image is a part of its answer
    # whether an image may be answered at another magnification, see :meth:`to_original_scale`
    magnifiable: ClassVar[bool] = False
    # columns of a dataset's index that stand beside the statistics, where it has them
    index_columns: ClassVar[tuple[str, ...]] = ()
    # likewise, and numbers against which the metrics of each image are shown (how crowded it is, how far off focus)
    conditions: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def class_names(self) -> list[str]:
        """Names of the classes by their index; none where a task has no classes."""
        return []

    @property
    def metadata(self) -> Metadata:
        """What tables and files of answers say beside their numbers."""
        return Metadata(tuple(self.class_names), self.settings.pixel_size_um)

    # --- truth and encoding -----------------------------------------------------------------------------------------

    @abstractmethod
    def truth(self, record: Record) -> Answer:
        """The exact answer for a record.

        Raises:
            BrightfieldError: if the record has no truth.
        """

    def pixels(self, record: Record) -> np.ndarray:
        """What of a record is encoded: its image, and where a task takes further channels those, (H, W, C)."""
        return record.image

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
        """What the network's output is held against, in the geometry of ``encoded.tensor``."""

    # --- networks ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def shape(self) -> architectures.Shape:
        """Channels in and out, and the size of the input where it is fixed."""

    def network(self, model: params.Model) -> nn.Module:
        """The network or baseline of a model's entry, freshly initialised."""
        return architectures.build(model.network, self.shape())

    def dataset(
        self, records: Iterable[Record], training: params.Training | None = None, seed: int = 0
    ) -> EncodedImages:
        """Samples for training (patches, augmented) or, without ``training``, whole images as they are.

        Raises:
            BrightfieldError: for an augmentation that would make this task's truth untrue.
        """
        return EncodedImages(self, records, training, seed)

    def observe(self, samples: Samples, training: params.Training) -> None:
        """Learn from the training samples what the loss needs (the share of classes); by default nothing."""
        del samples, training

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

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """A scalar to be minimised."""

    # --- answers ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def activate(self, output: Tensor) -> Tensor:
        """Network output to probabilities, heat maps or intensities: what ensembles average."""

    @abstractmethod
    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Answer:
        """The answer for one image from its activated output (channels first)."""

    def decode_all(self, activated: Sequence[npt.NDArray[np.float32]], encoded: Sequence[Encoded]) -> list[Answer]:
        """:meth:`decode` for each image; on all cores, with a progress bar, where it takes long."""
        return [self.decode(a, e) for a, e in zip(activated, encoded, strict=True)]

    def decode_fast(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Answer:
        """A quicker answer that tells one epoch from another, where :meth:`decode` takes long; by default the same."""
        return self.decode(activated, encoded)

    @property
    def needs_calibration(self) -> bool:
        """Whether the settings leave something to be chosen on the validation split by :meth:`calibrate`."""
        return False

    def calibrate(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Answer], encoded: Sequence[Encoded]
    ) -> Settings:
        """The settings with what they leave open chosen on the validation split; they travel with the model."""
        del activated, truth, encoded
        return self.settings

    def rows(self, answer: Answer) -> pd.DataFrame:
        """What a table says of one image: a row, or a row an object; ``combine`` adds which image it is."""
        return form_of(self.answer_type).rows(answer, self.metadata)

    def combine(self, rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One table of several images, by name and in order: the CSV a user opens."""
        return form_of(self.answer_type).combine(rows)

    def to_original_scale(self, answer: Answer, shape: tuple[int, int]) -> Answer:
        """The answer to a magnified image, in the pixels of the image itself, (H, W); for tasks that are ``magnifiable``."""
        raise NotImplementedError

    # --- scores: numbers of one image, then their summary over many, so that everything can be bootstrapped ---------------

    @abstractmethod
    def statistics(self, predicted: Answer, truth: Answer) -> dict[str, float]:
        """Numbers of one image: a row of ``images.csv``."""

    @abstractmethod
    def summarise(self, columns: Columns) -> dict[str, float]:
        """Pooled metrics of many images; nan where undefined."""

    def confusion(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]] | None:
        """Class names and counts (rows are truth), or None where there are no classes."""
        del columns
        return None

    def correct(self, columns: Columns) -> npt.NDArray[np.float64] | None:
        """1 for each image that was answered correctly and 0 for the others; None where an answer is neither."""
        del columns
        return None

    def summarise_subset(self, columns: Columns) -> dict[str, float]:
        """Metrics of a subset of the images (one defect, one level of light); by default the share of correct answers."""
        correct = self.correct(columns)
        return {} if correct is None else {"right": float(np.mean(correct))}

    def recalibrated(self, columns: Columns) -> Columns | None:
        """The statistics of answers recalibrated on a few images of the same acquisition; None where nothing is calibrated."""
        del columns
        return None

    def ceiling(self, columns: Columns) -> Columns | None:
        """The statistics of the best answers that there can be, where the truth is a matter of chance and a simulator knows it."""
        del columns
        return None

    def score(self, predicted: Sequence[Answer], truth: Sequence[Answer]) -> dict[str, float]:
        """Pooled metrics over images."""
        table = pd.DataFrame([self.statistics(p, t) for p, t in zip(predicted, truth, strict=True)])
        return self.summarise(table)


class Samples(Dataset[Sample]):
    """What training draws from; ``targets`` has one entry an image."""

    targets: list[Tensor]

    @abstractmethod
    def __len__(self) -> int:
        """How many images."""


class EncodedImages(Samples):
    """Records encoded once and kept in memory; training draws patches and augments them anew each time."""

    def __init__(
        self, task: Task[Any, Any], records: Iterable[Record], training: params.Training | None, seed: int
    ) -> None:
        self.encoded: list[Encoded] = []
        self.targets = []
        self.patch_centres: list[list[npt.NDArray[np.intp]]] = []
        recorded: list[npt.NDArray[np.float32]] = []
        self.centred = training.centred if training else 0.0
        for record in records:
            self.encoded.append(task.encode(task.pixels(record)))
            self.targets.append(self._target(task, record, self.encoded[-1]))
            self.patch_centres.append(task.patch_centres(record) if training and training.centred else [])
            if training and "recorded_noise" in training.augment:
                recorded += noise_windows(self.encoded[-1].tensor[0].numpy(), task.background_mask(record))
        self.patch = training.patch_px if training else None
        self.augmentations = training.augment if training else []
        self.augment = None
        if training and training.augment:
            self.augment = Augmenter(training.augment, task.augmentations, seed, recorded)
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, i: int) -> Sample:
        encoded, target = self.encoded[i], self.targets[i]
        image = encoded.tensor
        if self.patch is not None:
            image, target = self._cut(image, target, self.patch, self.patch_centres[i])
        if self.augment is not None:
            image, target = self.augment(image, target, black=-encoded.mean / encoded.std)
        return {"image": image, "target": target}

    def _target(self, task: Task[Any, Any], record: Record, encoded: Encoded) -> Tensor:
        return task.target(record, encoded)

    def _cut(
        self, image: Tensor, target: Tensor, side: int, patch_centres: list[npt.NDArray[np.intp]]
    ) -> tuple[Tensor, Tensor]:
        """A random square of both, of a share of them around one of the places; smaller images are mirrored outwards first."""
        image, target = _grow(image, side), _grow(target, side)
        height, width = image.shape[-2:]
        if patch_centres and self.rng.random() < self.centred:
            of_kind = patch_centres[self.rng.integers(len(patch_centres))]
            row, column = of_kind[self.rng.integers(len(of_kind))]
            # up to a quarter of a side off the middle, or a network could learn what is there from where it is
            away = self.rng.integers(-(side // 4), side // 4 + 1, 2) - side // 2
            top, left = int(np.clip(row + away[0], 0, height - side)), int(np.clip(column + away[1], 0, width - side))
        else:
            top = int(self.rng.integers(height - side + 1))
            left = int(self.rng.integers(width - side + 1))
        window = np.s_[..., top : top + side, left : left + side]
        return image[window], target[window]


def _grow(tensor: Tensor, side: int) -> Tensor:
    height, width = tensor.shape[-2:]
    if height >= side and width >= side:
        return tensor
    padding = [(0, 0)] * (tensor.ndim - 2) + [(0, max(0, side - height)), (0, max(0, side - width))]
    return torch.from_numpy(np.pad(tensor.numpy(), padding, mode="symmetric"))
