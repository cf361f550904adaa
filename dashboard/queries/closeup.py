"""One image for the microscope: its pixels, the truth, and the answers of models to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from brightfield.results import Result
from brightfield.results.layers import Layers
from microscope.view import Marks, Pane
from queries import answering, errors

TRUTH = "truth"


def panes(names: Sequence[str], split: str, image: str) -> list[Pane]:
    """The truth, and the answer of each model, one pane each; a single one where answers are words alone.

    Raises:
        BrightfieldError: a model or the image is not there any more.
    """
    known = errors.split_of(names[0], split)
    place = list(known.images.index["id"]).index(image)
    pixels = np.asarray(known.images[place].image)
    version = errors.version_of_data(names[0])
    identity = f"{version} {split} {image}"
    layers = {name: _layers(name, split, image) for name in names}
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
        made = f"{errors.version_of_model(name)} {name}"
        found.append(_pane(name, answer, pixels, identity, made, _marks(answer), _marks(truth)))
    return found


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


def _layers(name: str, split: str, image: str) -> tuple[Layers, Layers]:
    answer, truth = _both(name, split, image, errors.version_of_data(name), errors.version_of_model(name))
    return errors.task_of(name).scoring.layers(answer, truth)


@st.cache_data(max_entries=60, show_spinner="Asking the model")
def _both(name: str, split: str, image: str, data: int, model: int) -> tuple[Result, Result]:
    """The answer and the truth; versions are those of the prepared dataset and of the model."""
    predictor = answering.predictor(errors.entry_of(name).task, name)
    known = errors.split_of(name, split)
    place = list(known.images.index["id"]).index(image)
    (answer,) = predictor.predict([known.images[place].image])
    return answer, known.truth[place]
