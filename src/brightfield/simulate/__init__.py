"""Simulated images with exact ground truth: one module per simulator, chosen by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from brightfield import params as settings
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.params import Simulation, Suite
from brightfield.simulate import bacteria, beads, denoise, rbc
from brightfield.system.processes import parallel_map

# Each module has `groups(params)`, `per_group(params)` (images per group) and `simulate_group(params, number, rng, suite)`, where
# params is the section of this simulator and suite the name of the shift, or None.
SIMULATORS: dict[str, ModuleType] = {"rbc": rbc, "beads": beads, "bacteria": bacteria, "denoise": denoise}
FEW = 24  # number of images up to which starting processes takes longer than simulating


class Job(NamedTuple):
    """One group to simulate."""

    number: int
    seed: np.random.SeedSequence
    suite: Suite | None


def simulate(params: Simulation, processes: int = 1) -> Iterator[Record]:
    """The images of one simulation, group after group (smears, movies, fields), then those of its shift suites.

    The same parameters give the same bytes, with any number of processes. Group k does not depend on the number of groups or
    suites, so a larger simulation begins with the smaller one. Rows have a column ``suite``: its name, empty for other images.
    """
    jobs = list(_jobs(params))
    draw = partial(_group, params)
    for records in parallel_map(draw, jobs, processes if count(params) > FEW else 1):
        yield from records


def count(params: Simulation) -> int:
    """Number of images that :func:`simulate` yields, for a progress bar."""
    module = SIMULATORS[params.simulator]
    return int((module.groups(params) + len(params.suites) * params.suite_groups) * module.per_group(params))


def records(name: str, images: int = 4, **changes: Any) -> list[Record]:
    """The first images of a simulation with their exact truth, to be looked at from Python.

    Args:
        name: an entry of ``simulations`` in params.yaml; without params.yaml in the current folder a simulator (``rbc``, ``beads``,
            ``bacteria``, ``denoise``), with its defaults.
        images: how many, group after group as the pipeline draws them.
        changes: other values of the entry, such as ``seed=7``.

    Raises:
        BrightfieldError: no such simulation, a value that it does not take, or fewer images than that.
    """
    if settings.PARAMS.is_file():
        entry = settings.entry(settings.load().simulations, name, "simulation").model_dump(mode="json")
    else:
        entry = {"simulator": name}
    chosen = settings.parse_simulation({**entry, **changes}, f"simulation {name!r}")
    if images > count(chosen):
        raise BrightfieldError(
            f"The simulation {name!r} has {count(chosen)} images, expected at most that, got {images}."
        )
    return list(islice(simulate(chosen), images))


def _jobs(params: Simulation) -> Iterator[Job]:
    seeds = np.random.SeedSequence(params.seed).spawn(SIMULATORS[params.simulator].groups(params))
    yield from (Job(number, seed, None) for number, seed in enumerate(seeds))
    for suite in params.suites:
        own = np.random.SeedSequence([params.seed, *suite.encode()])  # independent of the other suites
        yield from (Job(number, seed, suite) for number, seed in enumerate(own.spawn(params.suite_groups)))


def _group(params: Simulation, job: Job) -> list[Record]:
    module, rng = SIMULATORS[params.simulator], np.random.default_rng(job.seed)
    prefix = f"{job.suite}-" if job.suite else ""
    return [
        replace(r, id=prefix + r.id, group=prefix + r.group, row={**r.row, "suite": job.suite or ""})
        for r in module.simulate_group(params, job.number, rng, job.suite)
    ]
