"""Contact sheets: small images in rows, each with a few lines of text below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.results.canvas import Canvas, stretch

PER_ROW, TILE_PX, TEXT_PX, GAP_PX = 10, 128, 13, 8


def contact_sheet(
    crops: Iterable[npt.NDArray[Any]], captions: Sequence[Sequence[str]], titles: Sequence[str] = ()
) -> Canvas:
    """Draw images in rows of ten, scaled to the same size with their aspect ratios preserved.

    Args:
        crops: (H, W) or (H, W, 3) each, of any size and type; read one at a time.
        captions: the lines below each image: the first black, the others grey. A line that is too long is cut in the middle, as
            names differ most at their ends; unprintable characters become question marks.
        titles: lines above all images.

    Returns:
        (H, W, 3) uint8.
    """
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    head = len(titles) * (TEXT_PX + 2) + (GAP_PX if titles else 0)
    step = TILE_PX + GAP_PX
    height = TILE_PX + max((len(lines) for lines in captions), default=0) * TEXT_PX + 2 * GAP_PX
    rows = -(-len(captions) // PER_ROW)
    sheet = Image.new("RGB", (PER_ROW * step + GAP_PX, head + rows * height + GAP_PX), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT_PX - 2)
    for i, title in enumerate(titles):
        draw.text((GAP_PX, GAP_PX + i * (TEXT_PX + 2)), _printable(title), fill="black", font=font)
    for place, (crop, lines) in enumerate(zip(crops, captions, strict=True)):
        x, y = GAP_PX + place % PER_ROW * step, head + GAP_PX + place // PER_ROW * height
        tile = Image.fromarray(stretch(crop))
        sheet.paste(ImageOps.pad(tile, (TILE_PX, TILE_PX), Image.Resampling.BICUBIC, "white"), (x, y))
        for i, line in enumerate(lines):
            caption = _fitted(_printable(line), font)
            draw.text((x, y + TILE_PX + 1 + i * TEXT_PX), caption, fill="gray" if i else "black", font=font)
    return np.asarray(sheet)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _fitted(text: str, font: Any) -> str:
    """The text, its middle replaced by dots if it is wider than a tile."""
    length, fitted = len(text), text
    while length > 2 and font.getlength(fitted) > TILE_PX:
        length -= 1
        fitted = f"{text[: -(-length // 2)]}...{text[len(text) - length // 2 :]}"
    return fitted
