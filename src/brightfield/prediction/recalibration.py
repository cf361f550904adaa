"""``brightfield predict TASK ... --recalibrate LABELLED``: probabilities for a new acquisition, from a few labelled images of it.

Another stain, lamp or camera leaves the order of a model's probabilities nearly as it was and shifts them all, so that they are too
sure and the threshold keeps too many or too few. A temperature and a bias of their own mend that; nothing is trained. What share of
images is positive cannot be learnt from images that somebody collected by class: it is held to be that of the validation split.
"""

from __future__ import annotations

from pathlib import Path

from brightfield import images, tasks
from brightfield.errors import BrightfieldError
from brightfield.inference.predictor import Predictor
from brightfield.results import Label

FEWEST = 5  # images of each class


def recalibrated(predictor: Predictor, labelled: Path) -> tuple[Predictor, str]:
    """The same model with probabilities for another acquisition, and a line that says how far they moved.

    Args:
        predictor: of a task whose answering is ``recalibratable``.
        labelled: a folder with a folder of images for each class.

    Raises:
        BrightfieldError: a task without probabilities of classes, a folder that is not there, or too few images in it.
    """
    task = predictor.task
    if not task.answering.recalibratable:
        able = tasks.kinds_that(lambda kind: kind.answering_class.recalibratable)
        raise BrightfieldError(
            f"Task {predictor.task_name!r} answers no probabilities of classes, so there is nothing to recalibrate. "
            f"Tasks of kind {able} can be: leave --recalibrate out."
        )
    pixels, truth = _read(labelled, task.class_names)
    known, calibrated = (
        task.settings,
        task.answering.adapted(predictor.activations([task.learning.encode(image) for image in pixels]), truth),
    )
    adapted = Predictor(predictor.members, predictor.compute, type(task)(calibrated))
    told = (
        f"Recalibrated on {len(pixels)} images of {labelled}: temperature {known.temperature or 1:.2f} -> "
        f"{calibrated.temperature:.2f}, bias {known.bias or 0:+.2f} -> {calibrated.bias:+.2f}."
    )
    return adapted, told


def _read(folder: Path, classes: list[str]) -> tuple[list[images.Image], list[Label]]:
    if missing := [name for name in classes if not (folder / name).is_dir()]:
        raise BrightfieldError(
            f"{folder} has no folder {missing[0]}, expected one for each class, {' and '.join(classes)}, with labelled images "
            "of the new acquisition."
        )
    pixels: list[images.Image] = []
    truth: list[Label] = []
    for value, name in enumerate(classes):
        found = [image for _, image in images.frames([folder / name])]
        if len(found) < FEWEST:
            raise BrightfieldError(
                f"{folder / name} holds {len(found)} images, expected at least {FEWEST} (about 15 are better)."
            )
        pixels += found
        truth += [Label(float(value))] * len(found)
    return pixels, truth
