"""The choice of images for each batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader, Sampler

from brightfield import params
from brightfield.tasks import Sample, Task
from brightfield.tasks.samples import Samples


class BalancedSampler(Sampler[int]):
    """Draws indices for one epoch: all images once, or ``count`` random ones; a function of the seed.

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
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        turns = [self._endless(members) for members in self.members]
        for drawn in range(self.count):
            yield next(turns[drawn % len(turns)])

    def _endless(self, members: npt.NDArray[np.intp]) -> Iterator[int]:
        while True:
            yield from (int(i) for i in self.rng.permutation(members))


def loader(task: Task[Any, Any], samples: Samples, training: params.Training, seed: int) -> DataLoader[Sample]:
    """The loader of training batches, balanced by class if the training asks for it."""
    count = None if training.steps_per_epoch is None else training.steps_per_epoch * training.batch_size
    sampling_classes = task.learning.sampling_classes(samples) if training.balance == "batches" else None
    sampler = BalancedSampler(len(samples), count, seed, sampling_classes)
    # batch normalisation fails on a batch of one
    drop = len(sampler) % training.batch_size == 1 and len(sampler) > 1
    return DataLoader(samples, training.batch_size, sampler=sampler, drop_last=drop)
