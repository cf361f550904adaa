"""A trained model on disk: what it is, its weights, where it comes from. Written whole or not at all, never pickled.

A folder with ``bundle.json`` (task, settings, model entry, what the training covered, provenance, checksums) and
``weights.safetensors``. An ensemble's ``bundle.json`` lists members with weights, and holds their bundles under ``members/``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from brightfield import layout, params, tasks
from brightfield.data.coverage import Coverage
from brightfield.errors import BrightfieldError
from brightfield.tasks import Task

FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """One model, ready to answer."""

    name: str
    task_name: str
    task: Task[Any, Any]
    model: params.Model
    network: nn.Module
    provenance: Mapping[str, Any]
    coverage: Coverage | None = None  # bundles of earlier versions have none


@dataclass(frozen=True)
class Member:
    """A bundle of an ensemble, and how much its answer counts; a single model is an ensemble of one."""

    bundle: Bundle
    weight: float


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
    """Write a model's bundle into ``folder``, which exists (see :func:`brightfield.system.files.atomic_folder`)."""
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
    members: Sequence[tuple[Path, float]],
    provenance: Mapping[str, Any],
) -> None:
    """Write an ensemble's bundle, with copies of its members' bundles, into ``folder``, which exists.

    Args:
        settings: of the task as the ensemble answers it: those of its members were chosen for each of them.
    """
    entries = []
    for source, weight in members:
        member = describe(source)
        inside = Path(layout.MEMBERS) / member["name"]
        (folder / inside).mkdir(parents=True)
        for file in (layout.BUNDLE, layout.WEIGHTS):
            shutil.copyfile(source / file, folder / inside / file)
        entries.append({"name": member["name"], "weight": weight, "folder": inside.as_posix()})
    checksums = {
        f"{entry['folder']}/{layout.BUNDLE}": _sha256(folder / entry["folder"] / layout.BUNDLE) for entry in entries
    }
    first = describe(members[0][0])
    _describe(
        folder,
        {
            "name": name,
            "task": task_name,
            "kind": first["kind"],
            "settings": settings.model_dump(mode="json"),
            "members": entries,
            "provenance": dict(provenance),
            "sha256": checksums,
        },
    )


def describe(folder: Path) -> dict[str, Any]:
    """The contents of ``bundle.json``, after every file it vouches for has been checked.

    Raises:
        BrightfieldError: if the folder holds no bundle, or not the whole of it.
    """
    path = folder / layout.BUNDLE
    if not path.is_file():
        raise BrightfieldError(
            f"There is no trained model in {folder}: {layout.BUNDLE} is missing. Train it with `dvc repro`."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, checksums = content["format"], content["sha256"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrightfieldError(f"{path} is damaged ({error}); train the model again.") from error
    if version != FORMAT:
        raise BrightfieldError(f"{path} has format {version}, this version of Brightfield reads {FORMAT}.")
    for name, expected in checksums:
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            raise BrightfieldError(f"{folder / name} is missing or not what was written; train the model again.")
    return dict(content)


def read(folder: Path) -> Bundle:
    """Load one model. Raises :class:`BrightfieldError` for anything that is not a whole bundle."""
    content = describe(folder)
    source = str(folder / layout.BUNDLE)
    try:
        kind, name, task_name, provenance = (content[key] for key in ("kind", "name", "task", "provenance"))
        settings = params.parse_settings(kind, content["settings"], source)
        model = params.parse_model(content["model"], source)
        if layout.WEIGHTS not in content["sha256"]:  # what nobody vouches for is not loaded
            raise KeyError(f"sha256 of {layout.WEIGHTS}")
    except KeyError as error:
        raise BrightfieldError(f"{source} is damaged ({error} is missing); train the model again.") from error
    coverage = _coverage(content, source)
    task = tasks.build(kind, settings)
    # weights come from the bundle: nothing of what the network was initialised with is needed any more
    network = task.learning.network(model.model_copy(update={"network": model.network.without_weights()}))
    try:
        network.load_state_dict(safetensors.torch.load_file(folder / layout.WEIGHTS))
    except RuntimeError as error:
        raise BrightfieldError(
            f"{folder / layout.WEIGHTS} does not fit the model in {source}; train it again."
        ) from error
    return Bundle(name, task_name, task, model, network.eval(), provenance, coverage)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a single model alone.

    Raises:
        BrightfieldError: the folder holds no whole bundle, or an ensemble's.
    """
    if "members" in describe(folder):
        raise BrightfieldError(f"{folder} holds an ensemble, expected a single model.")
    return safetensors.torch.load_file(folder / layout.WEIGHTS)


def read_members(folder: Path) -> list[Member]:
    """The members of an ensemble, or a single model as the only member."""
    content = describe(folder)
    if "members" not in content:
        return [Member(read(folder), 1.0)]
    return [Member(read(folder / entry["folder"]), float(entry["weight"])) for entry in content["members"]]


def read_task(folder: Path) -> Task[Any, Any]:
    """The task as this model or ensemble answers it."""
    content = describe(folder)
    source = str(folder / layout.BUNDLE)
    try:
        kind, settings = content["kind"], content["settings"]
    except KeyError as error:
        raise BrightfieldError(f"{source} is damaged ({error} is missing); train the model again.") from error
    return tasks.build(kind, params.parse_settings(kind, settings, source))


def _coverage(content: Mapping[str, Any], source: str) -> Coverage | None:
    if "coverage" not in content:
        return None
    try:
        return Coverage.from_dict(content["coverage"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrightfieldError(f"{source} is damaged (coverage: {error}); train the model again.") from error


def _describe(folder: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps({"format": FORMAT, **content}, indent=2)
    (folder / layout.BUNDLE).write_text(text + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
