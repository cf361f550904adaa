"""The choice of images for each batch.

Every batch has a random generator of its own, seeded by the model's seed and the number of the batch. So a batch does not depend on
which process prepares it, nor on whether the batches before it were drawn by this process or by one that was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from brightfield import params
from brightfield.tasks import Sample, Task
from brightfield.tasks.samples import Samples


class Batch(NamedTuple):
    """Which images a batch holds.

    Attributes:
        number: of the batch, from the first epoch on.
        images: indices of its images.
    """

    number: int
    images: list[int]


class BalancedSampler(Sampler[int]):
    """Draws indices for one epoch: all images once, or ``count`` random ones; a function of seed and epoch.

    Args:
        size: number of images.
        count: number of draws per epoch; None: all images once.
        seed: seed of the draws.
        sampling_classes: class of each image; classes take turns, so that every batch has equally many images of each.
    """

    def __init__(self, size: int, count: int | None, seed: int, sampling_classes: Sequence[int] | None = None) -> None:
        self.count = count or size
        classes = np.zeros(size) if sampling_classes is None else np.asarray(sampling_classes)
        self.members = [np.flatnonzero(classes == value) for value in np.unique(classes)]
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose indices are drawn next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        turns = [_endless(members, rng) for members in self.members]
        for drawn in range(self.count):
            yield next(turns[drawn % len(turns)])


def _endless(members: npt.NDArray[np.intp], rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from (int(i) for i in rng.permutation(members))


class BatchSampler(Sampler[Batch]):
    """The batches of one epoch, numbered from the first epoch on."""

    def __init__(self, sampler: BalancedSampler, batch_size: int) -> None:
        self.sampler, self.batch_size = sampler, batch_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose batches come next."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)
        # batch normalisation fails on a batch of one
        return whole + (rest > 1 or (rest == 1 and whole == 0))

    def __iter__(self) -> Iterator[Batch]:
        indices = iter(self.sampler)
        first = self.sampler.epoch * len(self)
        for number in range(len(self)):
            yield Batch(first + number, [i for _, i in zip(range(self.batch_size), indices, strict=False)])


class Batches(Dataset[Sample]):
    """Stacked samples, by batch."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self.samples, self.seed = samples, seed

    def __getitem__(self, batch: Batch) -> Sample:
        rng = np.random.default_rng((self.seed, batch.number))
        drawn = [self.samples.sample(i, rng) for i in batch.images]
        return {
            "image": torch.stack([sample["image"] for sample in drawn]),
            "target": torch.stack([sample["target"] for sample in drawn]),
        }


def loader(task: Task[Any, Any], samples: Samples, training: params.Training, seed: int) -> DataLoader[Sample]:
    """The loader of training batches, balanced by class if the training asks for it.

    Its sampler is a :class:`BatchSampler`, which must learn the epoch before each pass.
    """
    count = None if training.steps_per_epoch is None else training.steps_per_epoch * training.batch_size
    sampling_classes = task.learning.sampling_classes(samples) if training.balance == "batches" else None
    sampler = BatchSampler(BalancedSampler(len(samples), count, seed, sampling_classes), training.batch_size)
    return DataLoader(Batches(samples, seed), batch_size=None, sampler=sampler)
