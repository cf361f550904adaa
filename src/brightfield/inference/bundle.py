"""Bundles: trained models on disk with description, weights and provenance, written completely or not at all, never pickled.

A bundle is a folder with ``bundle.json`` (task, settings, model entry, coverage of the training data, provenance, checksums) and
``weights.safetensors``. An ensemble's ``bundle.json`` lists members with weights; their bundles lie under ``members/``.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import safetensors.torch
from torch import Tensor, nn

from brightfield import layout, params, tasks
from brightfield.data.coverage import Coverage
from brightfield.errors import BrightfieldError
from brightfield.tasks import Task
from brightfield.tasks.answering import Way

FORMAT = 1
VIEWS = (None, 1, 8)  # numbers of flips and quarter turns that a member may have; None: as its entry has it


@dataclass(frozen=True)
class Bundle:
    """One model, ready for inference."""

    name: str
    task_name: str
    task: Task[Any, Any]
    model: params.Model
    network: nn.Module
    provenance: Mapping[str, Any]
    coverage: Coverage | None = None  # None in bundles of earlier versions


@dataclass(frozen=True)
class Member:
    """A member of an ensemble. A single model is an ensemble of one.

    Attributes:
        bundle: the model.
        weight: of its answers.
        views: number of flips and quarter turns over which its answers are averaged; None: as its entry has it.
    """

    bundle: Bundle
    weight: float
    views: int | None = None


@dataclass(frozen=True)
class Source:
    """A member of an ensemble that is to be written: the folder of its bundle, and the rest as of a :class:`Member`."""

    folder: Path
    weight: float
    views: int | None = None


def write(
    folder: Path,
    name: str,
    task_name: str,
    settings: params.TaskSettings,
    model: params.Model,
    network: nn.Module,
    provenance: Mapping[str, Any],
    coverage: Coverage | None = None,
) -> None:
    """Write a model's bundle into the existing ``folder`` (see :func:`brightfield.system.files.atomic_folder`)."""
    weights = {key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()}
    (folder / layout.WEIGHTS).write_bytes(safetensors.torch.save(weights))
    _describe(
        folder,
        {
            "name": name,
            "task": task_name,
            "kind": model.kind,
            "settings": settings.model_dump(mode="json"),
            "model": model.model_dump(mode="json"),
            **({"coverage": coverage.as_dict()} if coverage else {}),
            "provenance": dict(provenance),
            "sha256": {layout.WEIGHTS: _sha256(folder / layout.WEIGHTS)},
        },
    )


def write_ensemble(
    folder: Path,
    name: str,
    task_name: str,
    settings: params.TaskSettings,
    members: Sequence[Source],
    provenance: Mapping[str, Any],
    way: Way = "mean",
) -> None:
    """Write an ensemble's bundle, with copies of its members' bundles, into the existing ``folder``.

    Args:
        settings: the task's settings calibrated for the ensemble; each member has settings calibrated for itself.
        members: a model that takes part with several numbers of views is copied once.
        way: how their outputs become one.
    """
    entries = []
    for source in members:
        member = describe(source.folder)
        inside = Path(layout.MEMBERS) / member["name"]
        if not (folder / inside).is_dir():
            (folder / inside).mkdir(parents=True)
            for file in (layout.BUNDLE, layout.WEIGHTS):
                shutil.copyfile(source.folder / file, folder / inside / file)
        views = {} if source.views is None else {"views": source.views}
        entries.append({"name": member["name"], "weight": source.weight, "folder": inside.as_posix(), **views})
    checksums = {
        f"{entry['folder']}/{layout.BUNDLE}": _sha256(folder / entry["folder"] / layout.BUNDLE) for entry in entries
    }
    first = describe(members[0].folder)
    _describe(
        folder,
        {
            "name": name,
            "task": task_name,
            "kind": first["kind"],
            "settings": settings.model_dump(mode="json"),
            "members": entries,
            **({} if way == "mean" else {"way": way}),
            "provenance": dict(provenance),
            "sha256": checksums,
        },
    )


def describe(folder: Path) -> dict[str, Any]:
    """Read ``bundle.json``, and check every file that it lists against its checksum.

    Raises:
        BrightfieldError: the folder contains no bundle, or an incomplete one.
    """
    path = folder / layout.BUNDLE
    if not path.is_file():
        raise BrightfieldError(
            f"There is no trained model in {folder}: {layout.BUNDLE} is missing. Train a model with `dvc repro`."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, checksums = content["format"], content["sha256"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrightfieldError(f"{path} is damaged ({error}). Train the model again.") from error
    if version != FORMAT:
        raise BrightfieldError(
            f"{path} has format {version}: expected {FORMAT}. Train the model again, or use its version of Brightfield."
        )
    for name, expected in checksums:
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            raise BrightfieldError(f"{folder / name} is missing or was changed. Train the model again.")
    return dict(content)


def read(folder: Path) -> Bundle:
    """Load one model. Raises :class:`BrightfieldError` for a missing, incomplete or damaged bundle."""
    content = describe(folder)
    source = str(folder / layout.BUNDLE)
    try:
        kind, name, task_name, provenance = (content[key] for key in ("kind", "name", "task", "provenance"))
        settings = params.parse_settings(kind, content["settings"], source)
        model = params.parse_model(content["model"], source)
        if layout.WEIGHTS not in content["sha256"]:  # weights without a checksum are not loaded
            raise KeyError(f"sha256 of {layout.WEIGHTS}")
    except KeyError as error:
        raise BrightfieldError(f"{source} is damaged ({error} is missing). Train the model again.") from error
    coverage = _coverage(content, source)
    task = tasks.build(kind, settings)
    # the bundle contains all weights, so those for initialisation are not loaded
    network = task.learning.network(model.model_copy(update={"network": model.network.without_weights()}))
    try:
        network.load_state_dict(safetensors.torch.load_file(folder / layout.WEIGHTS))
    except RuntimeError as error:
        raise BrightfieldError(
            f"{folder / layout.WEIGHTS} does not fit the model in {source}. Train the model again."
        ) from error
    return Bundle(name, task_name, task, model, network.eval(), provenance, coverage)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read the weights of a single model without building its network.

    Raises:
        BrightfieldError: the folder contains no complete bundle, or an ensemble's.
    """
    if "members" in describe(folder):
        raise BrightfieldError(f"{folder} contains an ensemble: expected a single model.")
    return safetensors.torch.load_file(folder / layout.WEIGHTS)


def read_members(folder: Path) -> list[Member]:
    """Load the members of an ensemble, or a single model as the only member.

    Raises:
        BrightfieldError: a bundle is missing or damaged, or a member does not vote with the ensemble.
    """
    content = describe(folder)
    if "members" not in content:
        return [Member(read(folder), 1.0)]
    source, known, members = folder / layout.BUNDLE, dict[str, Bundle](), []
    try:
        for entry in content["members"]:
            inside, weight, views = entry["folder"], float(entry["weight"]), entry.get("views")
            if f"{inside}/{layout.BUNDLE}" not in content["sha256"]:  # what has no checksum is not loaded
                raise ValueError(f"{inside!r} has no checksum")
            if not (math.isfinite(weight) and weight >= 0 and views in VIEWS):
                raise ValueError(f"weight {weight}, views {views}")
            if inside not in known:
                known[inside] = read(folder / inside)
            members.append(Member(known[inside], weight, views))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BrightfieldError(f"{source} is damaged (members: {error}). Make the ensemble again.") from error
    asked = type(read_task(folder))
    if strangers := [one.name for one in known.values() if type(one.task) is not asked]:
        raise BrightfieldError(
            f"{source} has a member of another kind of task, {strangers[0]!r}. Make the ensemble again."
        )
    return members


def read_way(folder: Path) -> Way:
    """How the outputs of an ensemble's members become one; of a single model there is nothing to be done.

    Raises:
        BrightfieldError: it is done in a way that this version does not know.
    """
    way = describe(folder).get("way", "mean")
    if way not in get_args(Way):
        raise BrightfieldError(
            f"{folder / layout.BUNDLE} combines its members by {way!r}: expected one of {', '.join(get_args(Way))}."
        )
    known: Way = way
    if known == "vote" and not read_task(folder).answering.votes:
        raise BrightfieldError(f"{folder / layout.BUNDLE} counts votes, and answers of its task are not classes.")
    return known


def read_task(folder: Path) -> Task[Any, Any]:
    """Build the task with the settings of this model or ensemble."""
    content = describe(folder)
    source = str(folder / layout.BUNDLE)
    try:
        kind, settings = content["kind"], content["settings"]
    except KeyError as error:
        raise BrightfieldError(f"{source} is damaged ({error} is missing). Train the model again.") from error
    return tasks.build(kind, params.parse_settings(kind, settings, source))


def _coverage(content: Mapping[str, Any], source: str) -> Coverage | None:
    if "coverage" not in content:
        return None
    try:
        return Coverage.from_dict(content["coverage"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrightfieldError(f"{source} is damaged (coverage: {error}). Train the model again.") from error


def _describe(folder: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps({"format": FORMAT, **content}, indent=2)
    (folder / layout.BUNDLE).write_text(text + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
