"""Open image files of any origin: whatever a file contains, the worst outcome is a :class:`BrightfieldError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image, squeeze
from brightfield.images.formats import microscopes, npy, ome_zarr, png_jpeg, tiff, video
from brightfield.images.formats.source import MAX_PIXELS, Header, Source
from brightfield.images.links import pointer
from brightfield.images.transparency import has_fourth_channel, opaque_fourth

MAX_STACK_PIXELS = 10 * MAX_PIXELS  # maximum for read_stack, which holds all frames in memory; `frames` does not

Opener = Callable[[Path, bool], AbstractContextManager[Source]]
OPENERS: dict[str, Opener] = {
    **dict.fromkeys(png_jpeg.SUFFIXES, png_jpeg.open_picture),
    **dict.fromkeys(tiff.SUFFIXES, tiff.open_tiff),
    **dict.fromkeys(npy.SUFFIXES, npy.open_npy),
    **dict.fromkeys(video.SUFFIXES, video.open_video),
    **dict.fromkeys(microscopes.SUFFIXES, microscopes.open_microscope),
    **dict.fromkeys(ome_zarr.SUFFIXES, ome_zarr.open_ome_zarr),
}
SUFFIXES = ", ".join(OPENERS)


@contextmanager
def open_frames(path: Path, *, indices: bool = False) -> Iterator[Source]:
    """Open the frames of a file. Any error of a decoder, which broken files cause, becomes a BrightfieldError with the name."""
    path = Path(path)
    try:
        _check_file(path)
        with OPENERS[path.suffix.lower()](path, indices) as source:
            yield source
    except BrightfieldError:
        raise
    except Exception as error:
        reason = " ".join(str(error).replace(str(path), path.name).split())[:200] or type(error).__name__
        raise BrightfieldError(
            f"{path} cannot be read as an image: {reason}. It may be truncated or not be what its name says, "
            f"expected a whole {path.suffix.lower().lstrip('.')} file. Copy it again from its source, or leave it out."
        ) from error


def header(path: Path) -> Header:
    """What a file says beside its pixels: the size of a pixel, times, and what of it is not read.

    Raises:
        BrightfieldError: the file is not an image that can be read.
    """
    with open_frames(path) as source:
        return source.header()


def is_file(path: Path) -> bool:
    """Whether a path is a file, or a folder that counts as one because it holds an image in chunks."""
    return path.is_file() or (path.suffix.lower() in ome_zarr.SUFFIXES and path.is_dir())


def _check_file(path: Path) -> None:
    if not is_file(path):
        raise BrightfieldError(f"There is no file {path}.")
    if path.suffix.lower() not in OPENERS:
        raise BrightfieldError(f"{path} is not an image by its name, expected one that ends in {SUFFIXES}.")
    if path.is_file() and path.stat().st_size == 0:
        raise BrightfieldError(f"{path} is empty (0 bytes), expected an image. Copy it again from its source.")
    if (meant := pointer(path)) is not None:
        raise BrightfieldError(
            f"{path} is the text of a link ({meant[:80]}), expected an image. Copy the folder with what its links mean (`cp -rL`), "
            "or fetch the files (`dvc pull`, `git annex get`, `git lfs pull`)."
        )


def standardise(path: Path, raw: Image) -> Image:
    """Convert the raw array of one frame to a shape and type that :func:`brightfield.images.read` promises."""
    array = squeeze(raw)
    if has_fourth_channel(array):
        array = opaque_fourth(path, array)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] != 3) or array.size == 0:
        raise BrightfieldError(f"{path} has shape {raw.shape}, expected (height, width) or (height, width, 3).")
    if array.dtype.kind not in "buif":
        raise BrightfieldError(f"{path} holds {array.dtype} values, expected whole or real numbers.")
    if array.dtype.kind == "b":
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is refused below
        array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise BrightfieldError(f"{path} holds {bad} values that are nan or infinite, expected numbers everywhere.")
    return array


def size_of(image: Image) -> str:
    """Height x width, as messages name it."""
    return " x ".join(map(str, image.shape))
