"""The frame rate and the pixel size of a movie, from columns that ``predict`` and ``locate`` write where its files state them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import read_csv

TIME, PIXEL = "time_s", "pixel_size_um"
UNEVEN = 0.05  # relative spread of the time of a frame up to which frames are evenly spaced


@dataclass(frozen=True)
class Recording:
    """How a movie was taken.

    Attributes:
        frame_rate_hz: frames per second.
        pixel_size_um: side of a pixel in micrometres.
    """

    frame_rate_hz: float
    pixel_size_um: float


def recording(path: Path, frame_rate_hz: float | None = None, pixel_size_um: float | None = None) -> Recording:
    """What the user gave, and for the rest what the table states.

    Args:
        path: the table of positions.
        frame_rate_hz: as given; None: from the columns frame and time_s.
        pixel_size_um: as given; None: from the column pixel_size_um.

    Raises:
        BrightfieldError: the table does not state what was not given, or frames are not evenly spaced in time.
    """
    if frame_rate_hz is not None and pixel_size_um is not None:
        return Recording(frame_rate_hz, pixel_size_um)
    table = read_csv(path, (), optional=("frame", TIME, PIXEL))
    return Recording(frame_rate_hz or _frame_rate(path, table), pixel_size_um or _pixel_size(path, table))


def _pixel_size(path: Path, table: pd.DataFrame) -> float:
    sizes = _numbers(table, PIXEL)
    if not len(sizes) or not sizes.min() > 0:
        raise BrightfieldError(f"{path.name} states no pixel size (column {PIXEL}). Give it with --pixel-size.")
    if sizes.max() > 1.001 * sizes.min():
        raise BrightfieldError(
            f"{path.name} states pixel sizes from {sizes.min():g} to {sizes.max():g} um, expected one. Give it with --pixel-size."
        )
    return float(sizes[0])


def _frame_rate(path: Path, table: pd.DataFrame) -> float:
    if not {"frame", TIME} <= set(table) or table[TIME].isna().all():
        raise BrightfieldError(f"{path.name} states no times (column {TIME}). Give --frame-rate.")
    moments = (
        table[["frame", TIME]]
        .apply(pd.to_numeric, errors="coerce")
        .dropna()
        .drop_duplicates("frame")
        .sort_values("frame")
    )
    steps = np.diff(moments[TIME]) / np.diff(moments["frame"])
    if not len(steps) or not np.median(steps) > 0:
        raise BrightfieldError(f"{path.name} has times of one frame only, or none that grow. Give --frame-rate.")
    if (steps < 0).any():
        frame = int(moments["frame"].iloc[int(np.argmax(steps < 0)) + 1])
        raise BrightfieldError(
            f"{path.name}: the time goes back at frame {frame}, as where two movies were joined, expected one movie. Locate each "
            "by itself, or give --frame-rate if these are pieces of one."
        )
    middle = float(np.median(steps))
    low, high = np.quantile(steps, [0.05, 0.95])
    if high - low > UNEVEN * middle:
        raise BrightfieldError(
            f"{path.name}: a frame lasts from {low:.4g} to {high:.4g} s, expected frames evenly spaced in time. Give --frame-rate "
            "if the times are wrong."
        )
    return 1 / middle


def _numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    if column not in table:
        return np.empty(0)
    return pd.to_numeric(table[column], errors="coerce").dropna().to_numpy(float)
