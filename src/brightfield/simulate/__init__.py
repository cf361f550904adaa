"""Images with exact truth: one module for each simulator, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from brightfield.params import Simulation
from brightfield.records import Record
from brightfield.simulate import bacteria, beads, denoise, rbc

# Each module has `simulate(params, rng)` and `count(params)`, where params is the section of that simulator.
SIMULATORS: dict[str, ModuleType] = {"rbc": rbc, "beads": beads, "bacteria": bacteria, "denoise": denoise}


def simulate(params: Simulation) -> Iterator[Record]:
    """The images of one simulation, group after group.

    The same parameters give the same bytes. Group k does not depend on how many groups there are, so a larger
    simulation begins with the smaller one.
    """
    run: Callable[[Any, np.random.Generator], Iterator[Record]] = SIMULATORS[params.simulator].simulate
    return run(params, np.random.default_rng(params.seed))


def count(params: Simulation) -> int:
    """How many images :func:`simulate` will give: what a progress bar needs before the first."""
    return int(SIMULATORS[params.simulator].count(params))
