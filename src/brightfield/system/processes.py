"""Work spread over the machine's cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

MOST = 8
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read once, when a library is loaded
PORTIONS = 16  # that each process gets: few enough to cost nothing, enough that none waits long for the last

Item = TypeVar("Item")
Result = TypeVar("Result")


def available() -> int:
    """How many processes serve this machine."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST)


def parallel_map(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """The results of ``work``, a function of a module, in the order of the items; with one process they are made here.

    Each of several processes does its linear algebra in one thread: more would wait for each other at the same cores.
    """
    if processes <= 1:
        yield from map(work, items)
        return
    # not forked: a fork of a process with threads (a progress bar has one) may hang
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_alone) as pool:
        yield from pool.map(work, items, chunksize=max(1, len(items) // (PORTIONS * processes)))


def _alone() -> None:
    """One thread of linear algebra, in libraries that are loaded already and in those that the work will load."""
    for name in THREADS:
        os.environ[name] = "1"
    threadpool_limits(1)
