"""``brightfield data list``: all datasets with origin, splits, size and the models trained on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brightfield import layout, params
from brightfield.data import splitting, store
from brightfield.errors import BrightfieldError
from brightfield.system import lineage, versioning
from brightfield.system.tables import text_table

NOT_MADE = "not made yet: dvc repro"
NOT_HERE = "not here: dvc pull"


@dataclass(frozen=True)
class DatasetRow:
    """One dataset; None for what is unknown.

    Attributes:
        name: name of the entry of ``datasets``.
        task: the task to which it belongs.
        origin: simulator and seed, or source of the import, in words.
        licence: licence of imported images.
        images: number of images in ``data/raw``.
        groups: number of groups (acquisitions) of these images.
        splits: number of images in each split and suite of ``data/prepared``.
        size_bytes: size of both folders.
        hash: DVC's hash of ``data/prepared``, or of ``data/raw`` before the dataset is prepared.
        cached: whether DVC's cache on this machine contains that version.
        models: names of the models trained on it.
        state: ``ready``, or what to do.
    """

    name: str
    task: str
    origin: str
    licence: str | None
    images: int | None
    groups: int | None
    splits: Mapping[str, int] | None
    size_bytes: int
    hash: str | None
    cached: bool | None
    models: list[str]
    state: str


def rows() -> list[DatasetRow]:
    """One row per entry of ``datasets``; ``state`` of a row marks a missing or damaged dataset."""
    settings = params.load()
    return [_row(name, entry, settings) for name, entry in settings.datasets.items()]


def as_text() -> str:
    """The rows as a text table."""
    head = ("dataset", "task", "origin", "images", "groups", "splits", "size", "DVC hash", "models")
    return text_table(head, map(_cells, rows()))


def as_json() -> str:
    """The rows as JSON: a list of objects with the keys of :class:`DatasetRow`."""
    return json.dumps([asdict(row) for row in rows()], indent=1)


def _row(name: str, entry: params.Dataset, settings: params.Params) -> DatasetRow:
    raw, prepared = layout.raw(name), layout.prepared(name)
    simulation = settings.simulations.get(name)
    found = lineage.data_hash(prepared) or lineage.data_hash(raw)
    about, images, groups, splits, state = _contents(raw, prepared, tracked=found is not None)
    return DatasetRow(
        name=name,
        task=entry.task,
        origin=_origin(about, simulation),
        licence=str(about["licence"]) if about.get("licence") else None,
        images=images,
        groups=groups,
        splits=splits,
        size_bytes=sum(_size(folder) for folder in (raw, prepared)),
        hash=found,
        cached=None if found is None else _in_cache(found),
        models=[model for model, of_model in settings.models.items() if of_model.dataset == name],
        state=state,
    )


def _contents(
    raw: Path, prepared: Path, *, tracked: bool
) -> tuple[dict[str, Any], int | None, int | None, dict[str, int] | None, str]:
    """The content of about.json, the numbers of images, of groups and of images by split, and the state."""
    about: dict[str, Any] = {}
    images = groups = splits = None
    missing = NOT_HERE if tracked else NOT_MADE
    try:
        if (raw / layout.ABOUT).is_file():
            about = json.loads((raw / layout.ABOUT).read_text(encoding="utf-8"))
        if (raw / layout.INDEX).is_file():
            index = store.read_index(raw)
            images, groups = len(index), int(index["group"].nunique())
        if not (prepared / layout.INDEX).is_file():
            return about, images, groups, None, missing
        counts = store.read_index(prepared)["split"].astype(str).value_counts()
        splits = {split: int(counts[split]) for split in splitting.in_order(counts.index)}
    except (ValueError, KeyError, OSError, BrightfieldError) as error:
        return about, images, groups, splits, f"damaged ({error}): dvc checkout or dvc repro"
    return about, images, groups, splits, "ready" if images is not None else missing


def _origin(about: Mapping[str, Any], simulation: params.Simulation | None) -> str:
    if about.get("origin") == "imported":
        date = f" on {about['date']}" if about.get("date") else ""
        licence = f", {about['licence']}" if about.get("licence") else ""
        return f"imported from {about.get('source', '?')}{date}{licence}"
    if about.get("origin") == "simulated":
        made = about.get("parameters") or {}
        return f"simulated by {made.get('simulator', '?')}, seed {made.get('seed', '?')}"
    if simulation is not None:
        return f"simulation {simulation.simulator}, seed {simulation.seed}"
    return str(about.get("origin", "?"))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file())


def _in_cache(found: str) -> bool:
    """Whether DVC's cache contains the version with this hash: its list of files, and all of them."""
    if found.endswith(".dir"):
        return versioning.files_of(found) is not None
    return versioning.cached_file(found) is not None


def _cells(row: DatasetRow) -> tuple[str, ...]:
    splits = ", ".join(f"{split} {count}" for split, count in (row.splits or {}).items())
    short = "-" if row.hash is None else row.hash[:8] + ("" if row.cached else " (not cached)")
    return (
        row.name,
        row.task,
        row.origin,
        "-" if row.images is None else str(row.images),
        "-" if row.groups is None else str(row.groups),
        splits if row.state == "ready" else row.state,
        f"{row.size_bytes / 1e6:.1f} MB",
        short,
        ", ".join(row.models) or "none",
    )
