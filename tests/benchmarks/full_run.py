"""What `make repro PROFILE=full` costs in a fresh clone, and what each of its models answers on the test split."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import default_run
from claims import Claim

from brightfield import params

MOST_MINUTES = 60.0


def rows() -> Iterator[Claim]:
    """The cost, then each model and ensemble."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        default_run.clone(folder)
        cost = default_run.repro(folder, "full")
        yield Claim("full run: wall clock", cost.wall_min, "min", aim=MOST_MINUTES)
        yield Claim("full run: processor time", cost.processor_min, "min")
        yield Claim("full run: memory of its largest process", default_run.largest_gb(), "GB")
        own = params.load(folder / params.PARAMS)
        for name, entry in {**own.models, **own.ensembles}.items():
            if own.tasks[entry.task].dataset == entry.dataset:
                for metric in default_run.AIMS[entry.task]:
                    yield default_run.score(folder, name, metric, name)
