"""Microscopes' own files: ND2 of Nikon, CZI of Zeiss and LIF of Leica, by the readers of bioio.

They are optional (``brightfield[formats]``): large, and the one for CZI is under GPL-3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images import pixel_size
from brightfield.images.formats.source import Header, Source, check_axes, check_size, times_at


def _nd2() -> Any:
    from bioio_nd2 import Reader

    return Reader


def _czi() -> Any:
    from bioio_czi import Reader

    return Reader


def _lif() -> Any:
    from bioio_lif import Reader

    return Reader


READERS: dict[str, Callable[[], Any]] = {".nd2": _nd2, ".czi": _czi, ".lif": _lif}
SUFFIXES = tuple(READERS)


@contextmanager
def open_microscope(path: Path, indices: bool) -> Iterator[Source]:
    """Open a file of one scene, whose frames are its time points or its planes."""
    image = _reader(path)(path)
    scenes = list(image.scenes)
    if len(scenes) != 1:
        raise BrightfieldError(
            f"{path} holds {len(scenes)} scenes ({', '.join(map(str, scenes[:5]))}), expected one. Export each scene, or position, "
            "as a file of its own."
        )
    axes, shape = str(image.dims.order), tuple(image.shape)
    count = check_axes(path, axes, shape)
    sizes = dict(zip(axes, shape, strict=True))
    check_size(path, sizes["Y"], sizes["X"])
    sequence = next((axis for axis, length in sizes.items() if axis not in "YXS" and length > 1), None)
    order = "YXS" if sizes.get("S", 1) > 1 else "YX"

    def frame(number: int) -> Any:
        chosen = {axis: 0 for axis in axes if axis not in order}
        if sequence is not None:
            chosen[sequence] = number
        pixels = np.asarray(image.get_image_dask_data(order, **chosen).compute())
        if not pixels.any():  # the readers fill what is missing with zeros; a camera has an offset
            raise ValueError(f"frame {number} is zero everywhere: a part of the pixels is missing")
        return pixels

    yield Source(count, frame, lambda: _header(image, count if sequence == "T" else 1))


def _reader(path: Path) -> Any:
    try:
        return READERS[path.suffix.lower()]()
    except ImportError as error:
        raise BrightfieldError(
            f"{path} is a microscope's own file, which needs the reader {error.name}. Install it with `make formats` (or "
            "`pip install brightfield[formats]`), or save the file as OME-TIFF."
        ) from error


def _header(image: Any, count: int) -> Header:
    sides = image.physical_pixel_sizes  # in micrometres
    interval = image.time_interval if count > 1 else None
    # the reader of CZI gives milliseconds, that of LIF nothing
    seconds = interval.total_seconds() if isinstance(interval, timedelta) else float(interval or 0) / 1000
    return Header(pixel_size.plausible(sides.X, sides.Y), times_at(seconds, count))
