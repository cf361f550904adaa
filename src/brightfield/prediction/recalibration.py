"""``brightfield predict TASK ... --recalibrate LABELLED``: recalibrate probabilities on a few labelled images of a new acquisition.

Another stain, lamp or camera hardly changes the order of a model's probabilities but shifts all of them, so that they are
overconfident and the threshold selects too many or too few images. A new temperature and bias correct this; nothing is trained. The
share of positive images cannot be estimated from images that were collected by class: that of the validation split is assumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brightfield import images, tasks
from brightfield.errors import BrightfieldError
from brightfield.inference.predictor import Predictor
from brightfield.prediction.pixel_sizes import PixelSizes
from brightfield.results import Label
from brightfield.tasks import Task

FEWEST = 5  # smallest number of images of each class


def recalibrated(predictor: Predictor, labelled: Path, sizes: PixelSizes | None = None) -> tuple[Predictor, str]:
    """The model recalibrated for another acquisition, and a line about the change.

    Args:
        predictor: a model of a task whose answering is ``recalibratable``.
        labelled: a folder with a folder of images for each class.
        sizes: decide the magnification of each; None: by the pixel size in its file.

    Raises:
        BrightfieldError: a task without probabilities of classes, a missing folder, or too few images in it.
    """
    task = predictor.task
    if not task.answering.recalibratable:
        able = tasks.kinds_that(lambda kind: kind.answering_class.recalibratable)
        raise BrightfieldError(
            f"Task {predictor.task_name!r} has no probabilities of classes to recalibrate: expected a task of kind {able}. "
            "Leave out --recalibrate."
        )
    sizes = sizes or PixelSizes.of_task(task, predictor.task_name)
    pixels, truth = _read(labelled, task, sizes)
    known, calibrated = (
        task.settings,
        task.answering.adapted(predictor.activations([task.learning.encode(image) for image in pixels]), truth),
    )
    adapted = Predictor(predictor.members, predictor.compute, type(task)(calibrated), predictor.way)
    summary = (
        f"Recalibrated on {len(pixels)} images of {labelled}: temperature {known.temperature or 1:.2f} -> "
        f"{calibrated.temperature:.2f}, bias {known.bias or 0:+.2f} -> {calibrated.bias:+.2f}."
    )
    return adapted, summary


def _read(folder: Path, task: Task[Any, Any], sizes: PixelSizes) -> tuple[list[images.Image], list[Label]]:
    """The labelled images as the model sees them, and their labels."""
    classes = task.class_names
    if missing := [name for name in classes if not (folder / name).is_dir()]:
        raise BrightfieldError(
            f"{folder} has no folder {missing[0]}: expected one for each class, {' and '.join(classes)}, with labelled images "
            "of the new acquisition."
        )
    pixels: list[images.Image] = []
    truth: list[Label] = []
    for value, name in enumerate(classes):
        found = [sizes.seen(task, frame) for frame in images.frames_of(images.files([folder / name]))]
        if len(found) < FEWEST:
            raise BrightfieldError(
                f"{folder / name} contains {len(found)} images: expected at least {FEWEST} (about 15 are better)."
            )
        pixels += found
        truth += [Label(float(value))] * len(found)
    return pixels, truth
