"""What every format gives: an open file with its frames, and what its header says beside the pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image

MAX_PIXELS = 100_000_000  # maximum for one image: a file of a few kilobytes can claim any size (decompression bomb)
MAX_CHANNELS = 7  # maximum for a composite of channels; a longer axis C is taken as frames


@dataclass(frozen=True)
class Header:
    """What a file says beside its pixels.

    Attributes:
        pixel_size_um: side of a pixel in micrometres; None: the file does not say, or nothing plausible.
        times_s: time of each frame in seconds from the first; empty: the file does not say.
        notes: one sentence for each thing of the file that was not read, such as a thumbnail.
    """

    pixel_size_um: float | None = None
    times_s: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def frame_rate_hz(self) -> float | None:
        """Frames per second, from the median time between frames; None for fewer than two times."""
        steps = sorted(after - before for before, after in zip(self.times_s, self.times_s[1:], strict=False))
        middle = steps[len(steps) // 2] if steps else 0.0
        return 1 / middle if middle > 0 else None


@dataclass(frozen=True)
class Source:
    """An open file: the number of frames, and functions that read a frame and the header.

    Attributes:
        count: number of frames.
        get: reads the raw array of a frame by its number, from 0.
        header: reads what the file says beside its pixels; only where asked, because it takes time.
    """

    count: int
    get: Callable[[int], Image]
    header: Callable[[], Header] = Header


def times_at(interval_s: float, count: int) -> tuple[float, ...]:
    """The times of frames at equal intervals; none where the interval says nothing."""
    return tuple(i * interval_s for i in range(count)) if interval_s > 0 and math.isfinite(interval_s) else ()


def check_size(path: Path, *shape: int) -> None:
    """Raise BrightfieldError for an image of more than ``MAX_PIXELS``."""
    if math.prod(shape) > MAX_PIXELS:
        raise BrightfieldError(
            f"{path} claims {' x '.join(map(str, shape))} pixels, expected at most {MAX_PIXELS:,}. Cut it into pieces."
        )


def check_axes(path: Path, axes: str, shape: tuple[int, ...]) -> int:
    """The number of frames of a file.

    Args:
        path: the file, for messages.
        axes: a letter for each axis: Y and X, S for colours, T for time, C for channels, and others.
        shape: the length of each.

    Raises:
        BrightfieldError: the axes are more than one sequence of frames, such as channels.
    """
    more = [(axis, length) for axis, length in zip(axes, shape, strict=True) if axis not in "YXS" and length > 1]
    if len(more) > 1 or any(axis == "C" and length <= MAX_CHANNELS for axis, length in more):
        raise BrightfieldError(
            f"{path} has the axes {axes} of sizes {' x '.join(map(str, shape))}, expected one image or one sequence of "
            "frames. Save the channel or the plane you want as a file of its own."
        )
    return more[0][1] if more else 1
