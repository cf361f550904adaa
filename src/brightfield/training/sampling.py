"""The choice of images for each batch.

Every batch has random generators of its own, seeded by the model's seed and the number of the batch. So a batch does not depend on
which process prepares it, nor on whether the batches before it were drawn by this process or by one that was interrupted.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from brightfield import params
from brightfield.system import processes
from brightfield.tasks import Batch, Task
from brightfield.tasks.samples import Samples

CUT, AUGMENT = 0, 1  # streams of random numbers of a batch
MOST_WORKERS = 8
SHARED = Path("/dev/shm")  # memory through which batches come from workers
LEAST_SHARED = 2**29  # bytes; in a container it may be small, and a worker that finds none dies


class Choice(NamedTuple):
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


class BatchSampler(Sampler[Choice]):
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

    def __iter__(self) -> Iterator[Choice]:
        indices = iter(self.sampler)
        first = self.sampler.epoch * len(self)
        for number in range(len(self)):
            yield Choice(first + number, [i for _, i in zip(range(self.batch_size), indices, strict=False)])


class Cutter(Dataset[Batch]):
    """The batches of a training by their choice of images, augmented where ``augmented``."""

    def __init__(self, samples: Samples, seed: int, augmented: bool) -> None:
        self.samples, self.seed, self.augmented = samples, seed, augmented

    def __getitem__(self, choice: Choice) -> Batch:
        batch = self.samples.cut(choice.images, np.random.default_rng((self.seed, choice.number, CUT)))
        return self.varied(batch, choice.number) if self.augmented else batch

    def varied(self, batch: Batch, number: int) -> Batch:
        """The augmented batch."""
        return self.samples.varied(batch, np.random.default_rng((self.seed, number, AUGMENT)))


class Batches:
    """Batches on the device of the network, balanced by class if the training asks for it.

    On a processor, processes cut and augment them ahead. A GPU augments itself, and cuts too where the images fit into its memory.

    Args:
        task: the task.
        samples: what is drawn from.
        training: batch size, steps, balance.
        seed: of all that is random in the batches.
        device: where the network is.
        workers: number of processes that prepare batches ahead; with 0 the caller prepares each.
    """

    def __init__(
        self,
        task: Task[Any, Any],
        samples: Samples,
        training: params.Training,
        seed: int,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        self.device = device
        on_gpu = device.type == "cuda"
        resident = on_gpu and samples.reside(device)
        if resident:
            workers = 0
        self.cutter = Cutter(samples, seed, augmented=resident or not on_gpu)
        count = None if training.steps_per_epoch is None else training.steps_per_epoch * training.batch_size
        sampling_classes = task.learning.sampling_classes(samples) if training.balance == "batches" else None
        self.sampler = BatchSampler(BalancedSampler(len(samples), count, seed, sampling_classes), training.batch_size)
        self.loader = DataLoader(
            self.cutter,
            batch_size=None,
            sampler=self.sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            # the caller's images are the workers' then, without a copy
            multiprocessing_context="fork" if workers else None,
            pin_memory=on_gpu and not resident,  # from there a GPU copies while it computes
            # the global generator is the network's: what it draws must not depend on the loader
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self.sampler)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0."""
        self.sampler.set_epoch(epoch)
        for number, batch in enumerate(self.loader, epoch * len(self)):
            there = batch.to(self.device)
            yield there if self.cutter.augmented else self.cutter.varied(there, number)

    def end(self) -> None:
        """End the processes; after an exception they would live until Python collects the frames that it passed through."""
        running = self.loader._iterator
        self.loader._iterator = None
        if running is not None:
            running._shutdown_workers()  # type: ignore[attr-defined]  # of an iterator with workers, the only one that is kept


def workers_for(compute: params.Compute, on_processor: bool, sharing: int = 1) -> int:
    """Number of processes that prepare batches; a function of the machine unless ``compute.workers`` is a number.

    On the processor the threads of the network leave as many cores as there are beyond ``compute.threads``; beside a GPU all but
    one are free. A core that computes as well would slow down the threads that wait for it.

    Args:
        compute: threads and workers.
        on_processor: whether the network is there.
        sharing: number of trainings that share the cores evenly at the same time.
    """
    if not sys.platform.startswith("linux"):  # elsewhere a fork of a process with threads is not safe
        return 0
    if compute.workers != "auto":
        return compute.workers
    if not SHARED.is_dir() or shutil.disk_usage(SHARED).free < LEAST_SHARED:
        return 0
    return min(MOST_WORKERS, max(0, len(processes.cores()) // sharing - (compute.threads if on_processor else 1)))
