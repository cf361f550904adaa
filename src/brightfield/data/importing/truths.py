"""The truth of images that are answered, not imported: labels, clean images or positions, found by the names of the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.data.importing import labels as label_files
from brightfield.data.importing.inputs import TruthOf
from brightfield.data.importing.labels import is_labels, plain_name
from brightfield.data.importing.positions import NAMES, by_frame
from brightfield.errors import BrightfieldError
from brightfield.params import TaskSettings

Fields = Mapping[str, npt.NDArray[Any]]  # of a record, see :class:`brightfield.data.records.Record`

_IMAGE, _LABELS = "image", "labels"  # names in a folder for each image, which then has the folder's name


def labels_by_name(source: Path, settings: TaskSettings) -> TruthOf:
    """Labels of the cells: files of the names of the images in any format that an import reads, or ``<image>/labels.tif``.

    Raises:
        BrightfieldError: there are no labels. The truth of an image raises it for labels of another size, or that are none.
    """
    del settings
    found = _by_name(source, lambda path: images.is_image(path) or is_labels(path), "labels")

    return _of_names(found, labels_of)


def clean_by_name(source: Path, settings: TaskSettings) -> TruthOf:
    """Clean images of the names of the noisy ones; of a stack of repeats the mean, in which the noise is averaged.

    Raises:
        BrightfieldError: there are no images. The truth of an image raises it for a clean one of another size.
    """
    del settings
    found = _by_name(source, images.is_image, "clean images")

    return _of_names(found, clean_of)


def of_files(files: Mapping[Path, Path], read: Callable[[Path, images.Frame], Fields]) -> TruthOf:
    """The truth of images from the files that belong to theirs, by :func:`labels_of` or :func:`clean_of`."""

    def truth(frame: images.Frame, number: int) -> Fields | None:
        del number
        path = files.get(frame.path)
        return None if path is None else read(path, frame)

    return truth


def labels_of(path: Path, frame: images.Frame) -> Fields:
    """The labels of a frame in a file, (H, W). Raises BrightfieldError for labels of another size, or that are none."""
    ids = label_files.read(path, (frame.image.shape[0], frame.image.shape[1]), (), lambda warning: None)
    _check_shape(path, ids, frame)
    return {"labels": ids}


def clean_of(path: Path, frame: images.Frame) -> Fields:
    """The mean of the images in a file, (H, W). Raises BrightfieldError for one of another size than the frame."""
    total, count = np.zeros(frame.image.shape[:2]), 0
    for repeat in images.frames_of([path]):
        grey = images.to_grey(repeat.image)
        _check_shape(path, grey, frame)
        total += grey
        count += 1
    return {"clean": (total / max(count, 1)).astype(np.float32)}


def positions_by_frame(source: Path, settings: TaskSettings) -> TruthOf:
    """Positions from a table, or from ``positions.csv`` in a folder: by the number of the frame, or by its column image or file.

    A frame without a row has no truth; one without beads has a row with x and y left empty.

    Raises:
        BrightfieldError: there is no table, or it is none of positions.
    """
    path = source
    if source.is_dir():
        path = next((source / name for name in NAMES if (source / name).is_file()), source / NAMES[0])
    if not path.is_file():
        raise BrightfieldError(f"There is no {path}, expected a table with the columns frame, x and y.")
    numbered, named = by_frame(path, settings.pixel_size_um)

    def truth(frame: images.Frame, number: int) -> Fields | None:
        positions = numbered.get(number)
        for name in (frame.name, images.stem(frame.path), frame.path.name):
            positions = named.get(images.name_key(name), positions)
        return None if positions is None else {"positions": positions}

    return truth


def _of_names(found: Mapping[str, Path], read: Callable[[Path, images.Frame], Fields]) -> TruthOf:
    def truth(frame: images.Frame, number: int) -> Fields | None:
        del number
        path = _of(frame, found)
        return None if path is None else read(path, frame)

    return truth


def _by_name(source: Path, accepts: Callable[[Path], bool], what: str) -> dict[str, Path]:
    """The files of a folder, at any depth, by the names of the images that they belong to."""
    if not source.exists():
        raise BrightfieldError(f"There is no {source}, expected a folder of {what} with the names of the images.")
    files = [path for path in sorted(source.rglob("*")) if path.is_file()] if source.is_dir() else [source]
    found: dict[str, list[Path]] = {}
    for path in filter(accepts, files):
        if images.stem(path) == _LABELS:
            found.setdefault(images.name_key(path.parent.name), []).append(path)
        else:
            found.setdefault(images.name_key(plain_name(path)), []).append(path)
    if not found:
        raise BrightfieldError(f"{source} has no {what}, expected files with the names of the images.")
    return {name: _only(paths) for name, paths in found.items()}


def _only(paths: list[Path]) -> Path:
    """The one file of a name; beside an image of the same name, the one whose name says that it holds labels."""
    named = [path for path in paths if plain_name(path) != images.stem(path) or images.stem(path) == _LABELS]
    return (named or paths)[0]


def _of(frame: images.Frame, found: Mapping[str, Path]) -> Path | None:
    """The file of a frame, by its own name, by that of its file, or by its folder where the file is only called image."""
    stem = images.stem(frame.path)
    names = (frame.path.parent.name,) if stem == _IMAGE else (frame.name, stem)
    return next((found[key] for key in map(images.name_key, names) if key in found), None)


def _check_shape(path: Path, truth: npt.NDArray[Any], frame: images.Frame) -> None:
    height, width = frame.image.shape[:2]
    if truth.shape != (height, width):
        raise BrightfieldError(
            f"{path} is {truth.shape[0]} x {truth.shape[1]} pixels, expected the size of {frame.name}: {height} x {width}."
        )
