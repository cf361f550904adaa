"""Read, write, normalise and tile images; nothing a file holds can do worse than raise :class:`BrightfieldError`.

An image is (H, W) or (H, W, 3), uint8, uint16 or float32; (0, 0) is the centre of the first pixel, x is the
column, y the row.
"""

from __future__ import annotations

import logging
import math
import re
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError

Image = npt.NDArray[Any]
MAX_PIXELS = 100_000_000  # of one image: a bomb of a few kilobytes can claim any size
MAX_STACK_PIXELS = 10 * MAX_PIXELS  # read_stack holds all of it in memory; `frames` does not
JUNK = frozenset({"thumbs.db", "desktop.ini"})
_MAX_CHANNELS = 7  # of an ImageJ composite; a longer axis named C is a row of frames that nobody named
_ALPHA = (1, 2)  # TIFF's ExtraSamples: associated and unassociated alpha


@dataclass(frozen=True)
class _Source:
    """An open file: how many frames, and the raw array of each."""

    count: int
    get: Callable[[int], Image]


# --- reading --------------------------------------------------------------------------------------------------------


def read(path: Path) -> Image:
    """One image from PNG, JPEG, TIFF, OME-TIFF or npy: (H, W) or (H, W, 3), uint8, uint16 or float32.

    Alpha is dropped and axes of length 1 are squeezed; bool becomes 0 and 255, any other number float32. Raises
    BrightfieldError for a stack (see :func:`read_stack`) and for whatever is not an image of finite numbers.
    """
    with _open(path) as source:
        if source.count != 1:
            raise BrightfieldError(
                f"{path} holds {source.count} frames, expected one image. "
                "Read it as a stack, or save the frame you want as a file of its own."
            )
        return _standard(path, source.get(0))


def read_stack(path: Path) -> Image:
    """All frames of a TIFF stack or a (T, H, W) npy as one array (T, H, W) or (T, H, W, 3); one image gives T = 1."""
    with _open(path) as source:
        images: list[Image] = []
        for i in range(source.count):
            images.append(_standard(path, source.get(i)))
            if images[i].shape != images[0].shape:
                raise BrightfieldError(f"{path}: frame {i} is {_size(images[i])}, the first is {_size(images[0])}.")
            if math.prod(images[0].shape[:2]) * source.count > MAX_STACK_PIXELS:
                raise BrightfieldError(
                    f"{path} is too long to load at once: {source.count} frames of {_size(images[0])}, "
                    f"at most {MAX_STACK_PIXELS:,} pixels are. Split it into shorter stacks."
                )
    return np.stack(images)


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """The instance ids of a label image: (H, W) int32, 0 is background; palette indices are ids, not colours."""
    with _open(path, indices=True) as source:
        if source.count != 1:
            raise BrightfieldError(f"{path} holds {source.count} frames, expected one label image.")
        labels = _squeeze(source.get(0))
    if labels.ndim == 3 and (labels == labels[..., :1]).all():
        labels = labels[..., 0]  # a grey mask saved as colour
    if labels.ndim != 2 or labels.size == 0:
        raise BrightfieldError(
            f"{path} has shape {labels.shape}, expected one whole number a pixel, (height, width): "
            "colours cannot be told apart from ids; save the label image with 16 bits and one channel."
        )
    whole = labels.dtype.kind in "bui" or (labels.dtype.kind == "f" and bool((labels == np.rint(labels)).all()))
    if not whole or labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        raise BrightfieldError(f"{path} holds {labels.dtype} values that are no ids, expected whole numbers from 0 up.")
    return labels.astype(np.int32)


def frames(paths: Iterable[Path]) -> Iterator[tuple[str, Image]]:
    """Name and image of every frame of files, stacks and folders, read one at a time.

    Folders give their own images (not those of subfolders) in natural order, so that frame 10 follows frame 9. Names
    are unique and safe in a file name: the file's stem, for stacks with the frame's number behind it.
    """
    taken: set[str] = set()
    for path in [file for given in paths for file in _expand(Path(given))]:
        with _open(path) as source:
            digits = max(4, len(str(source.count - 1)))
            for i in range(source.count):
                name = stem(path) if source.count == 1 else f"{stem(path)}_{i:0{digits}d}"
                yield unique_name(name, taken), _standard(path, source.get(i))


def frame_count(path: Path) -> int:
    """How many frames a file holds, from its header."""
    with _open(path) as source:
        return source.count


def stem(path: Path) -> str:
    """The file's name without ``.png``, ``.ome.tif``, ..."""
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE)


def unique_name(text: str, taken: set[str]) -> str:
    """``text`` made safe for ids and file names, numbered if it is taken; the answer is added to ``taken``."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip(".") or "image"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name


def natural(text: str) -> list[Any]:
    """Sort key that counts: ``frame9`` before ``frame10``."""
    return [int(part) if i % 2 else part.lower() for i, part in enumerate(re.split(r"([0-9]+)", text))]


def is_image(path: Path) -> bool:
    """Whether the name is that of an image (its contents are not looked at)."""
    return path.suffix.lower() in _OPENERS and not is_junk(path)


def is_junk(path: Path) -> bool:
    """Whether the name is hidden or one that file browsers leave behind."""
    return path.name.startswith(".") or path.name.lower() in JUNK


def _expand(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted((p for p in path.iterdir() if p.is_file() and is_image(p)), key=lambda p: (natural(p.name), p.name))
    if not files:
        folders = sorted(p.name for p in path.iterdir() if p.is_dir() and not is_junk(p))
        hint = f" It has the folders {', '.join(folders[:5])}: name one of them." if folders else ""
        raise BrightfieldError(f"There are no images in the folder {path}, expected {_SUFFIXES} files.{hint}")
    return files


# --- what files hold ------------------------------------------------------------------------------------------------


@contextmanager
def _open(path: Path, *, indices: bool = False) -> Iterator[_Source]:
    """The frames of a file. Decoders raise anything at all on broken files: it becomes one message with the name."""
    path = Path(path)
    try:
        _check_file(path)
        with _OPENERS[path.suffix.lower()](path, indices) as source:
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
    if path.suffix.lower() not in _OPENERS:
        raise BrightfieldError(f"{path} is not an image by its name, expected one that ends in {_SUFFIXES}.")
    if path.stat().st_size == 0:
        raise BrightfieldError(f"{path} is empty (0 bytes), expected an image. Copy it again from its source.")


@contextmanager
def _open_pillow(path: Path, indices: bool) -> Iterator[_Source]:
    import PIL.Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # the limit here is our own
        try:
            picture = PIL.Image.open(path, formats=("PNG", "JPEG"))
        except PIL.Image.DecompressionBombError as error:
            raise BrightfieldError(f"{path}: {error} Expected at most {MAX_PIXELS:,} pixels.") from error
        with picture:
            _check_size(path, picture.height, picture.width)
            yield _Source(1, lambda _: _pixels(path, picture, indices))


def _pixels(path: Path, picture: Any, indices: bool) -> Image:
    if picture.format == "PNG":
        with path.open("rb") as file:
            depth, colour = file.read(26)[24:26]
        if depth == 16 and colour != 0:  # Pillow would cut colour of 16 bits down to 8
            import imagecodecs

            return np.asarray(imagecodecs.png_decode(path.read_bytes()))
    if picture.mode == "P" and not indices:
        rgb = np.asarray(picture.convert("RGB"))
        return rgb[..., 0] if (rgb == rgb[..., :1]).all() else rgb
    kept = picture.mode in {"1", "L", "P", "RGB", "I;16", "I;16B", "I", "F", "LA", "RGBA"}
    array = np.asarray(picture if kept else picture.convert("RGB"))
    return array[..., 0] if picture.mode == "LA" else array


@contextmanager
def _open_npy(path: Path, indices: bool) -> Iterator[_Source]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise BrightfieldError(f"{path} is an archive of arrays, expected a single array saved by numpy.save.")
    array = _squeeze(array)
    stack = array.ndim == 4 or (array.ndim == 3 and array.shape[-1] not in (3, 4))
    _check_size(path, *(array.shape[1:3] if stack else array.shape[:2]))
    yield _Source(len(array), lambda i: np.array(array[i])) if stack else _Source(1, lambda _: np.array(array))


@contextmanager
def _open_tiff(path: Path, indices: bool) -> Iterator[_Source]:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it finds wrong is in our message
    with tifffile.TiffFile(path, _multifile=False) as tiff:  # an OME header may name other files: they stay closed
        _check_chain(path, tiff)
        whole = [s for s in tiff.series if not s.keyframe.is_reduced]  # without thumbnails and pyramid levels
        if len(whole) != 1:
            sizes = ", ".join(" x ".join(map(str, s.shape)) for s in whole[:5])
            raise BrightfieldError(f"{path} holds {len(whole)} images ({sizes}), expected one. Save each as a file.")
        series = whole[0]
        _check_size(path, series.keyframe.imagelength, series.keyframe.imagewidth)
        more = [(axis, n) for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS" and n > 1]
        if len(more) > 1 or any(axis == "C" and n <= _MAX_CHANNELS for axis, n in more):
            raise BrightfieldError(
                f"{path} has the axes {series.axes} of sizes {' x '.join(map(str, series.shape))}, expected one image "
                "or one row of frames. Save the channel or the plane you want as a file of its own."
            )
        count = more[0][1] if more else 1
        if len(series.pages) == count:
            yield _Source(count, lambda i: _page(series.pages[i]))
        elif series.dataoffset is not None:  # one header for all frames, as ImageJ writes beyond 4 GB
            data = tifffile.memmap(path, mode="r").reshape(count, *series.keyframe.shape)
            yield _Source(count, lambda i: np.array(data[i]))
        else:
            raise BrightfieldError(f"{path} has {len(series.pages)} pages for {count} frames; save it again with Fiji.")


def _check_chain(path: Path, tiff: Any) -> None:
    """Pages are a linked list; where a truncated file cuts it, tifffile stops without a word and frames are lost."""
    pages = len(tiff.pages)  # walks to the end
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
    array = np.asarray(page.asarray())
    if "S" in (axes := page.keyframe.axes):
        array = np.moveaxis(array, axes.index("S"), -1)  # planes one after the other
        alpha = sum(int(extra) in _ALPHA for extra in page.keyframe.extrasamples)
        array = array[..., : array.shape[-1] - alpha]
    return array


_OPENERS: dict[str, Callable[[Path, bool], AbstractContextManager[_Source]]] = {
    ".png": _open_pillow,
    ".jpg": _open_pillow,
    ".jpeg": _open_pillow,
    ".tif": _open_tiff,
    ".tiff": _open_tiff,
    ".npy": _open_npy,
}
_SUFFIXES = ", ".join(_OPENERS)


def _check_size(path: Path, *shape: int) -> None:
    if math.prod(shape) > MAX_PIXELS:
        raise BrightfieldError(
            f"{path} claims {' x '.join(map(str, shape))} pixels, expected at most {MAX_PIXELS:,}. Cut it into pieces."
        )


def _squeeze(array: Image) -> Image:
    """Without axes of length 1, but never fewer than two axes."""
    while array.ndim > 2 and 1 in array.shape:
        array = np.squeeze(array, axis=array.shape.index(1))
    return array


def _standard(path: Path, raw: Image) -> Image:
    """The raw array of one frame in one of the shapes and types we promise."""
    array = _squeeze(raw)
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


def _size(image: Image) -> str:
    """Height x width, as messages name it."""
    return " x ".join(map(str, image.shape))


# --- writing --------------------------------------------------------------------------------------------------------


def write_tiff(path: Path, image: Image, *, pixel_size_um: float | None = None) -> None:
    """Write (H, W), (H, W, 3) or a stack (T, H, W), losslessly compressed; a pixel size goes into its resolution."""
    import tifffile

    rgb = image.ndim >= 3 and image.shape[-1] == 3
    axes = {2: "YX", 3: "YXS" if rgb else "TYX", 4: "TYXS"}[image.ndim]
    resolution: dict[str, Any] = {}
    if pixel_size_um is not None:
        per_cm = 1e4 / pixel_size_um
        resolution = {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    photometric = "rgb" if rgb else "minisblack"
    tifffile.imwrite(path, image, photometric=photometric, compression="zlib", metadata={"axes": axes}, **resolution)


def write_png(path: Path, image: Image) -> None:
    """Write (H, W) uint8 or uint16, or (H, W, 3) uint8."""
    import PIL.Image

    if image.dtype != np.uint8 and not (image.dtype == np.uint16 and image.ndim == 2):
        raise ValueError(f"a PNG takes uint8, or grey uint16, got {image.dtype} of shape {image.shape}")
    PIL.Image.fromarray(np.ascontiguousarray(image)).save(path, format="PNG")


# --- numbers --------------------------------------------------------------------------------------------------------


def to_float(image: Image) -> npt.NDArray[np.float32]:
    """float32; whole numbers are divided by the largest of their type, so that uint8 and uint16 lie in [0, 1]."""
    if image.dtype.kind in "ui":
        return (image / np.float32(np.iinfo(image.dtype).max)).astype(np.float32)
    return image.astype(np.float32)


def to_grey(image: Image) -> Image:
    """(H, W) from (H, W) or (H, W, 3), of the same type: the channel if all are equal, else luma (ITU-R BT.601)."""
    if image.ndim == 2:
        return image
    if (image == image[..., :1]).all():
        return np.ascontiguousarray(image[..., 0])
    luma = image @ np.array([0.299, 0.587, 0.114], dtype=np.float64)
    return (np.rint(luma) if image.dtype.kind in "ui" else luma).astype(image.dtype)


def normalise(image: Image) -> tuple[npt.NDArray[np.float32], float, float]:
    """The image at mean 0 and standard deviation 1, and the mean and the standard deviation it had.

    Both are taken over all pixels and channels together, so that differences in colour stay. ``image * std + mean``
    undoes it. A constant image becomes all zero, its ``std`` is given as 1.
    """
    values = image.astype(np.float32)
    mean = float(values.mean(dtype=np.float64))
    values -= np.float32(mean)
    std = float(np.sqrt(np.mean(np.square(values), dtype=np.float64)))
    if std <= 1e-6 * abs(mean) or std == 0:  # nothing but rounding is left
        return np.zeros_like(values), mean, 1.0
    values /= np.float32(std)
    return values, mean, std


# --- tiles ----------------------------------------------------------------------------------------------------------


def tiles(shape: Sequence[int], tile: int, overlap: int) -> list[tuple[slice, slice]]:
    """Squares of side ``tile`` that cover (H, W), evenly spread, neighbours sharing at least ``overlap`` pixels.

    Along an axis shorter than ``tile`` the one tile is as long as the axis.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"0 <= overlap < tile, got overlap {overlap}, tile {tile}")
    rows, columns = (_spans(length, tile, overlap) for length in shape[:2])
    return [(row, column) for row in rows for column in columns]


def _spans(length: int, tile: int, overlap: int) -> list[slice]:
    if length <= tile:
        return [slice(0, length)]
    count = math.ceil((length - overlap) / (tile - overlap))
    starts = [i * (length - tile) // (count - 1) for i in range(count)]
    return [slice(start, start + tile) for start in starts]


class Stitcher:
    """Blend overlapping tiles into one (C, H, W) array: weights fall smoothly to (nearly) nothing at a tile's border.

    Where tiles agree the answer is what they agree on.
    """

    def __init__(self, shape: Sequence[int], channels: int) -> None:
        self._sum = np.zeros((channels, *shape[:2]), dtype=np.float32)
        self._weight = np.zeros(tuple(shape[:2]), dtype=np.float32)

    def add(self, where: tuple[slice, slice], values: npt.NDArray[np.floating[Any]]) -> None:
        """Add one tile, (C, h, w), at the slices that :func:`tiles` gave."""
        row, column = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in values.shape[1:])
        weight = np.outer(row, column).astype(np.float32)
        self._sum[(slice(None), *where)] += weight * values
        self._weight[where] += weight

    def result(self) -> npt.NDArray[np.float32]:
        """The blended (C, H, W); raises ValueError if a pixel was never covered."""
        if not (self._weight > 0).all():
            raise ValueError("some pixels are in no tile")
        return self._sum / self._weight


def pad_to_multiple(image: Image, multiple: int) -> tuple[Image, tuple[slice, slice]]:
    """(..., H, W) padded by reflection to multiples of ``multiple``, and the (rows, columns) that crop it back.

    Only the bottom and the right side grow, so positions keep their coordinates. The image may be smaller than its
    padding. Crop with ``padded[..., rows, columns]``.
    """
    height, width = image.shape[-2:]
    grow = [(0, 0)] * (image.ndim - 2) + [(0, -height % multiple), (0, -width % multiple)]
    return np.pad(image, grow, mode="reflect"), (slice(0, height), slice(0, width))
