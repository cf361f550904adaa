"""Images with exact truth: one module for each simulator, chosen by name."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from types import ModuleType

import numpy as np

from brightfield.params import Simulation
from brightfield.records import Record
from brightfield.simulate import bacteria, beads, denoise, rbc

# Each module has `groups(params)`, `count(params)` and `simulate_group(params, number, rng)`; params is that simulator's section.
SIMULATORS: dict[str, ModuleType] = {"rbc": rbc, "beads": beads, "bacteria": bacteria, "denoise": denoise}
MOST_PROCESSES = 8
FEW = 24  # images that are sooner simulated than a process is started


def simulate(params: Simulation, processes: int = 1) -> Iterator[Record]:
    """The images of one simulation, group after group (smears, movies, fields).

    The same parameters give the same bytes, in however many processes. Group k does not depend on how many groups there are, so
    a larger simulation begins with the smaller one.
    """
    module = SIMULATORS[params.simulator]
    seeds = np.random.SeedSequence(params.seed).spawn(module.groups(params))
    draw = partial(_group, params)
    if processes <= 1 or module.count(params) <= FEW:
        for numbered in enumerate(seeds):
            yield from draw(numbered)
        return
    # not forked: a fork of a process with threads (a progress bar has one) may hang
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for records in pool.map(draw, enumerate(seeds), chunksize=max(1, len(seeds) // (16 * processes))):
            yield from records


def count(params: Simulation) -> int:
    """How many images :func:`simulate` will give: what a progress bar needs before the first."""
    return int(SIMULATORS[params.simulator].count(params))


def processes() -> int:
    """How many processes serve this machine."""
    return min(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_PROCESSES
    )


def _group(params: Simulation, numbered: tuple[int, np.random.SeedSequence]) -> list[Record]:
    number, seed = numbered
    return list(SIMULATORS[params.simulator].simulate_group(params, number, np.random.default_rng(seed)))
