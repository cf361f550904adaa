"""Instance labels from selections drawn in ImageJ: a ROI manager's zip, a folder of ``.roi`` files or a single one.

The format: https://github.com/imagej/ImageJ/blob/master/ij/io/RoiDecoder.java. A zip is never unpacked to disk, and the sizes it
claims are added up before anything is read.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import roifile

from brightfield import images
from brightfield.data.outlines import Outline, fill_window
from brightfield.errors import BrightfieldError

SUFFIX = ".roi"
ZIP = ".zip"
MAX_ROIS = 100_000
MAX_BYTES = 200_000_000  # maximum size of all selections of an image, unpacked
MAX_FILLED = 20 * images.MAX_PIXELS  # maximum area of all bounding boxes, in pixels: limits the cost of a hostile zip
_ANGLES = np.linspace(0, 2 * np.pi, 720, endpoint=False)  # steps of half a degree: an error of 1e-5 of the radius
_AREAS = (roifile.ROI_TYPE.POLYGON, roifile.ROI_TYPE.FREEHAND, roifile.ROI_TYPE.TRACED)
_FLOATS_AT = 18  # byte offset of x1, y1, x2, y2 in the header
_PARAMETER_AT = 52  # byte offset of an ellipse's aspect ratio or a rotated rectangle's width


def read_labels(path: Path, shape: tuple[int, int], warn: Callable[[str], None]) -> npt.NDArray[np.int32]:
    """Read one label per selection, in their order: (H, W) int32, 0 is background; where two overlap, the later one wins.

    Args:
        path: a zip, a ``.roi`` file or a folder of them.
        shape: (H, W) of the image; selections are cut off at its border.
        warn: called with a warning about selections that are left out or covered.

    Raises:
        BrightfieldError: the file is not a complete zip of selections, is too large, or belongs to several frames.
    """
    labels = np.zeros(shape, dtype=np.int32)
    frames: set[tuple[int, ...]] = set()
    number = filled = 0
    for name, content in _contents(path, warn):
        outlines, frame = _decoded(path, name, content)
        frames |= {frame} if frame else set()
        if len(frames) > 1:
            raise BrightfieldError(
                f"{path} has selections of several frames of a stack, expected those of one image. Save each frame's "
                "selections as a zip of its own."
            )
        if outlines is None:
            warn("has selections without an area (points, lines, text), left out")
            continue
        try:
            rows, columns, mask = fill_window(outlines, shape)
        except BrightfieldError as error:
            raise BrightfieldError(f"{path}: {error} (in {name}). Draw it again, or leave it out.") from error
        if not mask.any():
            warn("has selections that cover no pixel of the image, left out")
            continue
        number += 1
        window = labels[rows, columns]
        if window[mask].any():
            warn("has selections that overlap: pixels belong to the later one")
        window[mask] = number
        filled += mask.size
        if filled > MAX_FILLED:
            raise BrightfieldError(
                f"{path} has selections of {filled:,} pixels in all, expected at most {MAX_FILLED:,}."
            )
    if number > len(np.unique(labels[labels > 0])):
        warn("has selections that later ones cover wholly: they are lost")
    return labels


def _contents(path: Path, warn: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each selection."""
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() == SUFFIX and not images.is_junk(file)]
        files = sorted(files, key=lambda file: (images.natural_sort_key(file.name), file.name))
        _check_claims(path, len(files), sum(file.stat().st_size for file in files))
        for file in files:
            yield file.name, file.read_bytes()
    elif not path.is_file():
        raise BrightfieldError(f"There is no file {path}.")
    elif path.suffix.lower() == SUFFIX:
        _check_claims(path, 1, path.stat().st_size)
        yield path.name, path.read_bytes()
    else:
        yield from _zipped(path, warn)


def _zipped(path: Path, warn: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as file:
            whole = [entry for entry in file.infolist() if not entry.is_dir()]
            entries = [entry for entry in whole if not any(images.is_junk(Path(part)) for part in _places(entry))]
            if len(entries) < len(whole):
                warn("has files of a file browser or an archiver (__MACOSX, .DS_Store), passed over")
            wrong = [entry.filename for entry in entries if not _is_safe(entry)]
            if wrong:
                raise BrightfieldError(
                    f"{path} holds {wrong[0][:80]!r}, expected the {SUFFIX} files of ImageJ's ROI manager and nothing else."
                )
            _check_claims(path, len(entries), sum(entry.file_size for entry in entries))
            for entry in entries:
                yield entry.filename, file.read(entry)  # at most file_size bytes, and checked against the checksum
    except BrightfieldError:
        raise
    except Exception as error:  # zipfile may raise any exception for a damaged file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BrightfieldError(f"{path} cannot be read as a zip: {reason}. Save it again in ImageJ.") from error


def _places(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """The names of the folders of an entry, and its own; a way out of the archive is no hidden file."""
    return tuple(part for part in Path(entry.filename).parts if part not in ("..", "/"))


def _is_safe(entry: zipfile.ZipInfo) -> bool:
    name = Path(entry.filename)
    plain = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not entry.flag_bits & 1  # encrypted
    return plain and name.suffix.lower() == SUFFIX and not name.is_absolute() and ".." not in name.parts


def _check_claims(path: Path, number: int, size: int) -> None:
    if number == 0:
        raise BrightfieldError(f"{path} has no selections, expected {SUFFIX} files as ImageJ's ROI manager saves them.")
    if number > MAX_ROIS or size > MAX_BYTES:
        raise BrightfieldError(
            f"{path} claims {number:,} selections of {size:,} bytes, expected at most {MAX_ROIS:,} of {MAX_BYTES:,}."
        )


def _decoded(path: Path, name: str, content: bytes) -> tuple[list[Outline] | None, tuple[int, ...]]:
    """The outlines of a selection (None if it has no area), and the frame it was drawn on."""
    try:
        roi = roifile.ImagejRoi.frombytes(content)
        frame = (roi.position,) if roi.position else (roi.c_position, roi.z_position, roi.t_position)
        return _outlines(roi, content), frame if any(frame) else ()
    except Exception as error:  # roifile may raise any exception for damaged bytes
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BrightfieldError(
            f"{path}: the selection {name} cannot be read: {reason}. Draw it again, or leave it out."
        ) from error


def _outlines(roi: roifile.ImagejRoi, content: bytes) -> list[Outline] | None:
    if roi.composite:
        return [np.asarray(one, dtype=np.float64) for one in roi.coordinates(multi=True)]
    if roi.subtype in (roifile.ROI_SUBTYPE.TEXT, roifile.ROI_SUBTYPE.IMAGE):
        return None
    if roi.roitype == roifile.ROI_TYPE.FREEHAND and roi.subtype == roifile.ROI_SUBTYPE.ELLIPSE:
        return [_ellipse(*_line(content))]
    if roi.roitype == roifile.ROI_TYPE.FREEHAND and roi.subtype == roifile.ROI_SUBTYPE.ROTATED_RECT:
        return [_rotated_rectangle(*_line(content))]
    if roi.roitype in _AREAS:
        return [np.asarray(roi.coordinates(), dtype=np.float64)]
    if roi.roitype in (roifile.ROI_TYPE.RECT, roifile.ROI_TYPE.OVAL):
        box = (roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top)
        x, y, width, height = (roi.xd, roi.yd, roi.widthd, roi.heightd) if roi.subpixelrect else box
        if roi.roitype == roifile.ROI_TYPE.OVAL:
            middle = np.array([x + width / 2, y + height / 2])
            return [middle + np.stack([np.cos(_ANGLES) * width / 2, np.sin(_ANGLES) * height / 2], axis=1)]
        return [np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], dtype=np.float64)]
    return None


def _line(content: bytes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Both ends of the long axis of an ellipse (or of the middle line of a rotated rectangle), and its parameter."""
    x1, y1, x2, y2 = struct.unpack(">4f", content[_FLOATS_AT : _FLOATS_AT + 16])
    (parameter,) = struct.unpack(">f", content[_PARAMETER_AT : _PARAMETER_AT + 4])
    return np.array([x1, y1]), np.array([x2, y2]), parameter


def _ellipse(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], ratio: float) -> Outline:
    half = (other - one) / 2
    across = ratio * np.array([-half[1], half[0]])
    return (one + other) / 2 + np.cos(_ANGLES)[:, None] * half + np.sin(_ANGLES)[:, None] * across


def _rotated_rectangle(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], width: float) -> Outline:
    along = other - one
    across = np.array([-along[1], along[0]]) * width / (2 * max(float(np.hypot(*along)), 1e-9))
    return np.array([one + across, other + across, other - across, one - across])
