"""Answers as files that the field opens: TIFF for Fiji and napari, CSV with the column names of trackpy.

For each image an overlay, ``<name>_overlay.png``, and by the type of the answer:

- ``ClassMap``: ``<name>_labels.tif`` (instances), ``<name>_classes.tif``; ``regions.csv`` with a row a cell;
``images.csv``
- ``Points``: ``positions.csv`` with ``frame,x,y,quality`` and, when linked, ``particle``
- ``Label``: ``labels.csv`` with ``image,probability,answer``
- ``Picture``: ``<name>_denoised.tif`` in the intensities of the image; ``images.csv``

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

from brightfield import images as image_files
from brightfield.errors import BrightfieldError
from brightfield.overlays import overlay
from brightfield.results import ClassMap, Label, Picture, Points, Result

Array = npt.NDArray[Any]
OVERLAY = "overlay.png"
REGIONS = "regions.csv"


@dataclass(frozen=True)
class _Form:
    """How one type of answer is written."""

    table: str  # file name
    columns: tuple[str, ...]  # of the table, in this order; others follow
    arrays: Mapping[str, Callable[[Any], Array]]  # end of the file name -> what is in it


def _labels(result: ClassMap) -> Array:
    """Instances as uint16, which every program reads, unless there are too many."""
    fits = result.instances.max(initial=0) <= np.iinfo(np.uint16).max and result.instances.min(initial=0) >= 0
    return result.instances.astype(np.uint16) if fits else result.instances


_FORMS: dict[type, _Form] = {
    ClassMap: _Form("images.csv", ("image",), {"labels.tif": _labels, "classes.tif": lambda result: result.classes}),
    Points: _Form("positions.csv", ("frame", "x", "y", "quality"), {}),
    Label: _Form("labels.csv", ("image", "probability", "answer"), {}),
    Picture: _Form("images.csv", ("image",), {"denoised.tif": lambda result: result.pixels}),
}


def write_answers(
    results: Mapping[str, Result],
    images: Mapping[str, Array],
    table: pd.DataFrame,
    folder: Path,
    *,
    classes: Sequence[str],
    pixel_size_um: float,
    overwrite: bool = False,
) -> list[Path]:
    """Write the answers to several images into a folder, which is made if need be.

    Args:
        results: the answer to each image, all of one type; the names become the beginnings of file names.
        images: the images, under the same names; asked for one at a time.
        table: what the task's ``combine`` made of the results.
        folder: where to.
        classes: class names in the order of their index.
        pixel_size_um: side of a pixel, in micrometres.
        overwrite: replace files of the same name.

    Returns:
        The files written: those of each image, then the tables.

    Raises:
        BrightfieldError: a file is there already, or the disk is full or not writable.
        ValueError: results of several types, names that are no file names, images or columns of the table missing.
    """
    kind = _kind(results, images)
    form = _FORMS[kind]
    tables = {folder / form.table: _ordered(table, form.columns)}
    if kind is ClassMap:
        tables = {folder / REGIONS: _all_regions(results, classes, pixel_size_um), **tables}
    ends = (*form.arrays, OVERLAY)
    files = [folder / f"{name}_{end}" for name in results for end in ends] + list(tables)
    with _readable_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not overwrite:
            _refuse_to_replace(files)
        for path in tables:  # an old table must not vouch for files that are only half replaced
            path.unlink(missing_ok=True)
        for name, result in results.items():
            _write_image(folder, name, result, images[name], pixel_size_um)
        for path, rows in tables.items():
            with _whole(path) as partial:
                rows.to_csv(partial, index=False, lineterminator="\n")
    return files


def _kind(results: Mapping[str, Result], images: Mapping[str, Array]) -> type:
    """The one type of the results, after a look at the names."""
    kinds = {type(result) for result in results.values()}
    if len(kinds) != 1:
        raise ValueError(f"answers of one type are written together, got {sorted(kind.__name__ for kind in kinds)}")
    unsafe = [name for name in results if not name or name.startswith(".") or set(name) & set("/\\:\0")]
    if unsafe:
        raise ValueError(f"names become file names, got {unsafe[:3]}")
    if lacking := [name for name in results if name not in images]:
        raise ValueError(f"every answer comes with its image, {len(lacking)} are missing, such as {lacking[0]!r}")
    return kinds.pop()


def _ordered(table: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    if missing := [name for name in first if name not in table.columns]:
        raise ValueError(f"the table has the columns {', '.join(first)}; missing: {', '.join(missing)}")
    return table[[*first, *(name for name in table.columns if name not in first)]]


# --- regions --------------------------------------------------------------------------------------------------------


def _all_regions(results: Mapping[str, Any], classes: Sequence[str], pixel_size_um: float) -> pd.DataFrame:
    parts = []
    for name, result in results.items():
        parts.append(regions(result, classes, pixel_size_um))
        parts[-1].insert(0, "image", name)
    return pd.concat(parts, ignore_index=True)


def regions(result: ClassMap, classes: Sequence[str], pixel_size_um: float) -> pd.DataFrame:
    """Measure each instance.

    Length and width are those of the *capsule* (a rectangle with a half disc at either end) that has the instance's
    area and its variance along the long axis. For a straight rod they are exact, a disc gives its diameter twice, and
    a bent rod comes out a little short. The axes of the ellipse with the same moments, which many programs report, are
    15 % too wide for a long rod.

    Returns:
        A row an instance: ``label``; ``x`` and ``y``, the centroid in px; ``area_px``, ``area_um2``, ``length_um``,
        ``width_um``; ``orientation_deg``, of the long axis against the x axis, in (-90, 90], counter-clockwise as
        seen; ``at_border``, whether it touches the edge of the image and may be cut; ``class``, the most frequent one
        that is not background; and ``<class>_px``, the pixels of each class but the background.

    Raises:
        ValueError: the map holds a class without a name.
    """
    if result.classes.max(initial=0) >= len(classes):
        raise ValueError(f"{len(classes)} classes have names, got class {result.classes.max()}")
    rows, cols = np.nonzero(result.instances > 0)
    labels, number = np.unique(result.instances[rows, cols], return_inverse=True)
    n, height, width = len(labels), *result.instances.shape
    border = (rows == 0) | (cols == 0) | (rows == height - 1) | (cols == width - 1)
    codes = number * len(classes) + result.classes[rows, cols]
    counts = np.bincount(codes, minlength=n * len(classes)).reshape(n, len(classes))
    return pd.DataFrame(
        {
            "label": labels,
            **_geometry(rows, cols, number, n, pixel_size_um),
            "at_border": np.bincount(number[border], minlength=n) > 0,
            "class": np.array(classes)[1 + counts[:, 1:].argmax(axis=1)],
            **{f"{name}_px": counts[:, i] for i, name in enumerate(classes) if i > 0},
        }
    )


def _geometry(rows: Array, cols: Array, number: Array, n: int, pixel_size_um: float) -> dict[str, Array]:
    """Centroid, area, length, width and angle of n instances from the rows, columns and instances 0...n-1 of pixels."""
    area = np.bincount(number, minlength=n)

    def average(values: Array) -> Array:
        return np.bincount(number, weights=values, minlength=n) / area

    x, y = average(cols), average(rows)
    dx, dy = cols - x[number], rows - y[number]
    # pixels are squares, not points: each adds its own variance of 1/12
    xx, yy, xy = average(dx**2) + 1 / 12, average(dy**2) + 1 / 12, average(dx * dy)
    length, width = _capsule(area, (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy))
    angle = -np.degrees(np.arctan2(2 * xy, xx - yy)) / 2
    return {
        "x": x,
        "y": y,
        "area_px": area,
        "area_um2": area * pixel_size_um**2,
        "length_um": length * pixel_size_um,
        "width_um": width * pixel_size_um,
        "orientation_deg": np.where(angle <= -90, angle + 180, angle),
    }


def _capsule(area: Array, variance: Array) -> tuple[Array, Array]:
    """Length and width of capsules with an area and a variance along the axis.

    With radius r and s r between the centres of the ends, the area is r^2 (2 s + pi), and the second moment along the
    axis is r^4 (s^3 / 6 + pi s^2 / 4 + 4 s / 3 + pi / 4): variance / area depends on s alone, and grows with it.
    """
    s = np.append(0.0, np.geomspace(1e-3, 1e3, 2000))
    ratio = (s**3 / 6 + np.pi * s**2 / 4 + 4 * s / 3 + np.pi / 4) / (2 * s + np.pi) ** 2
    shape = np.interp(variance / area, ratio, s)
    radius = np.sqrt(area / (2 * shape + np.pi))
    return radius * (shape + 2), 2 * radius


# --- files ----------------------------------------------------------------------------------------------------------


def _refuse_to_replace(paths: Sequence[Path]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        raise BrightfieldError(
            f"{len(there)} of {len(paths)} answers are in {there[0].parent} already, such as {there[0].name}. "
            "Choose another folder, or ask for them to be overwritten."
        )


@contextmanager
def _readable_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BrightfieldError(
            f"The answers could not be written to {folder}: {error.strerror or error}. "
            "Files that are there are complete; make room or choose another folder, and predict again."
        ) from error


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary neighbour that takes the name at the end, so that no half file is ever found under it."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_image(folder: Path, name: str, result: Result, image: Array, pixel_size_um: float) -> None:
    for end, array in _FORMS[type(result)].arrays.items():
        _write_tiff(folder / f"{name}_{end}", array(result), pixel_size_um)
    with _whole(folder / f"{name}_{OVERLAY}") as partial:
        image_files.write_png(partial, overlay(image, result))


def _write_tiff(path: Path, array: Array, pixel_size_um: float) -> None:
    """(H, W) with its pixel size; the way of ImageJ, which shows micrometres, where it has the type."""
    import tifffile

    with _whole(path) as partial:
        if array.dtype == np.int32:  # ImageJ's own format has no such type
            image_files.write_tiff(partial, array, pixel_size_um=pixel_size_um)
        else:
            per_um = 1 / pixel_size_um
            metadata = {"unit": "um", "axes": "YX"}
            tifffile.imwrite(
                partial, array, imagej=True, resolution=(per_um, per_um), metadata=metadata, compression="zlib"
            )
