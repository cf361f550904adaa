"""Positions in one frame: rows of ``positions.csv``, which trackpy reads, and no file other than the overlay."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brightfield.results.base import BaseResult, Entry, Form, KnownTruth, Metadata, expect
from brightfield.results.canvas import FOUND, TRUE, Canvas, Colour, PixelWindow, enlarge, stretch

if TYPE_CHECKING:
    import pandas as pd

RING_PX = 7.0  # radius around a true position on a tile, in pixels of the image
VISIBLE_PX = 2.5  # least radius of a ring that is more than a dot, in pixels of the drawing


@dataclass(frozen=True)
class Points(BaseResult):
    """Positions in one frame.

    Attributes:
        positions: (N, 2) float64, columns x and y in pixels.
        quality: (N,) float64 in [0, 1], 1 for truth.
        errors: (N, 2) float64, standard errors of x and y in pixels, nan for a bead whose errors are unknown; None where the model
            does not estimate them, and for truth.
        radius: (N,) float64 in pixels, of the disc around each position in which the true one is guaranteed to be, with the
            probability that the model promises; None where nothing is guaranteed, and for truth.
    """

    positions: npt.NDArray[np.float64]
    quality: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64] | None = None
    radius: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        two_columns = self.positions.ndim == 2 and self.positions.shape[1] == 2
        expect(two_columns, "positions must be (N, 2)", self.positions.shape)
        expect(self.quality.shape == (len(self.positions),), "expected one quality per position", self.quality.shape)
        expect(bool(np.isfinite(self.positions).all()), "positions must be finite", self.positions)
        if self.errors is not None:
            expect(self.errors.shape == self.positions.shape, "expected two errors per position", self.errors.shape)
            expect(not (self.errors < 0).any(), "errors must not be negative", self.errors)
        if self.radius is not None:
            expect(self.radius.shape == (len(self.positions),), "expected one radius per position", self.radius.shape)
            expect(not (self.radius < 0).any(), "radii must not be negative", self.radius)

    @classmethod
    def exact(cls, positions: npt.ArrayLike) -> Points:
        """True positions, (N, 2), with quality 1."""
        array = np.asarray(positions, dtype=np.float64).reshape(-1, 2)
        return cls(array, np.ones(len(array)))


def position_rows(answer: Points) -> pd.DataFrame:
    """Columns x, y (px) and quality, one row per bead; where the answer has them, x_error and y_error, and radius_px (px)."""
    import pandas as pd

    x, y = answer.positions.T
    table = pd.DataFrame({"x": x, "y": y, "quality": answer.quality})
    if answer.errors is not None:
        table["x_error"], table["y_error"] = answer.errors.T
    if answer.radius is not None:
        table["radius_px"] = answer.radius
    return table


def position_table(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of several frames in order: frame (its number), the columns of :func:`position_rows`, and image (its name)."""
    import pandas as pd

    tables = [table.assign(frame=i, image=name) for i, (name, table) in enumerate(rows.items())]
    whole = pd.concat(tables, ignore_index=True)
    return whole[["frame", *(column for column in whole.columns if column not in ("frame", "image")), "image"]]


def _rows(answer: Points, metadata: Metadata) -> pd.DataFrame:
    del metadata
    return position_rows(answer)


def _plain(answer: Points) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": "tracking", "positions": answer.positions, "quality": answer.quality}
    return plain if answer.radius is None else {**plain, "radius_px": answer.radius}


def _draw(image: npt.NDArray[Any], result: Points, truth: Points | None, factor: int) -> Canvas:
    """Draw a cross at each position, to a fraction of a pixel, and a circle at each true position.

    A guaranteed radius is drawn as a ring where it is wide enough to be seen.
    """
    canvas = enlarge(stretch(image), factor)
    arm = max(12.0, max(canvas.shape[:2]) / 80)
    if truth is not None:
        _mark(canvas, truth.positions, factor, TRUE, arm, partial(_ring, radius=0.8 * arm))
    _mark(canvas, result.positions, factor, FOUND, arm, partial(_cross, arm=arm))
    if result.radius is not None:
        for position, drawn in zip(result.positions, result.radius * factor, strict=True):
            if drawn >= VISIBLE_PX:
                _mark(canvas, position[None], factor, FOUND, drawn, partial(_ring, radius=drawn))
    return canvas


Distance = npt.NDArray[np.float64]


def _ring(dx: Distance, dy: Distance, radius: float) -> Distance:
    """Distance from a circle."""
    distance: Distance = np.abs(np.hypot(dx, dy) - radius)
    return distance


def _cross(dx: Distance, dy: Distance, arm: float) -> Distance:
    """Distance from a cross with an open middle, which shows the bead."""
    x, y = np.abs(dx), np.abs(dy)
    along, aside = np.maximum(x, y), np.minimum(x, y)
    distance: Distance = np.hypot(aside, along - np.clip(along, 0.25 * arm, arm))
    return distance


def _mark(
    canvas: Canvas,
    positions: npt.NDArray[np.float64],
    factor: int,
    colour: Colour,
    reach: float,
    shape: Callable[[Distance, Distance], Distance],
) -> None:
    """Blend a smooth mark 2 px wide around each position; marks are cut off at the edge of the canvas."""
    margin = math.ceil(reach) + 2
    height, width = canvas.shape[:2]
    for x, y in (positions + 0.5) * factor - 0.5:
        rows = np.arange(max(0, math.floor(y) - margin), min(height, math.floor(y) + margin + 2))
        cols = np.arange(max(0, math.floor(x) - margin), min(width, math.floor(x) + margin + 2))
        if not (rows.size and cols.size):
            continue
        distance = shape(*np.broadcast_arrays(cols[None, :] - x, rows[:, None] - y))
        opacity = np.clip(1.5 - distance, 0, 1)[..., None]
        patch = canvas[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        patch[:] = np.round(patch * (1 - opacity) + opacity * np.array(colour)).astype(np.uint8)


def _mark_truth(tile: Canvas, truth: KnownTruth, window: PixelWindow) -> Canvas:
    """Draw a ring around each bead."""
    from PIL import Image, ImageDraw

    if "positions" not in truth.fields:
        return tile
    picture = Image.fromarray(tile)
    draw = ImageDraw.Draw(picture)
    radius = RING_PX * window.factor
    for x, y in truth.fields["positions"]:
        cx, cy = ((place + 0.5) * window.factor - 0.5 for place in (x - window.left, y - window.top))
        draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), outline=TRUE, width=2)
    return np.array(picture)


Points.FORM = Form(
    table="positions.csv",
    columns=("frame", "x", "y", "quality"),
    rows=_rows,
    files={},
    draw=_draw,
    plain=_plain,
    entries=(
        Entry("positions", "float64", 2),
        Entry("quality", "float64", 1),
        Entry("radius_px", "float64", 1, always=False),
    ),
    mark_truth=_mark_truth,
    combine=position_table,
)
