"""Images from files, one at a time or as a stack."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image, squeeze
from brightfield.images.formats.source import Header
from brightfield.images.listing import files
from brightfield.images.names import stem, unique_name
from brightfield.images.opening import MAX_STACK_PIXELS, open_frames, size_of, standardise

Item = TypeVar("Item")


@dataclass(frozen=True)
class Frame:
    """A frame of a file.

    Attributes:
        name: unique among the frames read with it, and safe in a file name.
        image: (H, W) or (H, W, 3).
        path: the file.
        header: what the file says beside its pixels.
        time_s: seconds from the first frame of the file; None where the file does not say.
    """

    name: str
    image: Image
    path: Path
    header: Header
    time_s: float | None = None


def read(path: Path) -> Image:
    """Read one image from PNG, JPEG, TIFF, OME-TIFF or npy: (H, W) or (H, W, 3), uint8, uint16 or float32.

    Alpha is dropped and axes of length 1 are squeezed; bool becomes 0 and 255, any other number float32. Raises
    BrightfieldError for a stack (see :func:`read_stack`) and for anything else than one image of finite numbers.
    """
    return _read(path, with_header=False).image


def read_frame(path: Path) -> Frame:
    """Like :func:`read`, with what the file says beside its pixels."""
    return _read(path, with_header=True)


def _read(path: Path, with_header: bool) -> Frame:
    with open_frames(path) as source:
        if source.count != 1:
            raise BrightfieldError(
                f"{path} holds {source.count} frames, expected one image. "
                "Read it as a stack, or save the frame you want as a file of its own."
            )
        header = source.header() if with_header else Header()
        return Frame(stem(path), standardise(path, source.get(0)), path, header)


def read_stack(path: Path) -> Image:
    """Read all frames of a TIFF stack or a (T, H, W) npy as one array (T, H, W) or (T, H, W, 3); T = 1 for one image."""
    with open_frames(path) as source:
        images: list[Image] = []
        for i in range(source.count):
            images.append(standardise(path, source.get(i)))
            if images[i].shape != images[0].shape:
                raise BrightfieldError(f"{path}: frame {i} is {size_of(images[i])}, the first is {size_of(images[0])}.")
            if math.prod(images[0].shape[:2]) * source.count > MAX_STACK_PIXELS:
                raise BrightfieldError(
                    f"{path} is too long to load at once: {source.count} frames of {size_of(images[0])}, expected at most "
                    f"{MAX_STACK_PIXELS:,} pixels in all. Split it into shorter stacks."
                )
    return np.stack(images)


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Read the instance ids of a label image: (H, W) int32, 0 is background; palette indices are ids, not colours."""
    with open_frames(path, indices=True) as source:
        if source.count != 1:
            raise BrightfieldError(f"{path} holds {source.count} frames, expected one label image.")
        labels = squeeze(source.get(0))
    if labels.ndim == 3 and (labels == labels[..., :1]).all():
        labels = labels[..., 0]  # a grey mask saved as colour
    if labels.ndim != 2 or labels.size == 0:
        raise BrightfieldError(
            f"{path} has shape {labels.shape}, expected one whole number per pixel, (height, width). Colours are not ids: "
            "save the label image with 16 bits and one channel."
        )
    whole = labels.dtype.kind in "bui" or (labels.dtype.kind == "f" and bool((labels == np.rint(labels)).all()))
    if not whole or labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        raise BrightfieldError(f"{path} holds {labels.dtype} values that are no ids, expected whole numbers from 0 up.")
    return labels.astype(np.int32)


def frames(paths: Iterable[Path]) -> Iterator[tuple[str, Image]]:
    """Yield name and image of every frame of files, stacks and folders, read one at a time.

    A folder stands for its own images (not those of subfolders) in natural order, so that frame 10 follows frame 9. Names
    are unique and safe in a file name: the file's stem, followed by the number of the frame for stacks.
    """
    for frame in _frames(files(paths), with_header=False, names={}):
        yield frame.name, frame.image


def frames_of(files: Iterable[Path], names: Mapping[Path, str] | None = None) -> Iterator[Frame]:
    """Like :func:`frames`, for files alone, with the file of each frame and what it says beside its pixels.

    Args:
        files: the files.
        names: what files are called, where their stems do not tell.
    """
    return _frames(files, with_header=True, names=names or {})


def _frames(files: Iterable[Path], with_header: bool, names: Mapping[Path, str]) -> Iterator[Frame]:
    taken: set[str] = set()
    for path in files:
        called = names.get(path) or stem(path)
        with open_frames(path) as source:
            header = source.header() if with_header else Header()
            digits = max(4, len(str(source.count - 1)))
            for i in range(source.count):
                name = called if source.count == 1 else f"{called}_{i:0{digits}d}"
                time_s = header.times_s[i] if i < len(header.times_s) else None
                yield Frame(unique_name(name, taken), standardise(path, source.get(i)), path, header, time_s)


def sample(files: Sequence[Path], most: int) -> list[Frame]:
    """Up to about ``most`` frames, evenly spaced over files, and over the frames of each where there are fewer files."""
    chosen = evenly_spaced(files, most)
    found: list[Frame] = []
    for path in chosen:
        with open_frames(path) as source:
            numbers = range(source.count)
            # one frame a file: that in the middle
            of_file = evenly_spaced(numbers, most // len(chosen)) if len(chosen) <= most // 2 else [source.count // 2]
            header = source.header()
            found += [Frame(stem(path), standardise(path, source.get(i)), path, header) for i in of_file]
    return found


def evenly_spaced(items: Sequence[Item], most: int) -> list[Item]:
    """Up to ``most`` evenly spaced items of a sequence, because neighbours (frames of a movie, crops of a smear) are alike."""
    places = np.linspace(0, len(items) - 1, min(len(items), most)).round()
    return [items[int(i)] for i in np.unique(places)]


def frame_count(path: Path) -> int:
    """Number of frames of a file, from its header."""
    with open_frames(path) as source:
        return source.count
