"""Write a dataset in the formats of the field's tools; :mod:`brightfield.data.importing` can read each of them again.

A format is one function and one line in :data:`FORMATS`. Beside the images lie ``groups.csv``, from which an import takes the
groups, and ``about.json``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from brightfield import layout, params
from brightfield.data.exporting import folders, segmentation, tracking
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import Kind, TaskSettings
from brightfield.system.files import atomic_folder, write_json
from brightfield.system.progress import track

Written = Iterator[tuple[str, str]]  # path of each image within the folder, and its group
FORMATS: dict[str, dict[str, Callable[[ImageSet, Path, TaskSettings], Written]]] = {
    "classification": {"tiff": folders.write_classes},
    "restoration": {"tiff": folders.write_pairs},
    "segmentation": {
        "tiff": segmentation.write_tiff,
        "ilastik": segmentation.write_ilastik,
        "imagej": segmentation.write_imagej,
    },
    "tracking": {
        "tiff": tracking.write_trackpy,  # TIFF cannot hold positions
        "trackpy": tracking.write_trackpy,
        "trackmate": tracking.write_trackmate,
    },
}


def export_dataset(kind: Kind | str, raw: Path, out: Path, to: str, *, settings: TaskSettings) -> int:
    """Write all images of ``data/raw/<dataset>`` with their ground truth into a new folder; returns the number of image files.

    If anything fails, nothing is left behind. The formats have no place for further columns of a simulation and for the shift suite
    of an image; these are left out.

    Args:
        kind: kind of the task.
        raw: folder of the dataset.
        out: a folder that does not exist yet.
        to: name of the format, a key of :data:`FORMATS` for this kind.
        settings: settings of the task, for the names of its classes and the pixel size.

    Raises:
        BrightfieldError: this kind does not have the format, or the folder exists or cannot be written.
    """
    write = params.entry(FORMATS.get(kind, {}), to, f"format for {kind}")
    if os.path.lexists(out):
        raise BrightfieldError(f"{out} exists already. Choose another folder, or remove it first.")
    records = ImageSet.raw(raw)
    about = _about(raw)
    with atomic_folder(out) as folder:
        written = list(track(write(records, folder, settings), f"export {raw.name}", unit="file"))
        pd.DataFrame(written, columns=["file", "group"]).to_csv(
            folder / layout.GROUPS, index=False, lineterminator="\n"
        )
        kept = {key: about[key] for key in ("licence", "source") if key in about}
        write_json(
            folder / layout.ABOUT, {"origin": "exported", "dataset": raw.name, "kind": kind, "format": to, **kept}
        )
    return len(written)


def _about(raw: Path) -> Mapping[str, object]:
    path = raw / layout.ABOUT
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
