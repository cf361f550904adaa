"""Parallel work on the machine's cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from threadpoolctl import threadpool_limits

MAX_PROCESSES = 8
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read once, when a library is loaded
PORTIONS = 16  # chunks of items per process: few enough for little overhead, enough for a short wait at the end

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def available() -> int:
    """Number of processes to use on this machine: the cores available to this process, at most ``MAX_PROCESSES``."""
    return min(len(cores()), MAX_PROCESSES)


def parallel_map(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """Yield the results of ``work``, a module-level function, in the order of the items; with one process the caller computes them.

    Each of several processes does its linear algebra in one thread: more would compete for the same cores.
    """
    if processes <= 1:
        yield from map(work, items)
        return
    # spawned, because a fork of a process with threads (a progress bar has one) may hang
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_use_one_thread) as pool:
        yield from pool.map(work, items, chunksize=max(1, len(items) // (PORTIONS * processes)))


def _use_one_thread() -> None:
    """Limit linear algebra to one thread, in libraries that are loaded already and in those that the work will load."""
    for name in THREADS:
        os.environ[name] = "1"
    threadpool_limits(1)


def threaded_map(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the results of ``work`` in the order of the items, for work that numpy and other libraries do beside each other.

    No more items are asked for than there are threads, so that few of them lie in memory.
    """
    threads = available()
    with ThreadPoolExecutor(threads) as pool:
        left = iter(items)
        while some := list(islice(left, threads)):
            yield from pool.map(work, some)
