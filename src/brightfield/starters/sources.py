"""Openly licensed real images that starters learn from beside simulations. They lie outside the project, in a user's folder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from brightfield import images, params
from brightfield.data import importing
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.results import ClassMap
from brightfield.results.regions import regions

SEED = 93
WIDTH_PX = 11.0  # of a cell of bacteria: between the two species that are simulated
WIDTHS_PX = (8.0, 11.0, 15.0)  # at which each image is learnt from
SCALES = (0.6, 1.7)  # of a crop, log-uniform; every second crop is learnt from as it is


@dataclass(frozen=True)
class Source:
    """Images of one origin: what may have been seen together, and is left out together.

    Attributes:
        name: short name.
        folder: where its images lie, below the folder of all.
        origin: repository and commit, or publication.
        licence: under which its images may be used.
        begins: of the names of its images, where the folder has others as well.
    """

    name: str
    folder: str
    origin: str
    licence: str
    begins: str = ""


SOURCES: dict[str, tuple[Source, ...]] = {
    "rbc": (
        Source("chula", "rbc", "Chula-PIC-Lab/Chula-RBC-12-Dataset at fa130f4", "MIT"),
        Source("bccd", "rbc-bccd", "Shenggan/BCCD_Dataset at d272fb1", "MIT"),
        Source("pbc", "rbc-pbc", "lugan113/TXL-PBC_Dataset at 056d09e", "boxes MIT, images CC BY 4.0"),
    ),
    "bacteria": (
        Source("omnipose", "bacteria/labelled", "kevinjohncutler/omnipose at 871f2c9", "MIT", "omnipose_"),
        Source("colicoords", "bacteria/labelled", "Jhsmit/ColiCoords at 6c59e5c", "MIT", "colicoords_"),
        Source("mbl", "bacteria/labelled_more", "RPGroup-PBoC/mbl_pboc at d879cc0", "CC BY 4.0", "mbl_"),
        Source("medussa", "bacteria/labelled_more", "OReyesMatte/MEDUSSA at 01068e8", "MIT", "medussa_"),
    ),
    "denoise": (
        Source("bbbc039", "denoise/clean", "BBBC039, DeepTrackAI/cell_counting_dataset at d460149", "CC0 1.0"),
    ),
}


def read(source: Source, top: Path, kind: str, settings: params.TaskSettings) -> list[Record]:
    """The records of a source, checked as any import is, in the order of their ids.

    Args:
        source: one of ``SOURCES``.
        top: the folder of all sources.
        kind, settings: of the task.

    Raises:
        BrightfieldError: an image that cannot be imported.
    """
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place) / "raw"
        importing.import_dataset(kind, top / source.folder, raw, settings=settings, licence=source.licence)
        found = [record for record in ImageSet.raw(raw) if record.id.startswith(source.begins)]
    return [replace(record, group=f"{source.name}-{record.group}") for record in found]


def there(task: str, top: Path | None) -> list[Source]:
    """The sources of a task whose folders are there."""
    return [source for source in SOURCES.get(task, ()) if top is not None and (top / source.folder).is_dir()]


def to_learn_from(record: Record) -> list[Record]:
    """A real image as it is learnt from: cells at several widths, a crop at another scale, anything else as it is."""
    if _has_cells(record):
        return [at_width(record, width) for width in WIDTHS_PX]
    if record.image.ndim == 3:
        return [_at_some_scale(record)]
    return [record]


def as_scored(record: Record) -> Record:
    """A real image as it is scored: cells of the width that the model knows, a crop as it is."""
    return at_width(record) if _has_cells(record) else record


def _has_cells(record: Record) -> bool:
    """Whether there are labelled cells whose width may be measured."""
    return "labels" in record.fields and bool(record.fields["labels"].any())


def at_width(record: Record, width_px: float = WIDTH_PX) -> Record:
    """Labelled cells, at least one, magnified so that their median width is ``width_px``."""
    labels = record.fields["labels"]
    table = regions(ClassMap((labels > 0).astype(np.uint8), labels), ["", "cell"], 1.0)
    factor = width_px / float(np.median(table["width_um"]))
    scaled = images.magnified(record.image, factor)
    fields = {**record.fields, "labels": images.nearest(labels, scaled.shape[:2])}
    return replace(record, id=f"{record.id}_{width_px:g}px", image=scaled, fields=fields)


def _at_some_scale(record: Record) -> Record:
    rng = np.random.default_rng([SEED, *record.id.encode()])
    if rng.uniform() < 0.5:
        return record
    factor = float(np.exp(rng.uniform(*np.log(SCALES))))
    scaled = images.framed(images.magnified(record.image, factor), record.image.shape[0])
    return replace(record, image=np.clip(np.rint(scaled), 0, 255).astype(record.image.dtype))
