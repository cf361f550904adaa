"""Contact sheets: small images in rows, each with a few lines of text below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.results.canvas import Canvas, stretch

A_ROW, TILE_PX, TEXT_PX, GAP_PX = 10, 128, 13, 8


def contact_sheet(
    crops: Iterable[npt.NDArray[Any]], captions: Sequence[Sequence[str]], titles: Sequence[str] = ()
) -> Canvas:
    """Draw images in rows of ten, at one size and with their sides in proportion.

    Args:
        crops: (H, W) or (H, W, 3) each, of any size and type; taken one at a time.
        captions: for each image the lines below it: the first black, the others grey. What is too long loses its middle, as
            names tell most at their ends; what cannot be printed becomes a question mark.
        titles: lines above all of them.

    Returns:
        (H, W, 3) uint8.
    """
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    head = len(titles) * (TEXT_PX + 2) + (GAP_PX if titles else 0)
    step = TILE_PX + GAP_PX
    height = TILE_PX + max((len(lines) for lines in captions), default=0) * TEXT_PX + 2 * GAP_PX
    rows = -(-len(captions) // A_ROW)
    sheet = Image.new("RGB", (A_ROW * step + GAP_PX, head + rows * height + GAP_PX), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT_PX - 2)
    for i, title in enumerate(titles):
        draw.text((GAP_PX, GAP_PX + i * (TEXT_PX + 2)), _printable(title), fill="black", font=font)
    for place, (crop, lines) in enumerate(zip(crops, captions, strict=True)):
        x, y = GAP_PX + place % A_ROW * step, head + GAP_PX + place // A_ROW * height
        tile = Image.fromarray(stretch(crop))
        sheet.paste(ImageOps.pad(tile, (TILE_PX, TILE_PX), Image.Resampling.BICUBIC, "white"), (x, y))
        for i, line in enumerate(lines):
            told = _fitted(_printable(line), font)
            draw.text((x, y + TILE_PX + 1 + i * TEXT_PX), told, fill="gray" if i else "black", font=font)
    return np.asarray(sheet)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _fitted(text: str, font: Any) -> str:
    """The text, or as much of both its ends as is no wider than a tile."""
    kept, told = len(text), text
    while kept > 2 and font.getlength(told) > TILE_PX:
        kept -= 1
        told = f"{text[: -(-kept // 2)]}...{text[len(text) - kept // 2 :]}"
    return told
