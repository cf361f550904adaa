"""Images on which models were scored, with their truth and the answers that were scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from brightfield import layout, params
from brightfield.data.records import Record, same_truth
from brightfield.errors import BrightfieldError
from brightfield.evaluation.activation_files import read_activation
from brightfield.evaluation.scoring import Split
from brightfield.results import Result
from queries import answering, project

if TYPE_CHECKING:
    from brightfield.tasks import Task
    from brightfield.tasks.correcting import Step


def answer(name: str, split: str, image: str) -> tuple[Result, Result]:
    """The answer of a model or an ensemble to an image, and the truth.

    It is the one that was scored, as far as the stage ``evaluate`` left it here; else the model is asked again.

    Raises:
        BrightfieldError: the image is not there any more, and neither are the answer and the model.
    """
    found, known = _answer(name, split, image, versions(name, split)), split_of(name, split)
    return found, known.truth[place_of(known, image)]


@st.cache_data(max_entries=6, show_spinner="Looking for the answer")  # of a camera image 20 MB each
def _answer(name: str, split: str, image: str, changed: tuple[int, ...]) -> Result:
    known = split_of(name, split)
    place = place_of(known, image)
    try:
        activated = read_activation(layout.predictions(entry_of(name).task, name), split, image)
    except BrightfieldError:
        (found,) = answering.predictor(entry_of(name).task, name).predict([known.images[place].image])
        return found
    decoded: Result = task_of(name).answering.decode(activated, known.encoded[place])
    return decoded


def corrected(name: str, split: str, image: str, steps: Sequence[Step]) -> Result:
    """The truth of an image, corrected.

    Raises:
        BrightfieldError: the image is not there any more, or a step finds nothing to correct.
    """
    found: Result = task_of(name).learning.truth(_corrected(name, split, image, steps)[1])
    return found


def is_changed(name: str, split: str, image: str, steps: Sequence[Step]) -> bool:
    """Whether the truth of an image, corrected, is another one.

    Raises:
        BrightfieldError: as :func:`corrected`.
    """
    return not same_truth(*_corrected(name, split, image, steps))


def _corrected(name: str, split: str, image: str, steps: Sequence[Step]) -> tuple[Record, Record]:
    task, known = task_of(name), split_of(name, split)
    record = known.images[place_of(known, image)]
    if task.correcting is None:
        raise BrightfieldError(f"The truth of {entry_of(name).task} cannot be corrected.")
    return record, task.correcting.apply(record, steps)


def place_of(known: Split, image: str) -> int:
    """The place of an image in a part of a dataset.

    Raises:
        BrightfieldError: it is not there.
    """
    names = list(known.images.index["id"])
    if image not in names:
        raise BrightfieldError(
            f"The image {image} is not in {known.name} any more: scores are of an earlier dataset. Run `dvc repro`."
        )
    return names.index(image)


def split_of(name: str, split: str) -> Split:
    """The images of a part of a model's dataset, with their truth."""
    return _loaded(name, split, str(layout.prepared(entry_of(name).dataset).absolute()), version_of_data(name))


@st.cache_resource(max_entries=4, show_spinner="Reading images")
def _loaded(name: str, split: str, folder: str, changed: int) -> Split:
    return Split.load(task_of(name), Path(folder), split)


def versions(name: str, split: str) -> tuple[int, ...]:
    """When the dataset, the model and its answers to a part were made: while these stay, so do answers."""
    outputs = layout.predictions(entry_of(name).task, name) / f"{split}.safetensors"
    return version_of_data(name), version_of_model(name), _changed(outputs)


def version_of_scores(name: str) -> int:
    """When the answers of a model were scored, in ns; 0 where they were not."""
    return _changed(scores_file(name))


def version_of_data(name: str) -> int:
    """When the dataset of a model was prepared, in ns; 0 where it is not here."""
    return _changed(layout.prepared(entry_of(name).dataset) / layout.INDEX)


def version_of_model(name: str) -> int:
    """When a model or an ensemble was trained, in ns; 0 where it is not here."""
    role = project.models().set_index("name").loc[name, "role"]
    return _changed(project.folder(entry_of(name).task, name, str(role)) / layout.BUNDLE)


def scores_file(name: str) -> Path:
    """The table of what each image scores."""
    return project.report(name) / layout.IMAGE_SCORES


def entry_of(name: str) -> params.Model | params.Ensemble:
    """What params.yaml says of a model or an ensemble."""
    settings = project.settings()
    return settings.models.get(name) or settings.ensembles[name]


def task_of(name: str) -> Task[Any, Any]:
    """The task, as the model answers it."""
    from brightfield import tasks

    entry = entry_of(name)
    return tasks.build(entry.kind, project.settings().settings_of(entry))


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
