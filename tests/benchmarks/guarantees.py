"""What is guaranteed of answers, and how often it is true: on the test split, and on each suite, where nothing is promised."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import default_run
from claims import Claim

from brightfield import params
from brightfield.evaluation import guarantees


def rows() -> Iterator[Claim]:
    """A default run of the pipeline, and what its reports say."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        default_run.clone(folder)
        cost = default_run.repro(folder)
        yield Claim("default run: processor time", cost.processor_min, "min", aim=default_run.MOST_MINUTES)
        with chdir(folder):
            yield from coverage(params.load())


def coverage(settings: params.Params) -> Iterator[Claim]:
    """Of each model, split and guarantee the share that lies within; on test it is to be no less than chance makes of 90%."""
    for row in guarantees.coverages(settings):
        if row["coverage"] is not None:
            yield _claim(row)


def _claim(row: dict[str, Any]) -> Claim:
    low, high = (100 * row[bound] if row[bound] is not None else float("nan") for bound in ("low", "high"))
    what = f"{row['model']}, {row['split']}: {row['guarantee']} of {row['objects']} in {row['groups']} groups"
    return Claim(
        f"{what}, coverage {100 * row['coverage']:.0f}% ({low:.0f} to {high:.0f}), mean size {row['size']:.2f}",
        100 * row["coverage"],
        "%",
        aim=100 * row[f"{row['over']}_low"] if row["split"] == "test" else None,
        better="higher",
    )
