"""Open image files of any origin: whatever a file contains, the worst outcome is a :class:`BrightfieldError`."""

from __future__ import annotations

import logging
import math
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image
from brightfield.images.links import pointer

MAX_PIXELS = 100_000_000  # maximum for one image: a file of a few kilobytes can claim any size (decompression bomb)
MAX_STACK_PIXELS = 10 * MAX_PIXELS  # maximum for read_stack, which holds all frames in memory; `frames` does not
_MAX_CHANNELS = 7  # maximum for an ImageJ composite; a longer axis C is taken as frames
_ALPHA = (1, 2)  # values of TIFF's ExtraSamples: associated and unassociated alpha


@dataclass(frozen=True)
class Source:
    """An open file: the number of frames, and a function that reads the raw array of a frame."""

    count: int
    get: Callable[[int], Image]


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


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise BrightfieldError(f"There is no file {path}.")
    if path.suffix.lower() not in OPENERS:
        raise BrightfieldError(f"{path} is not an image by its name, expected one that ends in {SUFFIXES}.")
    if path.stat().st_size == 0:
        raise BrightfieldError(f"{path} is empty (0 bytes), expected an image. Copy it again from its source.")
    if (meant := pointer(path)) is not None:
        raise BrightfieldError(
            f"{path} is the text of a link ({meant[:80]}), expected an image. Copy the folder with what its links mean (`cp -rL`), "
            "or fetch the files (`dvc pull`, `git annex get`, `git lfs pull`)."
        )


@contextmanager
def _open_pillow(path: Path, indices: bool) -> Iterator[Source]:
    import PIL.Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # MAX_PIXELS is checked below
        try:
            picture = PIL.Image.open(path, formats=("PNG", "JPEG"))
        except PIL.Image.DecompressionBombError as error:
            raise BrightfieldError(f"{path}: {error} Expected at most {MAX_PIXELS:,} pixels.") from error
        with picture:
            _check_size(path, picture.height, picture.width)
            yield Source(1, lambda _: _pixels(path, picture, indices))


def _pixels(path: Path, picture: Any, indices: bool) -> Image:
    if picture.format == "PNG":
        with path.open("rb") as file:
            depth, colour = file.read(26)[24:26]
        if depth == 16 and colour != 0:  # Pillow would reduce 16-bit colour to 8 bits
            import imagecodecs

            return np.asarray(imagecodecs.png_decode(path.read_bytes()))
    if picture.mode == "P" and not indices:
        rgb = np.asarray(picture.convert("RGB"))
        return rgb[..., 0] if (rgb == rgb[..., :1]).all() else rgb
    supported = picture.mode in {"1", "L", "P", "RGB", "I;16", "I;16B", "I", "F", "LA", "RGBA"}
    array = np.asarray(picture if supported else picture.convert("RGB"))
    return array[..., 0] if picture.mode == "LA" else array


@contextmanager
def _open_npy(path: Path, indices: bool) -> Iterator[Source]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise BrightfieldError(f"{path} is an archive of arrays, expected a single array saved by numpy.save.")
    array = squeeze(array)
    stack = array.ndim == 4 or (array.ndim == 3 and array.shape[-1] not in (3, 4))
    _check_size(path, *(array.shape[1:3] if stack else array.shape[:2]))
    yield Source(len(array), lambda i: np.array(array[i])) if stack else Source(1, lambda _: np.array(array))


@contextmanager
def _open_tiff(path: Path, indices: bool) -> Iterator[Source]:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # our own message reports what is wrong
    with tifffile.TiffFile(path, _multifile=False) as tiff:  # other files that an OME header names are not opened
        _check_chain(path, tiff)
        whole = [s for s in tiff.series if not s.keyframe.is_reduced]  # without thumbnails and pyramid levels
        if len(whole) != 1:
            sizes = ", ".join(" x ".join(map(str, s.shape)) for s in whole[:5])
            raise BrightfieldError(f"{path} holds {len(whole)} images ({sizes}), expected one. Save each as a file.")
        series = whole[0]
        _check_size(path, series.keyframe.imagelength, series.keyframe.imagewidth)
        if (samples := series.keyframe.samplesperpixel * series.keyframe.imagedepth) > 4:
            raise BrightfieldError(f"{path} has {samples} values per pixel, expected grey or RGB.")
        more = [(axis, n) for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS" and n > 1]
        if len(more) > 1 or any(axis == "C" and n <= _MAX_CHANNELS for axis, n in more):
            raise BrightfieldError(
                f"{path} has the axes {series.axes} of sizes {' x '.join(map(str, series.shape))}, expected one image "
                "or one sequence of frames. Save the channel or the plane you want as a file of its own."
            )
        count = more[0][1] if more else 1
        if len(series.pages) == count:
            yield Source(count, lambda i: _page(series.pages[i]))
        elif series.dataoffset is not None:  # one header for all frames, as ImageJ writes beyond 4 GB
            data = tifffile.memmap(path, mode="r").reshape(count, *series.keyframe.shape)
            yield Source(count, lambda i: np.array(data[i]))
        else:
            raise BrightfieldError(f"{path} has {len(series.pages)} pages for {count} frames; save it again with Fiji.")


def _check_chain(path: Path, tiff: Any) -> None:
    """Refuse a file whose linked list of pages is cut: tifffile would ignore the frames after the cut without a message."""
    pages = len(tiff.pages)  # follows the list to its end
    tiff.filehandle.seek(tiff.pages.next_page_offset)
    (following,) = struct.unpack(tiff.tiff.offsetformat, tiff.filehandle.read(tiff.tiff.offsetsize))
    if following:
        raise BrightfieldError(
            f"{path} is truncated: after {pages} frames it refers to a further one that is not there. "
            "Copy it again from its source."
        )


def _page(page: Any) -> Image:
    if page is None:
        raise ValueError("a frame is missing")
    if len(page.dataoffsets) < math.prod(page.keyframe.chunked) or 0 in page.databytecounts:
        raise ValueError("a part of the pixels is missing")  # tifffile would fill it with zeros
    array = np.asarray(page.asarray())
    if "S" in (axes := page.keyframe.axes):
        array = np.moveaxis(array, axes.index("S"), -1)  # samples may lie in separate planes
        alpha = sum(int(extra) in _ALPHA for extra in page.keyframe.extrasamples)
        array = array[..., : array.shape[-1] - alpha]
    return array


OPENERS: dict[str, Callable[[Path, bool], AbstractContextManager[Source]]] = {
    ".png": _open_pillow,
    ".jpg": _open_pillow,
    ".jpeg": _open_pillow,
    ".tif": _open_tiff,
    ".tiff": _open_tiff,
    ".npy": _open_npy,
}
SUFFIXES = ", ".join(OPENERS)


def _check_size(path: Path, *shape: int) -> None:
    if math.prod(shape) > MAX_PIXELS:
        raise BrightfieldError(
            f"{path} claims {' x '.join(map(str, shape))} pixels, expected at most {MAX_PIXELS:,}. Cut it into pieces."
        )


def squeeze(array: Image) -> Image:
    """Remove axes of length 1, but keep at least two axes."""
    while array.ndim > 2 and 1 in array.shape:
        array = np.squeeze(array, axis=array.shape.index(1))
    return array


def standardise(path: Path, raw: Image) -> Image:
    """Convert the raw array of one frame to a shape and type that :func:`brightfield.images.read` promises."""
    array = squeeze(raw)
    if array.ndim == 3 and array.shape[-1] == 4:
        array = array[..., :3]
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
