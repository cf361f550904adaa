"""Answers that another program wrote into a folder: an image a file, or one table of all images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import images
from brightfield.errors import BrightfieldError


def image_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """The image file of each name that was asked, with any ending: ``a.tif``, ``a_labels.tif``, ``a_cp_masks.png``.

    Raises:
        BrightfieldError: there is none for a name, or more than one.
    """
    there: dict[str, list[Path]] = {}
    for path in images.files([folder]):
        for name in {path.stem, path.stem.split("_")[0]}:
            there.setdefault(name, []).append(path)
    return [_only(there.get(name, []), name) for name in names]


def _only(found: Sequence[Path], name: str) -> Path:
    exact = [path for path in found if path.stem == name]
    if len(exact or found) != 1:
        have = ", ".join(path.name for path in found) or "none"
        raise BrightfieldError(f"Expected one image for {name!r}, as {name}.tif or {name}_labels.tif, got {have}.")
    return (exact or found)[0]


def table(folder: Path, columns: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """The only CSV file of the folder, with a column ``image`` and others.

    Args:
        folder: where the program wrote.
        columns: that are needed beside ``image``, all of them numbers.
        names: of the images that were asked.

    Raises:
        BrightfieldError: there is not one table, it lacks a column, a number is none, or it names other images.
    """
    found = sorted(folder.glob("*.csv"))
    if len(found) != 1:
        raise BrightfieldError(
            f"Expected one CSV file in {folder}, got {', '.join(path.name for path in found) or 'none'}."
        )
    (path,) = found
    try:
        read = pd.read_csv(path, dtype={"image": str})
    except ValueError as error:
        raise BrightfieldError(f"{path.name} is no table: {error}.") from error
    if missing := [column for column in ("image", *columns) if column not in read]:
        raise BrightfieldError(
            f"{path.name} has no column {missing[0]}: expected {', '.join(('image', *columns))}, got {', '.join(read.columns)}."
        )
    read["image"] = read["image"].map(lambda image: Path(image).stem if Path(image).stem in names else image)
    if unknown := sorted(set(read["image"]) - set(names)):
        raise BrightfieldError(
            f"{path.name} names {unknown[0]!r}, which was not asked: expected names such as {names[0]!r}."
        )
    for column in columns:
        read[column] = pd.to_numeric(read[column], errors="coerce")
        if not np.isfinite(read[column]).all():
            raise BrightfieldError(f"{path.name} has a value in column {column} that is no number.")
    return read
