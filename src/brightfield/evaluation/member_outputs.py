"""What the members of an ensemble answered on a split: read where they were evaluated, answered once and kept otherwise."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.evaluation.activation_files import ActivationWriter, Stored, read_activations
from brightfield.evaluation.mixtures import Votes
from brightfield.evaluation.scoring import Split
from brightfield.experiments import registry
from brightfield.inference import bundle
from brightfield.inference.bundle import Member
from brightfield.inference.predictor import Predictor
from brightfield.system import lineage, progress
from brightfield.system.arrays import IN_MEMORY, Lazy
from brightfield.system.files import atomic_folder
from brightfield.tasks import Task

FloatArray = npt.NDArray[np.float32]
Vote = Callable[[FloatArray, Any], FloatArray]
ALL_VIEWS = 8  # flips and quarter turns
DIGITS = 16  # of a hash in the name of a folder


@dataclass(frozen=True)
class Candidate:
    """A model that may take part in an ensemble, as it was evaluated or with another number of views.

    Attributes:
        model: its entry of params.yaml.
        views: flips and quarter turns over which its answers are averaged; None: as its entry has it.
    """

    model: str
    views: int | None = None

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.model if self.views is None else f"{self.model} ({self.views} views)"


def with_views(models: Sequence[str], settings: params.Params) -> list[Candidate]:
    """Each model as it was evaluated, and once more with all views unless that has them already."""
    turned = [Candidate(name, ALL_VIEWS) for name in models if settings.models[name].test_time_augmentation < ALL_VIEWS]
    return [*map(Candidate, models), *turned]


def votes_of(
    settings: params.Params, task: Task[Any, Any], candidates: Sequence[Candidate], split: Split, data: Path
) -> Votes:
    """The outputs of candidates on a split, as those of the task; together they take bounded memory.

    Those with another number of views are answered when they are first asked for, and kept by the hashes of model and data.

    Raises:
        BrightfieldError: a model was not trained, or not evaluated on these images.
    """
    each = IN_MEMORY // len(candidates)
    own = {
        candidate.name: bundle.read_task(layout.model(settings.models[candidate.model].task, candidate.model))
        for candidate in candidates
    }
    stored = {candidate.name: _stored(settings, candidate, split, data, each) for candidate in candidates}
    votes = {name: _each(outputs, own[name].settings, task.answering.voted) for name, outputs in stored.items()}
    ballots = {name: _each(outputs, own[name].settings, task.answering.ballot) for name, outputs in stored.items()}
    return Votes(votes, ballots if task.answering.votes else None, own)


def _each(outputs: Sequence[Stored], settings: params.TaskSettings, vote: Vote) -> Sequence[Stored]:
    """A vote for each output; none is remembered: of camera images, even the last one of each member is much.

    An output that is its own vote stays in the precision in which it is stored, since so many members are combined at a time.
    """

    def voted(i: int) -> Stored:
        stored = outputs[i]
        whole = stored.astype(np.float32, copy=False)
        found = vote(whole, settings)
        return stored if found is whole else found

    return Lazy(len(outputs), voted, last=False)


def _stored(
    settings: params.Params, candidate: Candidate, split: Split, data: Path, in_memory: int
) -> Sequence[Stored]:
    model = settings.models[candidate.model]
    ids = list(split.images.index["id"])
    if candidate.views is None:
        return read_activations(layout.predictions(model.task, candidate.model), split.name, ids, in_memory)
    source = layout.model(model.task, candidate.model)
    of_model, of_data = registry.bundle_hash(source)[:DIGITS], _hash_of(data)[:DIGITS]
    top = layout.outputs(candidate.model)
    folder = top / f"{of_model}-{of_data}-{candidate.views}" / split.name
    try:
        return read_activations(folder, split.name, ids, in_memory)
    except (BrightfieldError, SafetensorError):  # not answered yet, or what was kept is damaged
        _forget_others(top, f"{of_model}-{of_data}-")
        _answer(settings, candidate, split, source, folder)
    return read_activations(folder, split.name, ids, in_memory)


def _answer(settings: params.Params, candidate: Candidate, split: Split, source: Path, folder: Path) -> None:
    """Answer the images of a split with the candidate's number of views, and keep the outputs in a folder."""
    (member,) = bundle.read_members(source)
    predictor = Predictor([Member(member.bundle, 1.0, candidate.views)], settings.compute)
    ids, half = list(split.images.index["id"]), predictor.task.answering.half_precision
    outputs = predictor.stream(split.encoded)
    shown = progress.track(outputs, f"{candidate.name} on {split.name}", len(ids), "image")
    with atomic_folder(folder) as partial, ActivationWriter(partial, split.name, ids, half=half) as writer:
        for identity, output in zip(ids, shown, strict=True):
            writer.append(identity, output)


def _hash_of(data: Path) -> str:
    """The hash of a prepared dataset; where DVC knows none, of its index."""
    known = lineage.data_hash(data)
    return known or hashlib.sha256((data / layout.INDEX).read_bytes()).hexdigest()


def _forget_others(top: Path, current: str) -> None:
    """Remove what a model answered before it was trained anew, or before the data changed."""
    for folder in top.glob("*/") if top.is_dir() else ():
        if not folder.name.startswith(current):
            shutil.rmtree(folder, ignore_errors=True)
