"""OME-Zarr: images too large for one file, in chunks in a folder (NGFF 0.4 and 0.5, https://ngff.openmicroscopy.org)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images import pixel_size
from brightfield.images.formats.source import MAX_PIXELS, Header, Source, check_axes, check_size, times_at

SUFFIXES = (".zarr",)
MAX_JSON_BYTES = 10_000_000
_SECONDS = {"second": 1.0, "millisecond": 1e-3, "microsecond": 1e-6, "minute": 60.0, "hour": 3600.0}
# compressors of numbers; others can run code (pickle) or need a library of their own
_CODECS = frozenset(
    {"blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma", "shuffle", "delta", "bytes", "transpose", "crc32c"}
    | {"sharding_indexed"}
)


@contextmanager
def open_ome_zarr(path: Path, indices: bool) -> Iterator[Source]:
    """Open the full resolution of an OME-Zarr; frames are its time points or planes, colours are not known to it."""
    import zarr

    image = _Multiscale(path)
    _check_array(path, path / image.dataset)
    array: Any = zarr.open_array(path / image.dataset, mode="r")
    if len(image.axes) != array.ndim:
        raise ValueError(f"it names {len(image.axes)} axes, its array has {array.ndim}")
    names = "".join(axis["name"].upper()[:1] for axis in image.axes)
    if sorted(names[-2:]) != ["X", "Y"] or len(set(names)) < len(names):
        raise ValueError(f"its axes are {names}, expected Y and X last, and each once")
    # what is no time, channel or depth may be anything: as a letter of its own, S would be taken for colours
    names = "".join(name if name in "TCZYX" else "Q" for name in names)
    count = check_axes(path, names, array.shape)
    check_size(path, *array.shape[-2:])
    if math.prod(array.chunks) > MAX_PIXELS:  # a chunk is decompressed as a whole, whatever the size of the image
        raise BrightfieldError(
            f"{path} is cut into chunks of {' x '.join(map(str, array.chunks))} pixels, expected at most {MAX_PIXELS:,}. Write it "
            "again with smaller chunks."
        )
    in_depth = any(name != "T" and length > 1 for name, length in zip(names[:-2], array.shape, strict=False))

    def frame(number: int) -> Any:
        place = tuple(number if length == count and count > 1 else 0 for length in array.shape[:-2])
        plane = np.asarray(array[(*place, slice(None), slice(None))])
        return plane if names.endswith("YX") else plane.T

    yield Source(count, frame, lambda: image.header(array, count, in_depth))


class _Multiscale:
    """The first image of an OME-Zarr: where its full resolution lies, and the axes and scale of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        attributes = _attributes(path)
        described = attributes.get("ome", attributes).get("multiscales")
        if not described:
            raise BrightfieldError(
                f"{path} describes no image (it has no 'multiscales'), expected an OME-Zarr of one image. Name the folder in it "
                "that holds the image."
            )
        self.axes: list[dict[str, str]] = [
            axis if isinstance(axis, dict) else {"name": str(axis)} for axis in described[0].get("axes", "tczyx")
        ]
        full = described[0]["datasets"][0]
        self.dataset = str(full["path"])
        if not (path / self.dataset).resolve().is_relative_to(path.resolve()):
            raise ValueError(f"its pixels lie outside of it, in {self.dataset}")
        changes = [*full.get("coordinateTransformations", ()), *described[0].get("coordinateTransformations", ())]
        scales = [change["scale"] for change in changes if change.get("type") == "scale"]
        self.scale = [math.prod(sides) for sides in zip(*scales, strict=True)] if scales else []
        self.images = len(described)

    def header(self, array: Any, count: int, in_depth: bool) -> Header:
        """Pixel size, times and notes; frames that are planes of one moment have no times."""
        steps = {
            axis["name"].lower(): (step, axis.get("unit", ""))
            for axis, step in zip(self.axes, self.scale, strict=False)
        }
        sides = [pixel_size.in_micrometres(*steps[name]) if name in steps else None for name in ("x", "y")]
        step, unit = steps.get("t", (0.0, ""))
        times = times_at(step * _SECONDS.get(unit, 0.0), count) if count > 1 and not in_depth else ()
        missing = array.nchunks - array.nchunks_initialized
        notes = (
            (f"{missing} of {array.nchunks} chunks are not there and count as {array.fill_value}",) if missing else ()
        )
        if self.images > 1:
            notes = (*notes, f"the first of {self.images} images was read")
        return Header(pixel_size.plausible(sides[0], sides[1]), times, notes)


def _attributes(folder: Path) -> dict[str, Any]:
    """The attributes of a group: version 3 keeps them with all else, version 2 in a file of their own."""
    for name in ("zarr.json", ".zattrs"):
        if (folder / name).is_file():
            found = _json(folder / name)
            attributes = found.get("attributes", {}) if name == "zarr.json" else found
            return dict(attributes)
    return {}


def _check_array(path: Path, folder: Path) -> None:
    """Refuse an array of anything but numbers, or compressed by what is not known to be harmless, before it is opened."""
    found = next((_json(folder / name) for name in ("zarr.json", ".zarray") if (folder / name).is_file()), None)
    if found is None:
        raise ValueError(f"there is no array in {folder.relative_to(path)}")
    kind = str(found.get("data_type", found.get("dtype")))
    if not kind.lstrip("<>|=").startswith(("u", "i", "f", "b")):
        raise BrightfieldError(f"{path} holds {kind} values, expected whole or real numbers.")
    unknown = sorted(set(_codecs(found)) - _CODECS)
    if unknown:
        raise BrightfieldError(
            f"{path} is compressed by {', '.join(unknown)}, expected one of {', '.join(sorted(_CODECS))}. Write it again."
        )


def _codecs(array: Mapping[str, Any]) -> Iterator[str]:
    """The names of all compressors and filters, those inside shards too."""
    listed = [array.get("compressor"), *(array.get("filters") or ()), *(array.get("codecs") or ())]
    listed += array.get("index_codecs") or ()
    for codec in listed:
        if isinstance(codec, Mapping):
            yield str(codec.get("id", codec.get("name")))
            inner = codec.get("configuration")
            if isinstance(inner, Mapping):
                yield from _codecs(inner)


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_JSON_BYTES:,} bytes")
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no JSON object")
    return found
