"""An image with the answer drawn into it, to be looked at.

Grey values are stretched between the 0.5 and 99.5 percentile. Small images are enlarged by whole pixels, and marks are
drawn at the enlarged scale: position (x, y) lies at ((x + 0.5) factor - 0.5, (y + 0.5) factor - 0.5) there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from brightfield.results import ClassMap, Label, Picture, Points, Result

Canvas = npt.NDArray[np.uint8]  # (H, W, 3)
Limits = tuple[float, float]
Scale = int | Literal["auto"]
Colour = tuple[int, int, int]

PERCENTILES = (0.5, 99.5)
LARGEST_FACTOR = 4
ENLARGE_UP_TO_PX = 1024  # "auto" does not make an image larger than this
GOOD: Colour = (0, 170, 60)
BAD: Colour = (220, 30, 30)
FOUND: Colour = (255, 80, 0)  # orange against blue can be told apart by everyone
TRUE: Colour = (0, 200, 255)
CLASS_COLOURS: tuple[Colour, ...] = ((90, 160, 255), (255, 210, 60), (120, 220, 120), (240, 120, 220), (90, 230, 230))
TINT = 0.25  # opacity of the class colour
DASH_PX = 3
GAP_PX = 6


def overlay(image: npt.NDArray[Any], result: Result, truth: Result | None = None, scale: Scale = "auto") -> Canvas:
    """Draw an answer, and the truth when it is known, into an image.

    - ``ClassMap``: classes as a tint, instances with an outline each; true ones dashed black and white.
    - ``Points``: a cross at each position, to a fraction of a pixel; true positions as circles.
    - ``Label``: a green (positive) or red frame and the probability; the true class as a dashed frame inside it.
    - ``Picture``: the image and the answer side by side, then the truth when it is known, then how far off each pixel may be when
      the answer says it (bright is unsure, on a scale of its own from 0).

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), any integer or float type.
        result: the answer to this image.
        truth: the truth, of the same type as the answer.
        scale: the factor of enlargement; ``auto``: 1 to 4, so that the longer side stays within 1024 px.

    Returns:
        (H, W, 3) uint8; enlarged, and larger than that by the frame or the panels beside it.

    Raises:
        ValueError: a shape that is not an image, a map or picture of another size, a truth of another type.
    """
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)) or not image.size:
        raise ValueError(f"an image is (H, W), or (H, W, C) with 1, 3 or 4 channels, got {image.shape}")
    if truth is not None and type(truth) is not type(result):
        raise ValueError(f"truth is of the type of the answer, {type(result).__name__}, got {type(truth).__name__}")
    factor = _factor(image.shape, scale)
    return _DRAW[type(result)](image, result, truth, factor)


def _factor(shape: tuple[int, ...], scale: Scale) -> int:
    if scale == "auto":
        return int(np.clip(ENLARGE_UP_TO_PX // max(shape[:2]), 1, LARGEST_FACTOR))
    if scale < 1:
        raise ValueError(f"a scale is 'auto' or a whole number of at least 1, got {scale}")
    return scale


def stretch(image: npt.NDArray[Any], limits: Limits | None = None) -> Canvas:
    """(H, W, 3) uint8 with the limits at 0 and 255; all channels together, so that colours keep their balance.

    Args:
        image: (H, W) or (H, W, C); one channel becomes grey, a fourth is left out. What is not finite becomes black.
        limits: intensities for 0 and 255; the 0.5 and 99.5 percentile of the image when left out.
    """
    channels = np.atleast_3d(image)[..., :3].astype(np.float32)
    low, high = limits or limits_of(channels)
    with np.errstate(invalid="ignore"):
        grey = np.clip((channels - low) * (255.0 / max(high - low, 1e-12)), 0, 255)
    return np.broadcast_to(np.nan_to_num(grey).round().astype(np.uint8), (*channels.shape[:2], 3)).copy()


def limits_of(image: npt.NDArray[Any]) -> Limits:
    """The 0.5 and 99.5 percentile of the finite pixels."""
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, PERCENTILES) if finite.size else (0.0, 1.0)
    return float(low), float(high)


def _enlarge(array: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    return array if factor == 1 else array.repeat(factor, axis=0).repeat(factor, axis=1)


def _same_shape(image: npt.NDArray[Any], *arrays: npt.NDArray[Any]) -> None:
    for array in arrays:
        if array.shape != image.shape[:2]:
            raise ValueError(f"an answer is as large as its image, {image.shape[:2]}, got {array.shape}")


# --- class maps ------------------------------------------------------------------------------------------------------


def _class_map(image: npt.NDArray[Any], result: ClassMap, truth: ClassMap | None, factor: int) -> Canvas:
    _same_shape(image, *(each.classes for each in (result, truth) if each is not None))
    canvas = _enlarge(_tinted(stretch(image), result.classes), factor)
    ids = _enlarge(result.instances, factor)
    edge = _outline(ids, factor)
    canvas[edge] = _distinct(ids[edge])
    if truth is not None:
        y, x = np.nonzero(_outline(_enlarge(truth.instances, factor), factor))
        dash = (x + y) // DASH_PX % 4  # white, black, and twice nothing, where an answer underneath shows
        for turn, grey in enumerate((255, 0)):
            canvas[y[dash == turn], x[dash == turn]] = grey
    return canvas


def _tinted(canvas: Canvas, classes: npt.NDArray[np.uint8]) -> Canvas:
    colours = np.zeros((256, 3), dtype=np.float32)
    colours[1:] = np.resize(np.array(CLASS_COLOURS, dtype=np.float32), (255, 3))
    opacity = np.full((256, 1), TINT, dtype=np.float32)
    opacity[0] = 0
    return (canvas * (1 - opacity)[classes] + (opacity * colours)[classes]).astype(np.uint8)


def _outline(ids: npt.NDArray[np.int32], factor: int) -> npt.NDArray[np.bool_]:
    """The outermost pixels of each instance: one deep, or two in an enlarged image."""
    edge = _outermost(ids)
    return edge if factor == 1 else edge | _outermost(np.where(edge, np.int32(0), ids))


def _outermost(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Pixels of an instance that touch another value to the left, right, above or below."""
    edge = np.zeros(ids.shape, dtype=bool)
    across, down = ids[:, 1:] != ids[:, :-1], ids[1:] != ids[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge & (ids > 0)


def _distinct(ids: npt.NDArray[np.int32]) -> Canvas:
    """(N, 3): a bright colour for each id; steps of the golden ratio around the circle of hues keep near ids apart."""
    hue = (ids * 0.6180339887) % 1.0
    phase = np.abs((hue[:, None] * 6.0 + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0  # hexagonal colour model
    colours: Canvas = (55 + 200 * np.clip(phase, 0, 1)).astype(np.uint8)
    return colours


# --- positions -------------------------------------------------------------------------------------------------------


def _points(image: npt.NDArray[Any], result: Points, truth: Points | None, factor: int) -> Canvas:
    canvas = _enlarge(stretch(image), factor)
    arm = max(12.0, max(canvas.shape[:2]) / 80)
    if truth is not None:
        _mark(canvas, truth.positions, factor, TRUE, arm, partial(_ring, radius=0.8 * arm))
    _mark(canvas, result.positions, factor, FOUND, arm, partial(_cross, arm=arm))
    return canvas


Distance = npt.NDArray[np.float64]


def _ring(dx: Distance, dy: Distance, radius: float) -> Distance:
    """Distance from the circle."""
    distance: Distance = np.abs(np.hypot(dx, dy) - radius)
    return distance


def _cross(dx: Distance, dy: Distance, arm: float) -> Distance:
    """Distance from a cross whose middle is left open, so that the bead can be seen."""
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
    """Blend a smooth mark 2 px wide around each position; what lies outside the canvas is cut off."""
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


# --- labels and pictures ---------------------------------------------------------------------------------------------


def _label(image: npt.NDArray[Any], result: Label, truth: Label | None, factor: int) -> Canvas:
    crop = _enlarge(stretch(image), factor)
    height, width = crop.shape[:2]
    border, strip = max(3, width // 60), max(14, width // 12)
    canvas = np.empty((height + 2 * border + strip, width + 2 * border, 3), dtype=np.uint8)
    canvas[:] = _verdict(result)
    canvas[border : border + height, border : border + width] = crop
    text = f"{result.probability:.2f}"
    if truth is not None:
        _dashed_frame(canvas[border : border + height, border : border + width], _verdict(truth), border)
        text += f" (true {truth.probability:.0f})"
    return _written(canvas, text, (border, height + border), strip - 2)


def _verdict(label: Label) -> Colour:
    return GOOD if label.positive else BAD


def _dashed_frame(canvas: Canvas, colour: Colour, thickness: int) -> None:
    height, width = canvas.shape[:2]
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    depth = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    canvas[(depth < thickness) & ((x + y) // (4 * thickness) % 2 == 0)] = colour


def _written(canvas: Canvas, text: str, corner: tuple[int, int], size: int) -> Canvas:
    """White text, its upper left corner at (x, y)."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(canvas)
    ImageDraw.Draw(picture).text(corner, text, fill=(255, 255, 255), font=ImageFont.load_default(size))
    return np.array(picture)


def _picture(image: npt.NDArray[Any], result: Picture, truth: Picture | None, factor: int) -> Canvas:
    pictures = [each.pixels for each in (result, truth) if each is not None]
    _same_shape(image, *pictures)
    # answer and truth share their limits, so that equal intensities look equal; noise has wider ones of its own
    limits = limits_of(pictures[-1])
    panels = [stretch(image), *(stretch(each, limits) for each in pictures)]
    if result.deviation is not None:
        panels.append(stretch(result.deviation, (0.0, limits_of(result.deviation)[1])))
    panels = [_enlarge(panel, factor) for panel in panels]
    gap = np.full((panels[0].shape[0], GAP_PX, 3), 255, dtype=np.uint8)
    return np.concatenate([part for panel in panels for part in (gap, panel)][1:], axis=1)


_DRAW: dict[type, Callable[..., Canvas]] = {
    ClassMap: _class_map,
    Points: _points,
    Label: _label,
    Picture: _picture,
}
