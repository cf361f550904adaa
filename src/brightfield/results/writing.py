"""Answers as files that the field opens: TIFF for Fiji and napari, CSV with the column names of trackpy.

For each image an overlay, ``<name>_overlay.png``, and by the type of the answer:

- ``ClassMap``: ``<name>_labels.tif`` (instances), ``<name>_classes.tif``; ``regions.csv`` with a row a cell;
  ``images.csv``
- ``Points``: ``positions.csv`` with ``frame,x,y,quality``, where known ``x_error,y_error`` (standard errors in px) and, when
  linked, ``particle``
- ``Label``: ``labels.csv`` with ``image,probability,answer``
- ``Picture``: ``<name>_denoised.tif`` in the intensities of the image, ``<name>_deviation.tif`` (how far off each pixel may be: a
  standard deviation in the same intensities) if the model says so; ``images.csv``

A file gets its name when it is complete, and the tables come last: where there is a table, everything is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images
from brightfield.errors import BrightfieldError
from brightfield.results import ClassMap, Label, Picture, Points, Result
from brightfield.results.overlays import overlay
from brightfield.results.regions import regions
from brightfield.system.files import atomic_file

Array = npt.NDArray[Any]
OVERLAY = "overlay.png"
REGIONS = "regions.csv"


@dataclass(frozen=True)
class _Form:
    """How one type of answer is written."""

    table: str  # file name
    columns: tuple[str, ...]  # of the table, in this order; others follow
    arrays: Mapping[str, Callable[[Any], Array | None]]  # end of the file name -> what is in it, None: no such file


def _labels(result: ClassMap) -> Array:
    """Instances as uint16, which every program reads, unless there are too many."""
    fits = result.instances.max(initial=0) <= np.iinfo(np.uint16).max and result.instances.min(initial=0) >= 0
    return result.instances.astype(np.uint16) if fits else result.instances


_FORMS: dict[type, _Form] = {
    ClassMap: _Form("images.csv", ("image",), {"labels.tif": _labels, "classes.tif": lambda result: result.classes}),
    Points: _Form("positions.csv", ("frame", "x", "y", "quality"), {}),
    Label: _Form("labels.csv", ("image", "probability", "answer"), {}),
    Picture: _Form(
        "images.csv",
        ("image",),
        {"denoised.tif": lambda result: result.pixels, "deviation.tif": lambda result: result.deviation},
    ),
}


class Writer:
    """Writes answers image by image into a folder; between two images it keeps rows of tables, and no pixels.

    Args:
        folder: where to; made if need be.
        classes: class names in the order of their index.
        pixel_size_um: side of a pixel, in micrometres.
        species: names of the species of cells, by their number from 1.
        overwrite: replace files of the same name.
        overlays: draw so many images with their answers, and no more; None: all.
    """

    def __init__(
        self,
        folder: Path,
        *,
        classes: Sequence[str],
        pixel_size_um: float,
        species: Sequence[str] = (),
        overwrite: bool = False,
        overlays: int | None = None,
    ) -> None:
        self.overlays = overlays
        self.folder, self.classes, self.species = folder, classes, species
        self.pixel_size_um, self.overwrite = pixel_size_um, overwrite
        self._kind: type[Result] | None = None
        self._drawn = 0
        self._files: list[Path] = []
        self._regions: list[pd.DataFrame] = []

    def add(self, name: str, image: Array, result: Result, fluorescence: Array | None = None) -> None:
        """Write the files of one image, (H, W) or (H, W, 3); its name becomes the beginning of theirs.

        Args:
            name: of the image.
            image: what the answer is drawn into.
            result: the answer.
            fluorescence: (H, W), measured in every cell.

        Raises:
            BrightfieldError: answers are there already, or the disk is full or not writable.
            ValueError: an answer of another type than the first, or a name that is no file name.
        """
        if not name or name.startswith(".") or set(name) & set("/\\:\0"):
            raise ValueError(f"names become file names, got {name!r}")
        if self._kind is None:
            self._begin(type(result))
        elif self._kind is not type(result):
            raise ValueError(f"answers of one type are written together, got {type(result)} after {self._kind}")
        found = {end: of(result) for end, of in _FORMS[type(result)].arrays.items()}
        arrays = {self.folder / f"{name}_{end}": array for end, array in found.items() if array is not None}
        drawn = self.overlays is None or self._drawn < self.overlays
        pictures = [self.folder / f"{name}_{OVERLAY}"] if drawn else []
        self._refuse_to_replace([*arrays, *pictures])
        with _readable_errors(self.folder):
            for path, array in arrays.items():
                _write_tiff(path, array, self.pixel_size_um)
            for picture in pictures:
                with atomic_file(picture) as partial:
                    images.write_png(partial, overlay(image, result))
        self._drawn += len(pictures)
        self._files += [*arrays, *pictures]
        if isinstance(result, ClassMap):
            self._regions.append(regions(result, self.classes, self.pixel_size_um, self.species, fluorescence))
            self._regions[-1].insert(0, "image", name)

    def finish(self, table: pd.DataFrame) -> list[Path]:
        """Write the tables.

        Args:
            table: what the task's ``combine`` made of the rows of all images.

        Returns:
            All files: those of each image, then the tables.

        Raises:
            BrightfieldError: the disk is full or not writable.
            ValueError: there is no answer, or columns are missing.
        """
        if self._kind is None:
            raise ValueError("no answer was added")
        form = _FORMS[self._kind]
        tables = {self.folder / form.table: _ordered(table, form.columns)}
        if self._regions:
            tables = {self.folder / REGIONS: pd.concat(self._regions, ignore_index=True), **tables}
        with _readable_errors(self.folder):
            for path, rows in tables.items():
                with atomic_file(path) as partial:
                    rows.to_csv(partial, index=False, lineterminator="\n")
        return [*self._files, *tables]

    def _begin(self, kind: type[Result]) -> None:
        """Make the folder, without tables of older answers: those must not vouch for files that are half replaced."""
        tables = [self.folder / name for name in (_FORMS[kind].table, *([REGIONS] if kind is ClassMap else []))]
        self._refuse_to_replace(tables)
        with _readable_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in tables:
                path.unlink(missing_ok=True)
        self._kind = kind

    def _refuse_to_replace(self, paths: Sequence[Path]) -> None:
        there = [path for path in paths if path.exists()]
        if there and not self.overwrite:
            raise BrightfieldError(
                f"There are answers in {self.folder} already, such as {there[0].name}. "
                "Choose another folder, or ask for them to be overwritten."
            )


def _ordered(table: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    if missing := [name for name in first if name not in table.columns]:
        raise ValueError(f"the table has the columns {', '.join(first)}; missing: {', '.join(missing)}")
    return table[[*first, *(name for name in table.columns if name not in first)]]


@contextmanager
def _readable_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BrightfieldError(
            f"The answers could not be written to {folder}: {error.strerror or error}. "
            "Files that are there are complete; make room or choose another folder, and predict again."
        ) from error


def _write_tiff(path: Path, array: Array, pixel_size_um: float) -> None:
    """(H, W) with its pixel size; the way of ImageJ, which shows micrometres, where it has the type."""
    import tifffile

    with atomic_file(path) as partial:
        if array.dtype == np.int32:  # ImageJ's own format has no such type
            images.write_tiff(partial, array, pixel_size_um=pixel_size_um)
        else:
            per_um = 1 / pixel_size_um
            metadata = {"unit": "um", "axes": "YX"}
            tifffile.imwrite(
                partial, array, imagej=True, resolution=(per_um, per_um), metadata=metadata, compression="zlib"
            )
