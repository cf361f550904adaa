"""Overlays: images with the answer drawn into them. The file of each type defines how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from brightfield.results import Result, form_of
from brightfield.results.canvas import Canvas

Scale = int | Literal["auto"]

LARGEST_FACTOR = 4  # largest enlargement by "auto"
GAP_PX, TITLE_PX = 8, 22  # between panels, and the height of the line above each
ENLARGE_UP_TO_PX = 1024  # longest side up to which "auto" enlarges


def overlay(image: npt.NDArray[Any], result: Result, truth: Result | None = None, scale: Scale = "auto") -> Canvas:
    """Draw an answer, and the truth when it is known, into an image.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), any integer or float type.
        result: the answer to this image.
        truth: the truth, of the same type as the answer.
        scale: factor of enlargement; ``auto``: 1 to 4, such that the longer side stays within 1024 px.

    Returns:
        (H, W, 3) uint8; enlarged, with a frame or further panels according to the type.

    Raises:
        ValueError: a shape that is not an image, a map or picture of another size, or truth of another type.
    """
    _check_image(image)
    if truth is not None and type(truth) is not type(result):
        raise ValueError(f"truth must have the type of the answer, {type(result).__name__}, got {type(truth).__name__}")
    return form_of(type(result)).draw(image, result, truth, _factor(image.shape, scale))


def side_by_side(
    image: npt.NDArray[Any], answers: Mapping[str, Result], truth: Result | None = None, scale: Scale = "auto"
) -> Canvas:
    """Draw several answers to one image next to each other, each below its name.

    Args:
        image: as for :func:`overlay`.
        answers: at least one, all of one type, by the names that stand above them.
        truth: the truth, of the same type, drawn as an overlay shows it.
        scale: factor of enlargement; ``auto``: 1 to 4, such that the longer side of one panel stays within 1024 px.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: as :func:`overlay`; no answer, or answers of several types.
    """
    _check_image(image)
    kinds = {type(each) for each in (*answers.values(), *([] if truth is None else [truth]))}
    if len(kinds) != 1 or not answers:
        came = ", ".join(sorted(kind.__name__ for kind in kinds)) or "none"
        raise ValueError(f"expected answers and truth of one type, got {came}")
    form, factor = form_of(kinds.pop()), _factor(image.shape, scale)
    if form.panels is not None:
        panels = form.panels(image, answers, truth, factor)
    else:
        panels = {name: form.draw(image, each, truth, factor) for name, each in answers.items()}
    return _in_a_row(panels)


def _in_a_row(panels: Mapping[str, Canvas]) -> Canvas:
    """Panels (H, W, 3) in a row on white, each below its title."""
    from PIL import Image, ImageDraw, ImageFont

    widths = [panel.shape[1] for panel in panels.values()]
    row = Image.new(
        "RGB",
        (sum(widths) + GAP_PX * (len(widths) - 1), TITLE_PX + max(panel.shape[0] for panel in panels.values())),
        "white",
    )
    draw, font, x = ImageDraw.Draw(row), ImageFont.load_default(TITLE_PX - 6), 0
    for title, panel in panels.items():
        draw.text((x + 2, 1), title, fill="black", font=font)
        row.paste(Image.fromarray(panel), (x, TITLE_PX))
        x += panel.shape[1] + GAP_PX
    return np.array(row)


def _check_image(image: npt.NDArray[Any]) -> None:
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)) or not image.size:
        raise ValueError(f"an image must be (H, W), or (H, W, C) with 1, 3 or 4 channels, got {image.shape}")


def _factor(shape: tuple[int, ...], scale: Scale) -> int:
    if scale == "auto":
        return int(np.clip(ENLARGE_UP_TO_PX // max(shape[:2]), 1, LARGEST_FACTOR))
    if scale < 1:
        raise ValueError(f"a scale must be 'auto' or a whole number of at least 1, got {scale}")
    return scale
