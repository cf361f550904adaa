"""Write answers as files for other programs: TIFF for Fiji and napari, CSV with the column names of trackpy.

Each image gets an overlay, ``<name>_overlay.png``, and the TIFF files of its type (:data:`brightfield.results.FORMS`). All images
share a table, and some types have a second one of objects. The file of each type lists them.

A file gets its name when it is complete, and the tables are written last: where there is a table, all files are there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from brightfield import images, layout
from brightfield.errors import BrightfieldError
from brightfield.results import Form, Metadata, Result, form_of
from brightfield.results.canvas import Canvas
from brightfield.results.overlays import overlay
from brightfield.results.tiff import write_tiff
from brightfield.system.files import atomic_file

Array = npt.NDArray[Any]


class Writer:
    """Writes answers image by image into a folder; only rows of tables stay in memory.

    Args:
        folder: output folder, created if missing.
        metadata: names of classes and species, and the size of a pixel.
        overwrite: replace files of the same name.
        overlays: largest number of overlays to draw; None: one per image.
    """

    def __init__(
        self,
        folder: Path,
        metadata: Metadata,
        *,
        overwrite: bool = False,
        overlays: int | None = None,
    ) -> None:
        self.folder, self.metadata = folder, metadata
        self.overwrite, self.overlays = overwrite, overlays
        self._kind: type[Result] | None = None
        self._drawn = 0
        self._files: list[Path] = []
        self._objects: list[pd.DataFrame] = []

    def check(self, kind: type[Result]) -> None:
        """Find out before a long computation whether its answers could be written; nothing is changed.

        Raises:
            BrightfieldError: there are answers already, or the folder is not one, or nothing can be written there.
        """
        self._refuse_to_replace(self._tables_of(kind))
        there = next(place for place in (self.folder.absolute(), *self.folder.absolute().parents) if place.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            reason = "may not be written to" if there.is_dir() else "is a file"
            raise BrightfieldError(
                f"The answers could not be written to {self.folder}: {there} {reason}. Choose another folder."
            )

    def _tables_of(self, kind: type[Result]) -> list[Path]:
        return [self.folder / name for name in (*_tables(form_of(kind)), layout.BESIDE)]

    def add(
        self,
        name: str,
        image: Array,
        result: Result,
        fluorescence: Array | None = None,
        *,
        pixel_size_um: float | None = None,
    ) -> None:
        """Write the files of one image, whose names begin with the name of the image.

        Args:
            name: name of the image.
            image: (H, W) or (H, W, 3), the background of the overlay.
            result: the answer.
            fluorescence: (H, W), measured in every cell.
            pixel_size_um: side of a pixel of this image; None: that of the metadata.

        Raises:
            BrightfieldError: there are answers already, or the disk is full or not writable.
            ValueError: an answer of another type than the first, or a name that is not a valid file name.
        """
        if not name or name.startswith(".") or set(name) & set("/\\:\0"):
            raise ValueError(f"the name of an image must be a valid file name, got {name!r}")
        if self._kind is None:
            self._begin(type(result))
        elif self._kind is not type(result):
            raise ValueError(f"expected answers of one type, got {type(result)} after {self._kind}")
        form = form_of(type(result))
        metadata = replace(self.metadata, pixel_size_um=pixel_size_um or self.metadata.pixel_size_um)
        found = {end: of(result) for end, of in form.files.items()}
        arrays = {self.folder / f"{name}_{end}": array for end, array in found.items() if array is not None}
        drawn = self.overlays is None or self._drawn < self.overlays
        pictures = [self.folder / f"{name}_{layout.OVERLAY}"] if drawn else []
        outdated = [self.folder / f"{name}_{end}" for end, array in found.items() if array is None]
        self._refuse_to_replace([*arrays, *pictures, *outdated])
        with _readable_errors(self.folder):
            for path in outdated:  # of an earlier answer, by a model that answered more
                path.unlink(missing_ok=True)
            for path, array in arrays.items():
                write_tiff(path, array, metadata.pixel_size_um)
            for picture in pictures:
                with atomic_file(picture) as partial:
                    images.write_png(partial, overlay(image, result))
        self._drawn += len(pictures)
        self._files += [*arrays, *pictures]
        if form.objects is not None:
            self._objects.append(form.objects.measure(result, metadata, fluorescence))
            self._objects[-1].insert(0, "image", name)

    def add_picture(self, file: str, picture: Canvas) -> None:
        """Write a further picture of an image, (H, W, 3).

        Raises:
            BrightfieldError: it is there already, or the disk is full or not writable.
        """
        path = self.folder / file
        self._refuse_to_replace([path])
        with _readable_errors(self.folder), atomic_file(path) as partial:
            images.write_png(partial, picture)
        self._files.append(path)

    def finish(
        self,
        table: pd.DataFrame,
        sources: Mapping[str, str] | None = None,
        further: Mapping[str, pd.DataFrame] | None = None,
    ) -> list[Path]:
        """Write the tables.

        Args:
            table: the rows of all images, joined by the task's ``combine``.
            sources: the file of each image by its name, for a column ``source`` of all tables; None: no such column.
            further: other tables with a column image, by the names of their files.

        Returns:
            All paths: the files of each image, then the tables.

        Raises:
            BrightfieldError: the disk is full or not writable.
            ValueError: there is no answer, or columns are missing.
        """
        if self._kind is None:
            raise ValueError("no answer was added")
        form = form_of(self._kind)
        tables = {self.folder / form.table: form.ordered(table)}
        if form.objects is not None:
            tables = {self.folder / form.objects.table: pd.concat(self._objects, ignore_index=True), **tables}
        tables |= {self.folder / name: rows for name, rows in (further or {}).items()}
        if sources:
            tables = {path: with_sources(rows, sources) for path, rows in tables.items()}
        with _readable_errors(self.folder):
            for path, rows in tables.items():
                with atomic_file(path) as partial:
                    rows.to_csv(partial, index=False, lineterminator="\n")
        return [*self._files, *tables]

    def _begin(self, kind: type[Result]) -> None:
        """Make the folder, and remove the tables of older answers, which must not stand beside half-replaced files."""
        tables = self._tables_of(kind)
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
                "Choose another folder, or give --overwrite."
            )


def with_sources(table: pd.DataFrame, sources: Mapping[str, str]) -> pd.DataFrame:
    """The table with the column ``source``, the file of each image by its name; unchanged if there are no sources."""
    return table.assign(source=table["image"].map(sources)) if sources else table


def _tables(form: Form[Any]) -> list[str]:
    return [form.table] if form.objects is None else [form.table, form.objects.table]


@contextmanager
def _readable_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BrightfieldError(
            f"The answers could not be written to {folder}: {error.strerror or error}. "
            "Existing files are complete. Free space or choose another folder, and predict again."
        ) from error
