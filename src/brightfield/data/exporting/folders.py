"""Images in folders: one folder per class, or clean and noisy images in two folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from brightfield import images
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import ClassificationSettings, TaskSettings


def write_classes(records: ImageSet, folder: Path, settings: TaskSettings) -> Iterator[tuple[str, str]]:
    """Write ``<class>/<id>.tif``, or ``<class>/<kind>/<id>.tif`` for images of a known kind; yields file and group."""
    classes = cast(ClassificationSettings, settings).classes
    taken: set[str] = set()
    for record in records:
        label = record.row.get("label")
        if label not in (0, 1):
            raise BrightfieldError(f"Image {record.id} has the label {label}, expected 0 or 1.")
        place = [classes[label]]
        kind = record.row.get("kind")
        if isinstance(kind, str) and kind != place[0]:
            place += [images.unique_name(part, set()) for part in kind.split("/")]
        inner = "/".join(place)
        short = record.id.removeprefix(images.unique_name(inner, set()) + "_")  # an import adds the folder in front
        name = record.id if f"{inner}/{short}" in taken else short
        taken.add(f"{inner}/{name}")
        file = f"{inner}/{name}.tif"
        _write(folder / file, record.image, settings)
        yield file, record.group


def write_pairs(records: ImageSet, folder: Path, settings: TaskSettings) -> Iterator[tuple[str, str]]:
    """Write ``clean/<id>.tif`` and ``noisy/<id>.tif``; of repeats ``repeats/<field>/<id>.tif``, of noisy images alone the second.

    Yields the first file and the group.
    """
    fields: dict[object, str] = {}
    taken: set[str] = set()
    for record in records:
        files = {f"noisy/{record.id}.tif": record.image}
        if "clean" in record.fields:
            files = {f"clean/{record.id}.tif": record.fields["clean"], **files}
        elif "repeats" in record.fields:
            field = record.row["field"]
            fields[field] = fields.get(field) or images.unique_name(str(field), taken)
            files = {f"repeats/{fields[field]}/{record.id}.tif": record.image}
        for name, image in files.items():
            _write(folder / name, image, settings)
        yield next(iter(files)), record.group


def _write(path: Path, image: images.Image, settings: TaskSettings) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write_tiff(path, image, pixel_size_um=settings.pixel_size_um)
