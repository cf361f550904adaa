"""What of an answer lies over an image in a viewer, and how each part of it compares with the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

# how a cell or a position compares with the truth
RIGHT, MISSED, INVENTED, MERGED, SPLIT = "right", "missed", "invented", "merged", "split"


@dataclass(frozen=True)
class Layers:
    """The parts of an answer, or of the truth; what a type of answer has not stays empty.

    Attributes:
        picture: (H, W), an answer that is itself an image.
        instances: (H, W) int32, the number of the cell of each pixel, 0 for none.
        verdicts: of each cell from 1 (entry 0 is unused), or of each position; empty where there is nothing to compare with.
        points: (N, 2), columns x and y in pixels.
        residuals: (K, 4), columns x and y of a true position and of the answer to it.
        words: what is said of the whole image.
    """

    picture: npt.NDArray[Any] | None = None
    instances: npt.NDArray[np.int32] | None = None
    verdicts: tuple[str, ...] = ()
    points: npt.NDArray[np.float64] | None = None
    residuals: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))
    words: str = ""
