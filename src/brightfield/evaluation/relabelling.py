"""Corrections of a dataset's truth: each saving is a new version of the dataset, and nothing is ever written over.

A lab's own dataset gets a new version (:mod:`brightfield.data.versions`). The images of a simulation are made by the pipeline,
which would undo a correction: theirs go into a dataset of its own beside it, ``NAME-corrected``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pydantic

from brightfield import layout, params, tasks
from brightfield.data import store, versions
from brightfield.data.records import FIRST_LABEL, Record, same_truth
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import editing
from brightfield.system import environment, files, progress
from brightfield.system.csv_files import read_csv
from brightfield.tasks.correcting import Correcting, Step

CORRECTED = "corrected"  # end of the name of the dataset beside a simulated one, and its origin
Corrections = Mapping[str, Sequence[Step]]
LARGEST_BYTES = 50_000_000  # of a file with corrections
SHOWN = 5  # problems in a message


@dataclass(frozen=True)
class Saved:
    """What was saved.

    Attributes:
        dataset: the one that has the corrections.
        version: of it.
        is_new: whether it was made for them, beside a simulated one.
    """

    dataset: str
    version: versions.Version
    is_new: bool

    def __str__(self) -> str:
        images = len(self.version.corrections)
        said = f"{images} image{'' if images == 1 else 's'} corrected: version {self.version.number} of {self.dataset}."
        if self.is_new:
            return f"{said} `brightfield use {self.dataset}` lets models learn from it, `dvc repro` trains them."
        return f"{said} `dvc repro` trains what learns from it again."


def target(name: str) -> str:
    """The dataset that gets the corrections of a dataset: itself, or of a simulated one the one beside it."""
    return f"{name}-{CORRECTED}" if name in params.load().simulations else name


def read_file(path: Path, name: str) -> Corrections:
    """Corrections from a file.

    Args:
        path: JSON, ``{"image": [{"action": "drop", "at": [12.5, 40]}, ...], ...}``; or, where an image has one class, a CSV file
            with columns id and label (the name of the class).
        name: of the dataset.

    Raises:
        BrightfieldError: the file is neither, or too large.
    """
    if not path.is_file():
        raise BrightfieldError(f"There is no file {path}, expected JSON or CSV with corrections.")
    if path.stat().st_size > LARGEST_BYTES:
        raise BrightfieldError(
            f"{path} has {path.stat().st_size / 1e6:.0f} MB, expected {LARGEST_BYTES / 1e6:.0f} at most."
        )
    if path.suffix.lower() != ".csv":
        content = files.read_json(path, "Expected an object: a list of corrections for each image.")
        return {
            str(image): [_step(step, f"{path}, image {image}") for step in _list(steps, path, image)]
            for image, steps in content.items()
        }
    _, how = _correcting(name)
    tools = [tool for tool in how.tools() if tool.by == "image"]
    if not tools:
        raise BrightfieldError(
            f"A table corrects classes of images, and those of {name!r} have none. Write JSON; see --help."
        )
    table = read_csv(path, ["id", "label"], text=["id", "label"])
    return {image: [tools[0].step(to=label)] for image, label in zip(table["id"], table["label"], strict=True)}


def as_json(corrections: Corrections) -> str:
    """Corrections in the form that :func:`read_file` takes."""
    return json.dumps({image: [_plain(step) for step in steps] for image, steps in corrections.items()}, indent=1)


def save(name: str, corrections: Corrections, *, who: str = "", why: str = "") -> Saved:
    """Make a new version of a dataset, with its truth corrected; where anything fails, nothing has changed.

    Args:
        name: an entry of ``datasets``.
        corrections: of each image the steps, in order; those that change nothing are left out.
        who: by default the user of this machine.
        why: a sentence for the list of versions.

    Raises:
        BrightfieldError: an image is not in the dataset, a step is none of its task or finds nothing to change, nothing would
            change, the disk is full, or DVC refused.
    """
    entry, how = _correcting(name)
    to = target(name)
    is_new = to not in params.load().datasets
    raw = ImageSet.raw(layout.raw(name if is_new else to))
    wanted = _effective(raw, corrections, how, name)
    about = layout.raw(name if is_new else to) / layout.ABOUT
    known = files.read_json(about, "") if about.is_file() else {}
    if is_new:
        known = {"origin": CORRECTED, "of": name, "made": known}

    def write(folder: Path) -> None:
        records = progress.track(_records(raw, wanted, how), f"write {to}", unit="image", total=len(raw))
        store.write_raw(folder, records, known)

    made = versions.add(
        to,
        write,
        who=who.strip() or environment.who(),
        why=why.strip(),
        corrections={image: [_plain(step) for step in steps] for image, steps in wanted.items()},
    )
    if is_new:
        editing.add_entry("datasets", to, entry)
    return Saved(to, made, is_new)


def _correcting(name: str) -> tuple[dict[str, Any], Correcting[Any]]:
    """The entry of a dataset as it is written, and how its truth is corrected.

    Raises:
        BrightfieldError: no such dataset, or the truth of its task cannot be corrected.
    """
    settings = params.load()
    dataset = params.entry(settings.datasets, name, "dataset")
    how = tasks.build(dataset.kind, settings.tasks[dataset.task].settings).correcting
    if how is None:
        able = tasks.kinds_that(lambda kind: kind.correcting_class is not None)
        raise BrightfieldError(
            f"Dataset {name!r} is of kind {dataset.kind}: only the truth of {able} can be corrected."
        )
    return deepcopy(dict(params.read_yaml(params.PARAMS)["datasets"][name])), how


def _effective(raw: ImageSet, corrections: Corrections, how: Correcting[Any], name: str) -> dict[str, Sequence[Step]]:
    """The corrections that change something; all are tried before anything is written."""
    places = {str(image): i for i, image in enumerate(raw.index["id"])}
    unknown = [image for image in corrections if image not in places]
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        raise BrightfieldError(f"Dataset {name!r} has no image {', '.join(map(repr, unknown[:SHOWN]))}{more}.")
    found = {}
    for image, steps in corrections.items():
        record = raw[places[image]]
        if not same_truth(record, how.apply(record, steps)):
            found[image] = steps
    if not found:
        raise BrightfieldError(f"Nothing would change: the truth of {name!r} is already so. No version was made.")
    return found


def _records(raw: ImageSet, corrections: Corrections, how: Correcting[Any]) -> Iterator[Record]:
    for record in raw:
        if "label" in record.row:  # what decides about the split stays as it was
            record = replace(record, row={**record.row, FIRST_LABEL: record.row.get(FIRST_LABEL, record.row["label"])})
        yield how.apply(record, corrections.get(record.id, ()))


def _list(steps: Any, path: Path, image: str) -> list[Any]:
    if not isinstance(steps, list):
        raise BrightfieldError(f"{path}, image {image}: expected a list of corrections, got {type(steps).__name__}.")
    return steps


def _step(content: Any, where: str) -> Step:
    try:
        return Step.model_validate(content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the correction"
        raise BrightfieldError(f"{where}: {place}: {first['msg']}, got {content!r:.200}.") from error


def _plain(step: Step) -> dict[str, Any]:
    return step.model_dump(mode="json", exclude_none=True)
