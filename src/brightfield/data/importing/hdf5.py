"""Label images in HDF5, as ilastik writes them: dataset ``exported_data``, its axes named by the attribute ``axistags``.

The attribute is JSON of vigra's axis tags, ``{"axes": [{"key": "y"}, {"key": "x"}, {"key": "c"}]}``
(https://www.ilastik.org/documentation/basics/export).
Files are not trusted: sizes and types are checked before anything is read, and links to other files are not followed.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.errors import BrightfieldError

SUFFIXES = (".h5", ".hdf5", ".hdf", ".ilastik")
DATASET = "exported_data"
AXISTAGS = "axistags"
MAX_ATTRIBUTE_BYTES = 100_000
_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
_CHECKSUM_BYTES = 64  # more than any filter adds to a chunk


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Read the labels of one image, (H, W) int32, 0 is background.

    Raises:
        BrightfieldError: the file is not a complete HDF5 file, has no label image, refers to other files or is too large.
    """
    if not path.is_file():
        raise BrightfieldError(f"There is no file {path}.")
    if not h5py.is_hdf5(path):
        raise BrightfieldError(f"{path} is not an HDF5 file, although its name says so. Export it again.")
    try:
        with h5py.File(path, "r") as file:
            dataset = _dataset(path, file)
            _check(path, dataset)
            _check_chunks(path, dataset)
            axes = _axes(path, dataset)
            array = np.asarray(dataset[()])
    except BrightfieldError:
        raise
    except Exception as error:  # h5py may raise any exception for a damaged file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BrightfieldError(
            f"{path} cannot be read as HDF5: {reason}. It may be truncated or damaged; export it again."
        ) from error
    return _plane(path, array, axes)


def _dataset(path: Path, file: h5py.File) -> h5py.Dataset:
    """``exported_data``, or the only dataset at the top level; links are not followed."""
    names = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
    found = [name for name in names if file.get(name, getclass=True) is h5py.Dataset]
    name = DATASET if DATASET in found else found[0] if len(found) == 1 else None
    if name is None:
        links = " (links to other places are not followed)" if len(names) < len(file) else ""
        raise BrightfieldError(
            f"{path} has the datasets {', '.join(found[:5]) or 'none'}{links}, expected {DATASET} as ilastik writes it, "
            "or a single one."
        )
    return file[name]


def _check(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse data that cannot be labels, by the header alone."""
    kind = dataset.dtype
    if kind.kind == "f":
        raise BrightfieldError(
            f"{path} holds {kind} values, which are probabilities rather than labels: export 'Object Identities' from "
            "ilastik's object classification, or 'Simple Segmentation' and name the class with --connected."
        )
    if kind.kind not in "ui" or kind.hasobject:
        raise BrightfieldError(f"{path} holds values of type {kind}, expected whole numbers (uint8, uint16 or uint32).")
    if dataset.is_virtual or dataset.external:
        raise BrightfieldError(f"{path} stores its pixels in other files, expected them inside. Export it again.")
    pieces = dataset.chunks or ()  # a chunk is read whole, and may be larger than the dataset
    if dataset.shape is None or max(math.prod(dataset.shape), math.prod(pieces)) > images.MAX_PIXELS:
        raise BrightfieldError(
            f"{path} claims {dataset.shape} values in chunks of {pieces}, expected at most {images.MAX_PIXELS:,}."
        )


def _check_chunks(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse compression with unknown memory needs: HDF5 inflates a chunk to all it contains, not to its expected size."""
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if set(filters) - set(_FILTERS) or len(set(filters)) < len(filters):
        raise BrightfieldError(f"{path} uses an unsupported compression, expected gzip or none. Export it again.")
    if h5py.h5z.FILTER_DEFLATE not in filters:
        return
    expected = math.prod(dataset.chunks) * dataset.dtype.itemsize + _CHECKSUM_BYTES
    offsets: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(lambda chunk: offsets.append(chunk.chunk_offset))
    for offset in offsets:
        _, stored = dataset.id.read_direct_chunk(offset)
        if len(zlib.decompressobj().decompress(stored, expected + 1)) > expected:
            raise BrightfieldError(f"{path} would inflate to more than its {dataset.shape} values. Export it again.")


def _axes(path: Path, dataset: h5py.Dataset) -> str | None:
    """The letter of each axis, if the file has them."""
    if AXISTAGS not in dataset.attrs:
        return None
    if dataset.attrs.get_id(AXISTAGS).get_storage_size() > MAX_ATTRIBUTE_BYTES:
        raise BrightfieldError(f"{path} has an attribute {AXISTAGS} that is far too long. Export it again.")
    text: Any = dataset.attrs[AXISTAGS]
    try:
        axes = "".join(str(axis["key"]) for axis in json.loads(text)["axes"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BrightfieldError(f"{path} has an attribute {AXISTAGS} that cannot be read. Export it again.") from error
    if len(axes) != dataset.ndim or len(set(axes)) != len(axes) or not {"x", "y"} <= set(axes):
        raise BrightfieldError(
            f"{path} names its {dataset.ndim} axes {axes!r}, expected y, x and perhaps c, z and t, once each."
        )
    return axes


def _plane(path: Path, array: npt.NDArray[Any], axes: str | None) -> npt.NDArray[np.int32]:
    """(H, W) from axes in any order; all others must have length 1."""
    axes = axes or {2: "yx", 3: "zyx" if array.shape[0] == 1 else "yxc"}.get(array.ndim, "tzyxc"[: array.ndim])
    sizes = dict(zip(axes, array.shape, strict=True)) if len(axes) == array.ndim else {}
    if not sizes or array.size == 0 or any(size != 1 for axis, size in sizes.items() if axis not in "yx"):
        raise BrightfieldError(
            f"{path} has the shape {array.shape} (axes {axes}), expected one label image: (height, width), and 1 along "
            "any other axis. Export each image by itself."
        )
    plane = array.transpose([axes.index("y"), axes.index("x"), *(i for i, a in enumerate(axes) if a not in "yx")])
    plane = plane.reshape(plane.shape[:2])
    if int(plane.min()) < 0 or int(plane.max()) > np.iinfo(np.int32).max:
        raise BrightfieldError(
            f"{path} holds numbers from {plane.min()} to {plane.max()}, expected labels from 0 to {np.iinfo(np.int32).max}."
        )
    return np.ascontiguousarray(plane, dtype=np.int32)
