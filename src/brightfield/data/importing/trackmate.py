"""Spots of TrackMate (Fiji): the table of spots as CSV, and the XML files it saves.

TrackMate counts frames from 0, (0, 0) is the centre of the first pixel, and positions are in units of length. Its CSV has three
more header rows: name, short name, unit (https://github.com/trackmate-sc/TrackMate/issues/191). Its XML holds the pixel size.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
import pandas as pd

from brightfield.errors import BrightfieldError

COLUMNS = ("FRAME", "POSITION_X", "POSITION_Y")
_TRACK, _VISIBLE = "TRACK_ID", "VISIBILITY"
KNOWN = (*COLUMNS, _TRACK, _VISIBLE)  # columns of the table of spots that are read
PIXELS = frozenset({"pixel", "pixels", "px"})
MAX_BYTES = 500_000_000
_MICROMETRES = {"micron": 1.0, "microns": 1.0, "um": 1.0, "µm": 1.0, "μm": 1.0, "nm": 1e-3, "mm": 1e3, "m": 1e6}
_HEADER_ROWS = 3  # at most, below the names of the columns


def is_spots(names: Collection[str]) -> bool:
    """Whether the names of a table's columns are those of TrackMate's table of spots."""
    return set(COLUMNS) <= set(names)


def from_table(path: Path, table: pd.DataFrame, pixel_size_um: float | None) -> pd.DataFrame:
    """Columns frame, x and y in pixels, from TrackMate's table of spots, and ``particle``, NaN for a spot without a track, if there
    are tracks; the index is that of ``table``.

    Args:
        path: the file, for messages.
        table: its columns ``KNOWN``, as read, with the further header rows.
        pixel_size_um: pixel size by which positions in units of length are divided.

    Raises:
        BrightfieldError: the unit is missing or unknown, or a unit of length where no pixel size is known.
    """
    head = (
        pd.to_numeric(table["POSITION_X"], errors="coerce").isna()
        & pd.to_numeric(table["FRAME"], errors="coerce").isna()
    )
    header = min(int(head.to_numpy().cumprod().sum()), _HEADER_ROWS)
    units = {str(unit).strip("() ") for unit in table["POSITION_X"].iloc[:header]}
    known = units & (_MICROMETRES.keys() | PIXELS)
    if len(known) != 1:
        raise BrightfieldError(
            f"{path.name} does not say in which unit POSITION_X is, expected a header row with one of "
            f"{', '.join([*_MICROMETRES, *sorted(PIXELS)])} as TrackMate writes it. Export the table of spots again; or, if you "
            "know the unit, write columns frame, x, y in pixels."
        )
    unit = known.pop()
    if unit not in PIXELS and pixel_size_um is None:
        raise BrightfieldError(
            f"{path.name} has positions in {unit}: expected a pixel size to divide them by. Give it."
        )
    spots = table.iloc[header:]
    if _VISIBLE in spots:  # TrackMate marks spots that were filtered out with 0
        spots = spots[pd.to_numeric(spots[_VISIBLE], errors="coerce") != 0]
    side = _pixel_in(unit, pixel_size_um or 1.0)
    # a cell that is no number stays as it is, for the message
    columns = {
        "frame": spots["FRAME"],
        "x": _scaled(spots["POSITION_X"], side),
        "y": _scaled(spots["POSITION_Y"], side),
    }
    if _TRACK in spots and spots[_TRACK].notna().any():
        columns["particle"] = spots[_TRACK]
    found = pd.DataFrame(columns, index=spots.index)
    return found.infer_objects()  # the header rows made all columns objects


def _scaled(column: pd.Series, side: float) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return column if (numbers.isna() & column.notna()).any() else numbers / side


def _pixel_in(unit: str, pixel_size_um: float) -> float:
    return 1.0 if unit in PIXELS else pixel_size_um / _MICROMETRES[unit]


def read_xml(path: Path, pixel_size_um: float) -> pd.DataFrame:
    """Columns frame, x and y in pixels, from a file that TrackMate saved or that holds its tracks; a searched frame without spots
    has one row with x and y left empty.

    Args:
        path: the file.
        pixel_size_um: pixel size, used if the file does not hold one.

    Raises:
        BrightfieldError: the file is not a complete file of TrackMate.
    """
    if path.stat().st_size > MAX_BYTES:
        raise BrightfieldError(f"{path} has {path.stat().st_size:,} bytes, expected at most {MAX_BYTES:,}.")
    reader = _Reader()
    try:
        with path.open("rb") as file:
            reader.parser.ParseFile(file)
        return reader.table(pixel_size_um)
    except (expat.ExpatError, ValueError, KeyError, OSError) as error:
        raise BrightfieldError(
            f"{path} cannot be read as XML of TrackMate ({error}), expected a file saved by TrackMate, or its tracks "
            "exported to XML. Save it again."
        ) from error


class _Reader:
    """Collects spots while the file is parsed; a document type, which can define entities (XML bombs), is refused."""

    def __init__(self) -> None:
        self.parser: Any = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.root: str | None = None
        self.unit = ""
        self.pixel: tuple[float, float] | None = None
        self.rows: list[tuple[float, float, float]] = []
        self.searched: set[float] = set()

    def table(self, pixel_size_um: float) -> pd.DataFrame:
        if self.pixel is None and self.unit not in _MICROMETRES.keys() | PIXELS:
            raise ValueError(f"its unit of length is {self.unit!r}")
        x_side, y_side = self.pixel or (_pixel_in(self.unit, pixel_size_um),) * 2
        empty = self.searched - {frame for frame, _, _ in self.rows}
        rows = [(frame, x / x_side, y / y_side) for frame, x, y in self.rows]
        return pd.DataFrame([*rows, *((frame, np.nan, np.nan) for frame in sorted(empty))], columns=["frame", "x", "y"])

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self.root = name
            if name not in ("TrackMate", "Tracks"):
                raise ValueError(f"it begins with <{name[:40]}>")
        if name == "Tracks":
            self.unit = attributes["spaceUnits"]
        elif name == "Model":
            self.unit = attributes["spatialunits"]
        elif name == "ImageData":
            self.pixel = float(attributes["pixelwidth"]), float(attributes["pixelheight"])
            if not (0 < self.pixel[0] < np.inf and 0 < self.pixel[1] < np.inf):
                raise ValueError(f"a pixel is {self.pixel[0]} x {self.pixel[1]}")
        elif name == "SpotsInFrame":
            self.searched.add(float(attributes["frame"]))
        elif name == "Spot" and attributes.get("VISIBILITY") != "0":
            self.rows.append((float(attributes["FRAME"]), *self._place(attributes, "POSITION_X", "POSITION_Y")))
        elif name == "detection":
            self.rows.append((float(attributes["t"]), *self._place(attributes, "x", "y")))

    @staticmethod
    def _place(attributes: dict[str, str], x: str, y: str) -> tuple[float, float]:
        place = float(attributes[x]), float(attributes[y])
        if not np.isfinite(place).all():
            raise ValueError(f"a spot lies at {place}")
        return place

    @staticmethod
    def _refuse(*_: object) -> None:
        raise ValueError("it declares a document type")
