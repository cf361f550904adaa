"""Crops that are answered as a test wants them to be, to be sorted (with the fixture ``brightness_is_the_answer``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tiny
from brightfield import images, layout, params, tasks
from brightfield.data.coverage import Coverage
from brightfield.inference import bundle
from brightfield.prediction import sorting
from brightfield.prediction.sorting import Sorted
from brightfield.system.files import atomic_folder

OUT = Path("out")
THRESHOLD = 0.2
PROBABILITIES = {  # of good, by the name of the crop
    "001_5_6": 0.98,  # good for sure
    "001_7_8": 0.05,  # bad for sure
    "002_1_1": 0.6,
    "002_9_9": 0.22,  # just above the threshold: called good, and probably is not
    "003_4_4": 0.17,  # just below: called bad, and probably is
}


def put(path: Path, probability: float, pattern: int = 0) -> None:
    """A crop of 32x32 RGB that is answered so; another pattern gives other pixels."""
    crop = np.full((32, 32, 3), probability * 255)
    sign = np.where(np.random.default_rng(pattern).permutation(32) < 16, 1.0, -1.0)
    crop += (sign * min(20.0, 255 * min(probability, 1 - probability)))[:, None, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write_png(path, crop.round().astype(np.uint8))


def trained(covered: Coverage | None = None, classes: Sequence[str] = ("bad", "good"), name: str = "mine") -> None:
    """A bundle of an untrained network where a model of rbc would lie."""
    chosen = {"size_px": 32, "threshold": THRESHOLD, "temperature": 1.0, "classes": list(classes)}
    settings = params.load().tasks["rbc"].settings.model_copy(update=chosen)
    model = tiny.model("classification").model_copy(update={"task": "rbc"})
    network = tasks.build("classification", settings).learning.network(model)
    with atomic_folder(layout.model("rbc", name)) as folder:
        bundle.write(folder, name, "rbc", settings, model, network, {}, covered)


def write_crops(project: Path) -> Path:
    """``crops/`` in a project with a model."""
    for name, probability in PROBABILITIES.items():
        put(project / "crops" / f"{name}.png", probability)
    trained()
    return Path("crops")


def sort(*paths: Path, **options: Any) -> Sorted:
    return sorting.sort("rbc", paths, options.pop("out", OUT), reference="mine", **options)


def found(folder: Path = OUT) -> dict[str, list[str]]:
    """Names by folder."""
    return {each.name: sorted(path.name for path in each.iterdir()) for each in folder.iterdir() if each.is_dir()}
