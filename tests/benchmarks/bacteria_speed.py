"""How long a crowded field of 2048 x 2048 px takes from image to class map and cells, and how much memory.

The network is the default one of ``params.yaml``, trained for a minute: its answer must have cells, or there would be nothing to
separate. Times are the best of several, in a process of its own, whose largest memory is reported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from claims import Claim, TextRow

from brightfield import params, tasks, training
from brightfield.inference import activations, bundle
from brightfield.inference.predictor import Predictor
from brightfield.params import BacteriaSimulation
from brightfield.results import ClassMap
from brightfield.simulate import simulate

REPOSITORY = Path(__file__).resolve().parents[2]
MODEL = "bacteria-unet"
SIZE_PX = 2048
REPEATS = 4
WHOLE_S, NETWORK_S, MEMORY_GB = 3.0, 1.5, 2.0
COMPUTE = params.Compute(threads=2)
Row = Claim | TextRow


def rows() -> Iterator[Row]:
    """Seconds for the whole and for its parts, and the largest memory."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cells = _prepare(folder)
        done = subprocess.run([sys.executable, __file__, place], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
    yield (
        f"{SIZE_PX} x {SIZE_PX} px, two threads: cells in the image, and found",
        f"{cells}, {found['cells']:.0f}",
        "",
    )
    yield Claim(f"{SIZE_PX} x {SIZE_PX} px, image to class map and cells", found["whole"], "s", aim=WHOLE_S)
    yield Claim("of that the network", found["network"], "s", aim=NETWORK_S)
    yield ("of that classes and cells from probabilities", f"{found['decode']:.2f} s", "")
    yield Claim("largest memory of the process", found["memory_gb"], "GB", aim=MEMORY_GB)


def _prepare(folder: Path) -> int:
    """A bundle and an image in the folder; how many cells the image has."""
    own = params.load(REPOSITORY / "params.yaml")
    model = own.models[MODEL]
    task = tasks.build(model.kind, own.settings_of(model))
    few: Any = list(simulate(BacteriaSimulation(simulator="bacteria", images=12, size_px=320, seed=7)))
    fitted = training.fit(task, model, few[:9], few[9:], COMPUTE)
    bundle.write(folder, MODEL, model.task, fitted.settings, model, fitted.network, {})
    large = next(iter(simulate(BacteriaSimulation(simulator="bacteria", images=3, size_px=SIZE_PX, seed=8))))
    np.save(folder / "image.npy", large.image)
    return int(large.fields["labels"].max())


def measure(folder: Path) -> dict[str, float]:
    """In a fresh process: seconds and gigabytes."""
    import resource

    predictor = Predictor.load(folder, COMPUTE)
    image = np.load(folder / "image.npy")
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        encoded = predictor.task.learning.encode(image)
        known = time.perf_counter()
        network = predictor.members[0].bundle.network
        activated = activations.activations(predictor.task, network, [encoded], predictor.device)[0]
        answered = time.perf_counter()
        answer = predictor.task.answering.decode(activated, encoded)
        times.append((time.perf_counter() - begun, answered - known, time.perf_counter() - answered))
    assert isinstance(answer, ClassMap)
    whole, network_s, decode = np.min(times, axis=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {
        "whole": whole,
        "network": network_s,
        "decode": decode,
        "memory_gb": peak,
        "cells": float(answer.instances.max()),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
