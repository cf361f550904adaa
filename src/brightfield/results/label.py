"""The class of an image: one row of ``labels.csv``, and no file other than the overlay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brightfield.results.base import BaseResult, Entry, Form, KnownTruth, Metadata, expect
from brightfield.results.canvas import BAD, GOOD, Canvas, Colour, PixelWindow, enlarge, stretch

if TYPE_CHECKING:
    import pandas as pd

FRAME_PX = 4  # width of the frame in the colour of the true class, on a tile


@dataclass(frozen=True)
class Label(BaseResult):
    """The class of one image.

    Attributes:
        probability: probability of the positive class, in [0, 1]; exactly 0 or 1 for truth.
        threshold: smallest probability with which the answer is the positive class.
        class_set: numbers of the classes (0 and 1, rising) among which the true one is guaranteed to be, with the probability that
            the model promises; the answered class is one of them. None where nothing is guaranteed, and for truth.
    """

    probability: float
    threshold: float = 0.5
    class_set: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        expect(0.0 <= self.probability <= 1.0, "a probability must lie in [0, 1]", self.probability)
        if self.class_set is not None:
            expect(
                self.class_set in ((0,), (1,), (0, 1)), "a set of classes must be (0,), (1,) or (0, 1)", self.class_set
            )

    @property
    def positive(self) -> bool:
        """Whether the answer is the positive class."""
        return self.probability >= self.threshold


def _rows(answer: Label, metadata: Metadata) -> pd.DataFrame:
    """One row: probability (of the second class), answer (the name of a class), and where it is known the set ("good or bad")."""
    import pandas as pd

    named = metadata.classes[int(answer.positive)]
    table = pd.DataFrame({"probability": [answer.probability], "answer": [named]})
    if answer.class_set is not None:
        table["set"] = " or ".join(metadata.classes[each] for each in reversed(answer.class_set))
    return table


def _plain(answer: Label) -> dict[str, Any]:
    plain = {"kind": "classification", "probability": answer.probability}
    return plain if answer.class_set is None else {**plain, "class_set": list(answer.class_set)}


def _draw(image: npt.NDArray[Any], result: Label, truth: Label | None, factor: int) -> Canvas:
    """Draw a green (positive) or red frame and the probability, and the true class as a dashed frame inside it."""
    crop = enlarge(stretch(image), factor)
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
    """Write white text with its upper left corner at (x, y)."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(canvas)
    ImageDraw.Draw(picture).text(corner, text, fill=(255, 255, 255), font=ImageFont.load_default(size))
    return np.array(picture)


def _mark_truth(tile: Canvas, truth: KnownTruth, window: PixelWindow) -> Canvas:
    """Draw a frame in the colour of the class."""
    from PIL import Image, ImageDraw

    del window
    if "label" not in truth.row:
        return tile
    picture = Image.fromarray(tile)
    colour = GOOD if float(str(truth.row["label"])) > 0.5 else BAD
    corners = (0, 0, picture.width - 1, picture.height - 1)
    ImageDraw.Draw(picture).rectangle(corners, outline=colour, width=FRAME_PX)
    return np.array(picture)


Label.FORM = Form(
    table="labels.csv",
    columns=("image", "probability", "answer"),
    rows=_rows,
    files={},
    draw=_draw,
    plain=_plain,
    entries=(Entry("probability", "float64"), Entry("class_set", "int64", 1, always=False)),
    mark_truth=_mark_truth,
)
