"""One image for the microscope: its pixels, the truth, and the answers of models to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brightfield import layout
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.results.layers import Layers
from microscope.view import Marks, Pane
from queries import evaluated, project

if TYPE_CHECKING:
    from brightfield.tasks.correcting import Step

TRUTH = "truth"


def panes(names: Sequence[str], split: str, image: str, steps: Sequence[Step] = ()) -> list[Pane]:
    """The truth, and the answer of each model, one pane each; a single one where answers are words alone.

    Args:
        names: of the models.
        split, image: which image.
        steps: with which its truth is corrected first.

    Raises:
        BrightfieldError: a model or the image is not there any more, or a step finds nothing to correct.
    """
    known = evaluated.split_of(names[0], split)
    pixels = np.asarray(known.images[evaluated.place_of(known, image)].image)
    version = evaluated.version_of_data(names[0])
    identity = f"{version} {split} {image}"
    layers = {name: _layers(name, split, image, steps) for name in names}
    of_truth = layers[names[0]][1]
    if _is_of_words(of_truth):
        words = "; ".join(
            [f"{TRUTH}: {of_truth.words}", *(f"{name}: {each[0].words}" for name, each in layers.items())]
        )
        return [Pane(image, identity, pixels, words)]
    found = [_pane(TRUTH, of_truth, pixels, identity, f"{version} {TRUTH}", rings=_marks(of_truth))]
    if of_truth.picture is not None:  # the image itself is not what truth and answers are
        found.insert(0, Pane("image", identity, pixels))
    for name, (answer, truth) in layers.items():
        made = f"{evaluated.versions(name, split)} {name}"
        found.append(_pane(name, answer, pixels, identity, made, _marks(answer), _marks(truth)))
    return found


def of_data(name: str, split: str, image: str) -> list[Pane]:
    """An image of a dataset, and its truth.

    Raises:
        BrightfieldError: the image is not there any more.
    """
    from brightfield import tasks

    settings = project.settings()
    entry = settings.datasets[name]
    task = tasks.build(entry.kind, settings.tasks[entry.task].settings)
    records = ImageSet.prepared(layout.prepared(name), split)
    names = list(records.index["id"])
    if image not in names:
        raise BrightfieldError(f"The image {image} is not in {name} any more. Reload the page.")
    record = records[names.index(image)]
    identity = f"{(layout.prepared(name) / layout.INDEX).stat().st_mtime_ns} {name} {split} {image}"
    try:
        truth = task.learning.truth(record)
    except BrightfieldError:  # nobody has labelled it
        return [Pane(image, identity, record.image)]
    layers = task.scoring.layers(truth, truth)[1]
    if _is_of_words(layers):
        return [Pane(image, identity, record.image, f"{TRUTH}: {layers.words}")]
    pane = _pane(TRUTH, layers, record.image, identity, TRUTH, rings=_marks(layers))
    return [pane] if layers.picture is None else [Pane(image, identity, record.image), pane]


def _pane(
    title: str,
    layers: Layers,
    pixels: np.ndarray,
    identity: str,
    version: str,
    crosses: Marks | None = None,
    rings: Marks | None = None,
) -> Pane:
    return Pane(
        title,
        identity if layers.picture is None else f"{identity} by {version}",
        pixels if layers.picture is None else layers.picture,
        layers.words,
        layers.instances,
        () if layers.instances is None else layers.verdicts,
        crosses or Marks(),
        rings or Marks(),
        layers.residuals,
    )


def _marks(layers: Layers) -> Marks:
    return Marks() if layers.points is None else Marks(layers.points, layers.verdicts)


def _is_of_words(layers: Layers) -> bool:
    return layers.picture is None and layers.instances is None and layers.points is None


def _layers(name: str, split: str, image: str, steps: Sequence[Step]) -> tuple[Layers, Layers]:
    answer, truth = evaluated.answer(name, split, image)
    if steps:
        truth = evaluated.corrected(name, split, image, steps)
    return evaluated.task_of(name).scoring.layers(answer, truth)
