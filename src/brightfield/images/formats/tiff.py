"""TIFF, OME-TIFF and the stacks of ImageJ and Micro-Manager, by tifffile."""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image
from brightfield.images.formats import palette, tiff_header
from brightfield.images.formats.source import Header, Source, check_axes, check_size
from brightfield.images.orientation import TAG, upright
from brightfield.images.transparency import without_alpha

SUFFIXES = (".tif", ".tiff")
_ALPHA = (1, 2)  # values of TIFF's ExtraSamples: associated and unassociated alpha
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6  # values of TIFF's PhotometricInterpretation
_JPEG = 7  # a value of TIFF's Compression: its decoder turns YCbCr to RGB
_FEW_BITS = (2, 4)  # grey of so many bits is spread over 0 to 255, as PNG's readers do


@contextmanager
def open_tiff(path: Path, indices: bool) -> Iterator[Source]:
    """Open a TIFF.

    Args:
        path: the file.
        indices: give numbers as they are stored: indices of a palette, and grey of fewer than 8 bits without scaling.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # our own message reports what is wrong
    with tifffile.TiffFile(path, _multifile=False) as tiff:  # other files that an OME header names are not opened
        _check_chain(path, tiff)
        series, notes = _only_series(path, tiff)
        keyframe = series.keyframe
        check_size(path, keyframe.imagelength, keyframe.imagewidth)
        _check_pixels(path, keyframe)
        count = check_axes(path, series.axes, series.shape)

        def header() -> Header:
            return tiff_header.read(
                tiff, count, notes, in_depth="Z" in series.axes and series.shape[series.axes.index("Z")] > 1
            )

        as_shown = _Shown(path, tiff.is_imagej, indices)
        if len(series.pages) == count:
            yield Source(
                count, lambda i: as_shown(_page(series.pages[i]), _own(path, series.pages[i], keyframe)), header
            )
        elif series.dataoffset is not None:  # one header for all frames, as ImageJ writes beyond 4 GB
            data = tifffile.memmap(path, mode="r").reshape(count, *keyframe.shape)
            yield Source(count, lambda i: as_shown(np.array(data[i]), keyframe), header)
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


def _only_series(path: Path, tiff: Any) -> tuple[Any, tuple[str, ...]]:
    """The image or sequence of a file, and notes on thumbnails, pyramid levels and masks beside it."""
    whole = [s for s in tiff.series if not (s.keyframe.is_reduced or s.keyframe.is_mask)]
    if len(whole) != 1:
        sizes = ", ".join(" x ".join(map(str, s.shape)) for s in whole[:5])
        raise BrightfieldError(f"{path} holds {len(whole)} images ({sizes}), expected one. Save each as a file.")
    series = whole[0]
    beside = [*series.levels[1:], *(s for s in tiff.series if s is not series)]
    if not beside:
        return series, ()
    smaller = ", ".join(f"{s.keyframe.imagelength} x {s.keyframe.imagewidth}" for s in beside[:5])
    size = f"{series.keyframe.imagelength} x {series.keyframe.imagewidth}"
    return series, (f"the image of {size} px was read, not its thumbnails, pyramid levels or masks ({smaller} px)",)


def _check_pixels(path: Path, page: Any) -> None:
    """Refuse pixels of which the file says that they are something else than light or colours that can be shown."""
    photometric, compression = int(page.photometric), int(page.compression)
    samples = page.samplesperpixel * page.imagedepth
    if photometric not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _YCBCR) or (
        photometric == _YCBCR and compression != _JPEG
    ):
        name = getattr(page.photometric, "name", str(photometric))
        raise BrightfieldError(
            f"{path} holds pixels of the kind {name} (its PhotometricInterpretation), expected grey, RGB or a palette. Save "
            "it again as grey or RGB."
        )
    if photometric == _MIN_IS_WHITE and page.dtype is not None and page.dtype.kind == "i":
        raise BrightfieldError(
            f"{path} says that its smallest number is white (MinIsWhite), and has signed numbers, whose range is unknown. "
            "Save it again as MinIsBlack."
        )
    alpha = sum(int(extra) in _ALPHA for extra in page.extrasamples)
    expected = 3 if photometric in (_RGB, _YCBCR) else 1
    unnamed = expected == 3 and samples == 4 and alpha == 0  # decided once its values are known
    if samples - alpha != expected and not unnamed:
        named = f", of which {alpha} say how opaque it is" if alpha else ""
        raise BrightfieldError(
            f"{path} has {samples} values per pixel{named}, expected grey (1) or RGB (3). Save the channel you want as a "
            "file of its own."
        )


def _page(page: Any) -> Image:
    if page is None:
        raise ValueError("a frame is missing")
    if len(page.dataoffsets) < math.prod(page.keyframe.chunked) or 0 in page.databytecounts:
        raise ValueError("a part of the pixels is missing")  # tifffile would fill it with zeros
    return np.asarray(page.asarray())


def _own(path: Path, page: Any, keyframe: Any) -> Any:
    """The page that says how its pixels are shown: each may have a palette and an orientation of its own."""
    if page is keyframe or not hasattr(page, "tags"):
        return keyframe
    _check_pixels(path, page)
    return page


class _Shown:
    """Makes the picture that the file describes out of the numbers that it stores.

    Args:
        path: the file, for messages.
        imagej: whether ImageJ wrote it, whose lookup tables are for display: numbers are measured as they are stored.
        indices: give numbers as they are stored.
    """

    def __init__(self, path: Path, imagej: bool, indices: bool) -> None:
        self.path, self.imagej, self.indices = path, imagej, indices

    def __call__(self, stored: Image, page: Any) -> Image:
        array = stored
        if "S" in (axes := page.axes):
            array = np.moveaxis(array, axes.index("S"), -1)  # samples may lie in separate planes
            alpha = sum(int(extra) in _ALPHA for extra in page.extrasamples)
            array = without_alpha(self.path, array, alpha)
        orientation = page.tags.get(TAG)
        if orientation is not None:
            array = upright(array, int(orientation.value))
        return self._values(array, page)

    def _values(self, array: Image, page: Any) -> Image:
        photometric, bits = int(page.photometric), page.bitspersample
        if self.indices:
            return array
        if photometric == _MIN_IS_WHITE:  # real numbers have no largest: for them it is how ImageJ displays them
            if array.dtype.kind == "b":
                return ~array
            if array.dtype.kind == "u":
                array = array.dtype.type(2**bits - 1) - array
        if photometric == _PALETTE:
            return self._colours(array, page.colormap)
        return array * array.dtype.type(255 // (2**bits - 1)) if bits in _FEW_BITS else array

    def _colours(self, array: Image, colours: Any) -> Image:
        """The colours of a palette (3, N) of 16 bits, in 8 bits where these suffice."""
        if colours is None:
            raise ValueError("its palette is missing")
        table = np.ascontiguousarray(np.asarray(colours).T)  # (N, 3)
        if int(array.max(initial=0)) >= len(table):
            raise ValueError(f"its palette has {len(table)} colours, its pixels go up to {array.max()}")
        if self.imagej and palette.is_ramp(table) and not palette.is_grey(table):
            return array
        low = table & 255
        if ((table >> 8) == low).all() or (low == 0).all():  # 8 bits, written twice or into the upper half
            table = (table >> 8).astype(np.uint8)
        return table[array][..., 0] if palette.is_grey(table) else table[array]
