"""What answers cost: time and size of models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brightfield import images, params
from brightfield.inference.predictor import Predictor
from brightfield.tasks.examples import Records

TIMED_IMAGES = 3
MEGABYTE = 1e6


def measured(folders: Mapping[str, Path], test: Records, compute: params.Compute) -> list[dict[str, Any]]:
    """Median time for an image and size of each model, as rows ``name``, ``milliseconds`` and ``megabytes``.

    Args:
        folders: their bundles.
        test: images that they answer.
        compute: device and threads.
    """
    predictors = [Predictor.load(folder, compute) for folder in folders.values()]
    times = milliseconds(predictors, test, TIMED_IMAGES)
    return [
        {"name": name, "milliseconds": taken, "megabytes": megabytes(folder)}
        for (name, folder), taken in zip(folders.items(), times, strict=True)
    ]


def milliseconds(predictors: list[Predictor], test: Records, count: int) -> list[float]:
    """The median time for an image, of models that answer in turn, so that a busy machine is so for all."""
    taken: list[list[float]] = [[] for _ in predictors]
    for i in np.linspace(0, len(test) - 1, min(count, len(test)) + 1).astype(int):
        for predictor, own in zip(predictors, taken, strict=True):
            own.append(_timed(predictor, predictor.task.learning.judged_pixels(test[int(i)])))
    return [float(np.median(own[1:])) for own in taken]  # the first has to warm up


def megabytes(folder: Path) -> float:
    """Of all weights and descriptions of a bundle, those of its members too."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.suffix in (".json", ".safetensors")) / MEGABYTE


def _timed(predictor: Predictor, image: images.Image) -> float:
    begun = time.perf_counter()
    predictor.predict([image])
    return 1000 * (time.perf_counter() - begun)
