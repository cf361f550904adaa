"""How many more trials two workers finish than one in the same time, each with one thread, and what it costs to begin."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from claims import Claim, TextRow
from ruamel.yaml import YAML

import tunable
from brightfield import params
from brightfield.tuning import studies

TRIALS = 24  # enough that the beginning and the last trial, when one worker has nothing to do, count little
EPOCHS = 40
PAIRS = 3
AIM = 1.7
UNSET = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BRIGHTFIELD_STUDIES", "MLFLOW_TRACKING_URI"}


@dataclass(frozen=True)
class Timed:
    """A study from nothing.

    Attributes:
        rate: trainings a second, from the beginning of the first trial to the end of the last. A trial that takes over what an
            equal one found costs nothing, and is none.
        trial_s: of one training, the median.
        begin_s: until the first trial begins.
    """

    rate: float
    trial_s: float
    begin_s: float


def rows() -> Iterator[Claim | TextRow]:
    """One worker and two, in turns."""
    both = [(_study(1), _study(2)) for _ in range(PAIRS)]
    ratio = float(np.median([two.rate / one.rate for one, two in both]))
    one, two = (both[0][0].trial_s, both[0][1].trial_s)
    yield Claim(
        "trainings in the same time, two workers over one, a thread each",
        ratio,
        "times",
        aim=AIM,
        better="higher",
        against="one worker",
        peer_value=1.0,
        shown=f"{ratio:.2f} times ({one:.1f} s a trial alone, {two:.1f} s beside another)",
    )
    begins = [float(np.median([pair[number].begin_s for pair in both])) for number in (0, 1)]
    yield "seconds until the first trial begins, one worker and two", " and ".join(f"{each:.1f}" for each in begins), ""


def _study(workers: int) -> Timed:
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        tunable.write_project(EPOCHS)
        _set_threads(workers)
        begun = time.time()
        environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        subprocess.run(tunable.command(TRIALS, workers), check=True, capture_output=True, env=environment)
        trials = tunable.study().trials
    assert len(trials) == TRIALS
    trained = [trial for trial in trials if studies.SAME_AS not in trial.user_attrs]
    starts = [trial.datetime_start.timestamp() for trial in trials if trial.datetime_start]
    ends = [trial.datetime_complete.timestamp() for trial in trials if trial.datetime_complete]
    durations = [trial.duration.total_seconds() for trial in trained if trial.duration]
    return Timed(len(trained) / (max(ends) - min(starts)), float(np.median(durations)), min(starts) - begun)


def _set_threads(workers: int) -> None:
    """As many threads as workers, of which each has its share: one. No process beside it prepares batches, on no core."""
    yaml, path = YAML(), Path(params.PARAMS)
    content = yaml.load(path.read_text(encoding="utf-8"))
    content["compute"]["threads"], content["compute"]["workers"] = workers, 0
    yaml.dump(content, path)
