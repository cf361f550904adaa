"""One picture written in many ways: by hand or by the libraries that labs use, each with what it must be read as.

A way is made from a seeded generator, so that a run of any length can be repeated.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps
import tifffile

Pixels = npt.NDArray[Any]
ORIENTATION = 274


@dataclass(frozen=True)
class Way:
    """A file, and what it must be read as.

    Attributes:
        path: the file.
        says: how it was written, in words.
        expected: (H, W) or (H, W, 3) values, or None where the file must be refused.
        refusal: words of the message where it is refused; such a file may also be read as ``expected`` says.
    """

    path: Path
    says: str
    expected: Pixels | None
    refusal: str = ""


def shown_places(height: int, width: int, orientation: int) -> npt.NDArray[np.int32]:
    """The places, counted along stored rows, of the pixels of a picture as Pillow shows it in this orientation."""
    places = PIL.Image.fromarray(np.arange(height * width, dtype=np.int32).reshape(height, width))
    places.getexif()[ORIENTATION] = orientation
    return np.asarray(PIL.ImageOps.exif_transpose(places))


def shown_as(kept: Pixels, orientation: int) -> Pixels:
    """The picture (H, W) or (H, W, C) that stored rows and columns show."""
    places = shown_places(*kept.shape[:2], orientation)
    return kept.reshape(-1, *kept.shape[2:])[places]


def stored(shown: Pixels, orientation: int) -> Pixels:
    """The rows and columns to store, so that they show a picture (H, W) or (H, W, C)."""
    height, width = shown.shape[:2] if orientation < 5 else shown.shape[1::-1]
    kept = np.empty((height * width, *shown.shape[2:]), shown.dtype)
    kept[shown_places(height, width, orientation)] = shown
    return kept.reshape(height, width, *shown.shape[2:])


def picture(rng: np.random.Generator, dtype: Any = np.uint8, channels: int = 1, top: int | None = None) -> Pixels:
    """A small picture of noise, not square."""
    height, width = (int(side) for side in rng.choice(np.arange(16, 40), 2, replace=False))
    most = (np.iinfo(dtype).max if np.dtype(dtype).kind in "ui" else 1000) if top is None else top
    low = np.iinfo(dtype).min if np.dtype(dtype).kind == "i" else 0
    shape = (height, width) if channels == 1 else (height, width, channels)
    if np.dtype(dtype).kind == "f":
        return (rng.normal(size=shape) * 100).astype(dtype)
    return rng.integers(low, most, shape, dtype=dtype, endpoint=True)


# PNG, chunk by chunk, because no library writes all that the format allows


def png(pixels: Pixels, depth: int, colour: int, extra: bytes = b"") -> bytes:
    """A PNG from samples (H, W) or (H, W, C), as numbers of ``depth`` bits; ``extra`` chunks stand before the pixels."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    if depth == 16:
        body = rows.astype(">u2").view(np.uint8).reshape(height, -1)
    elif depth == 8:
        body = rows.astype(np.uint8)
    else:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        body = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    lines = np.hstack([np.zeros((height, 1), np.uint8), body]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def exif(orientation: int) -> bytes:
    """EXIF that says nothing but an orientation."""
    return b"MM\x00*\x00\x00\x00\x08" + struct.pack(">HHHIHHI", 1, ORIENTATION, 3, 1, orientation, 0, 0)


def _png_grey(path: Path, rng: np.random.Generator) -> Way:
    depth = int(rng.choice([1, 2, 4, 8, 16]))
    samples = picture(rng, np.uint16 if depth == 16 else np.uint8, top=2**depth - 1)
    orientation = int(rng.integers(1, 9))
    path = path.with_suffix(".png")
    path.write_bytes(png(stored(samples, orientation), depth, 0, chunk(b"eXIf", exif(orientation))))
    shown = samples if depth >= 8 else samples * (255 // (2**depth - 1))
    return Way(path, f"PNG, grey, {depth} bits, orientation {orientation}", shown)


def _png_colour(path: Path, rng: np.random.Generator) -> Way:
    depth, grey = int(rng.choice([8, 16])), bool(rng.integers(2))
    dtype = np.uint16 if depth == 16 else np.uint8
    shown = picture(rng, dtype, 1 if grey else 3)
    orientation = int(rng.integers(1, 9))
    alpha = str(rng.choice(["none", "opaque", "even", "varying"]))
    as_colour = not grey or bool(rng.integers(2))
    samples = np.repeat(shown[..., None], 3, axis=2) if grey and as_colour else np.atleast_3d(shown)
    colour = 2 if as_colour else 0
    if alpha != "none":
        top = np.iinfo(dtype).max
        layer = np.full(shown.shape[:2], top if alpha == "opaque" else top // 2, dtype)
        if alpha == "varying":
            layer[3, 5] = 0
        samples, colour = np.dstack([samples, layer]), colour + 4
    path = path.with_suffix(".png")
    path.write_bytes(png(stored(samples, orientation), depth, colour, chunk(b"eXIf", exif(orientation))))
    says = f"PNG, colour type {colour}, {depth} bits, orientation {orientation}, {alpha} alpha"
    return Way(path, says, None if alpha == "varying" else shown, "transparent" if alpha == "varying" else "")


def _png_palette(path: Path, rng: np.random.Generator) -> Way:
    grey = bool(rng.integers(2))
    indices = picture(rng, np.uint8)
    table = rng.integers(0, 256, (256, 3)).astype(np.uint8)
    if grey:
        table = np.repeat(rng.permutation(256).astype(np.uint8)[:, None], 3, axis=1)
    transparent = str(rng.choice(["none", "unused", "used"]))
    extra = chunk(b"PLTE", table.tobytes())
    if transparent != "none":
        indices[indices == 7] = 8
        indices[4, 4] = 7 if transparent == "used" else 8
        alpha = np.full(256, 255, np.uint8)
        alpha[7] = 0
        extra += chunk(b"tRNS", alpha.tobytes())
    path = path.with_suffix(".png")
    path.write_bytes(png(indices, 8, 3, extra))
    shown = table[indices][..., 0] if grey else table[indices]
    refused = transparent == "used"
    says = f"PNG, palette of {'greys' if grey else 'colours'}, {transparent} transparent colour"
    return Way(path, says, None if refused else shown, "transparent" if refused else "")


# TIFF


def _tiff_grey(path: Path, rng: np.random.Generator) -> Way:
    dtype = np.dtype(str(rng.choice(["u1", "u2", "u4", "i1", "i2", "f4", "f8"]))).newbyteorder(
        str(rng.choice(["<", ">"]))
    )
    bits = (
        int(rng.choice([8 * dtype.itemsize, 12])) if dtype.kind == "u" and dtype.itemsize == 2 else 8 * dtype.itemsize
    )
    shown = picture(rng, dtype.newbyteorder("="), top=2**bits - 1 if dtype.kind == "u" else None)
    if dtype.itemsize >= 4 and dtype.kind == "u":
        shown = shown % 2**24  # what float32 holds exactly
    white = bool(rng.integers(2))
    orientation = int(rng.integers(1, 9))
    kept = stored(shown, orientation)
    if white and dtype.kind == "u":
        kept = (2**bits - 1 - kept.astype(np.int64)).astype(dtype)
        if dtype.itemsize == 4:
            shown = (2**32 - 1 - kept.astype(np.int64)).astype(np.float32)
            shown = shown_as(shown, orientation)
    options = _layout(rng, bits)
    path = path.with_suffix(str(rng.choice([".tif", ".tiff", ".TIF"])))
    tifffile.imwrite(
        path,
        kept.astype(dtype.newbyteorder("=")),
        photometric="miniswhite" if white else "minisblack",
        byteorder=">"
        if dtype.byteorder == ">" and bits != 12
        else "<",  # tifffile swaps bytes of packed bits as it writes
        bitspersample=bits if bits == 12 else None,
        extratags=[(ORIENTATION, "H", 1, orientation, True)],
        **options,
    )
    refused = white and dtype.kind == "i"
    says = (
        f"TIFF, {dtype}, {bits} bits, {'MinIsWhite' if white else 'MinIsBlack'}, orientation {orientation}, {options}"
    )
    return Way(path, says, None if refused else shown, "MinIsWhite" if refused else "")


def _layout(rng: np.random.Generator, bits: int = 8) -> dict[str, Any]:
    """Compression, strips or tiles, and the size of offsets."""
    if bits == 12:
        return {}
    options: dict[str, Any] = {"compression": [None, "zlib", "lzw", "packbits", "zstd"][int(rng.integers(5))]}
    how = int(rng.integers(3))
    if how == 1:
        options["tile"] = (16, 16)
    if how == 2:
        options["rowsperstrip"] = int(rng.integers(1, 9))
    if rng.integers(2):
        options["bigtiff"] = True
    if options["compression"] in ("zlib", "lzw", "zstd") and rng.integers(2):
        options["predictor"] = True
    return options


def _tiff_colour(path: Path, rng: np.random.Generator) -> Way:
    dtype = [np.uint8, np.uint16][int(rng.integers(2))]
    grey = bool(rng.integers(2))
    shown = picture(rng, dtype, 1 if grey else 3)
    as_colour = not grey or bool(rng.integers(2))
    samples = np.repeat(shown[..., None], 3, axis=2) if grey and as_colour else np.atleast_3d(shown)
    kind = str(rng.choice(["none", "opaque", "varying", "unnamed", "unnamed varying"]))
    extra: list[str] | None = None
    if kind != "none":
        layer = np.full(shown.shape[:2], np.iinfo(dtype).max, dtype)
        if "varying" in kind:
            layer[2, 3] = 5
        samples = np.dstack([samples, layer])
        extra = ["unspecified" if "unnamed" in kind else str(rng.choice(["assocalpha", "unassalpha"]))]
    orientation = int(rng.integers(1, 9))
    planes = bool(rng.integers(2)) and samples.shape[-1] > 1
    kept = stored(samples, orientation)
    if samples.shape[-1] == 1:
        kept = kept[..., 0]
    path = path.with_suffix(".tif")
    tifffile.imwrite(
        path,
        np.moveaxis(kept, -1, 0) if planes else kept,
        photometric="rgb" if as_colour else "minisblack",
        planarconfig=("separate" if planes else "contig") if kept.ndim == 3 else None,
        extrasamples=extra,
        metadata=None,
        extratags=[(ORIENTATION, "H", 1, orientation, True)],
        **_layout(rng),
    )
    says = f"TIFF, {'RGB' if as_colour else 'grey'}, {np.dtype(dtype)}, {kind} fourth, planes {planes}, orientation {orientation}"
    must = "varying" in kind or (kind == "unnamed" and not as_colour)
    words = "transparent|values per pixel|what the fourth is" if must else ""
    return Way(path, says, None if must else shown, words)


def _tiff_palette(path: Path, rng: np.random.Generator) -> Way:
    indices = picture(rng, np.uint8)
    kind = str(rng.choice(["greys", "colours", "reversed"]))
    table = rng.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    if kind == "greys":
        table = np.repeat((rng.permutation(256).astype(np.uint16) * 257)[None], 3, axis=0)
    if kind == "reversed":
        table = np.repeat((np.arange(255, -1, -1).astype(np.uint16) * 257)[None], 3, axis=0)
    path = path.with_suffix(".tif")
    tifffile.imwrite(path, indices, photometric="palette", colormap=table, **_layout(rng))
    shown = (table.T[indices] >> 8).astype(np.uint8)
    return Way(path, f"TIFF, palette of {kind}", shown[..., 0] if kind != "colours" else shown)


def _tiff_imagej(path: Path, rng: np.random.Generator) -> Way:
    """ImageJ shows numbers in the colours of a table, and measures the numbers."""
    indices = picture(rng, np.uint8)
    channel = int(rng.integers(3))
    table = np.zeros((3, 256), np.uint16)
    table[channel] = np.arange(256) * 257
    path = path.with_suffix(".tif")
    tifffile.imwrite(
        path,
        indices,
        photometric="palette",
        colormap=table,
        description="ImageJ=1.54f\nimages=1\nmode=grayscale\n",
        metadata=None,
    )
    return Way(path, f"ImageJ, table of colours {channel}", indices)


def _tiff_pages(path: Path, rng: np.random.Generator) -> Way:
    shown = picture(rng, np.uint16)
    kind = str(rng.choice(["thumbnail", "mask", "other size", "other type", "another", "channels"]))
    path = path.with_suffix(str(rng.choice([".tif", ".ome.tif"])) if kind == "channels" else ".tif")
    with tifffile.TiffWriter(path, ome=kind == "channels" and path.name.endswith(".ome.tif")) as tiff:
        if kind == "channels":
            axes = {"axes": "CYX"}
            tiff.write(np.stack([shown] * 3), photometric="minisblack", metadata=axes)
        else:
            tiff.write(shown, photometric="minisblack", metadata=None)
        if kind in ("thumbnail", "mask"):
            small = np.ascontiguousarray(shown[::2, ::2])
            if kind == "mask":
                small = shown > 100
            how: dict[str, Any] = {"subfiletype": 4, "photometric": 4} if kind == "mask" else {"subfiletype": 1}
            tiff.write(small, metadata=None, **how)
        elif kind == "other size":
            tiff.write(shown[:-2], photometric="minisblack", metadata=None)
        elif kind == "other type":
            tiff.write(shown.astype(np.float32), photometric="minisblack", metadata=None)
        elif kind == "another":
            tiff.write(shown, photometric="minisblack", metadata=None)
    refused = kind not in ("thumbnail", "mask")
    return Way(
        path, f"TIFF, {kind} beside the image", None if refused else shown, "holds|frames|axes" if refused else ""
    )


def _tiff_refused(path: Path, rng: np.random.Generator) -> Way:
    """What a microscope does not write: inks, CIELAB, raw YCbCr, and numbers that are none."""
    kind = str(rng.choice(["CMYK", "LAB", "YCbCr", "complex", "nan", "inf"]))
    path = path.with_suffix(".tif")
    if kind in ("CMYK", "LAB", "YCbCr"):
        PIL.Image.fromarray(picture(rng, np.uint8, 3)).convert(kind).save(path)
        return Way(path, f"TIFF, {kind}", None, "PhotometricInterpretation")
    if kind == "complex":
        tifffile.imwrite(path, picture(rng, np.float32).astype(np.complex64))
        return Way(path, "TIFF, complex", None, "complex64")
    pixels = picture(rng, np.float32)
    pixels[2, 2] = float(kind)
    tifffile.imwrite(path, pixels)
    return Way(path, f"TIFF with {kind}", None, "nan or infinite")


# JPEG: what is right is what the same data give without EXIF


def _jpeg(path: Path, rng: np.random.Generator) -> Way:
    mode = str(rng.choice(["L", "RGB", "CMYK"]))
    base = PIL.Image.fromarray(picture(rng, np.uint8, 3)).convert(mode)
    orientation = int(rng.integers(1, 9))
    plain, turned = io.BytesIO(), PIL.Image.Exif()
    turned[ORIENTATION] = orientation
    base.save(plain, "JPEG", quality=95)
    path = path.with_suffix(str(rng.choice([".jpg", ".jpeg", ".JPG"])))
    base.save(path, "JPEG", quality=95, exif=turned)
    says = f"JPEG, {mode}, orientation {orientation}"
    if mode == "CMYK":
        return Way(path, says, None, "CMYK")
    plain.seek(0)
    return Way(path, says, shown_as(np.asarray(PIL.Image.open(plain)), orientation))


def _npy(path: Path, rng: np.random.Generator) -> Way:
    dtype = str(rng.choice(["u1", ">u2", "<u2", "i2", ">f4", "f8", "?"]))
    channels = int(rng.choice([1, 3, 4]))
    if dtype == "?":
        shown = picture(rng, np.uint8) > 100
        channels = 1
    else:
        shown = picture(rng, np.dtype(dtype).newbyteorder("="), 1 if channels == 1 else 3)
    kept = shown.astype(dtype)
    varying = bool(rng.integers(2))
    if channels == 4:
        layer = np.ones(shown.shape[:2], dtype)
        if varying:
            layer[3, 3] = 0
        kept = np.dstack([kept, layer])
    path = path.with_suffix(".npy")
    np.save(path, np.asfortranarray(kept) if rng.integers(2) else kept)
    refused = channels == 4 and varying
    shown = shown.astype(np.uint8) * 255 if dtype == "?" else shown
    return Way(
        path, f"npy, {dtype}, {channels} channels", None if refused else shown, "what the fourth" if refused else ""
    )


WRITERS: tuple[Callable[[Path, np.random.Generator], Way], ...] = (
    _png_grey,
    _png_colour,
    _png_palette,
    _tiff_grey,
    _tiff_colour,
    _tiff_palette,
    _tiff_imagej,
    _tiff_pages,
    _tiff_refused,
    _jpeg,
    _npy,
)


def write(folder: Path, number: int, seed: int = 0) -> Way:
    """Write the file of this number; every writer has its turn."""
    rng = np.random.default_rng([seed, number])
    return WRITERS[number % len(WRITERS)](folder / f"way{number}", rng)


def verdict(way: Way, read: Callable[[Path], Pixels], refused: type[Exception]) -> str:
    """``read`` or ``refused`` where that is right; else a sentence that says what was wrong."""
    import re

    try:
        found = read(way.path)
    except refused as error:
        if way.expected is None and re.search(way.refusal, str(error)) and "\n" not in str(error):
            return "refused"
        return f"{way.says}: refused: {error}"
    if way.expected is None:
        return f"{way.says}: read, expected a refusal"
    return "read" if same(found, way.expected) else f"{way.says}: other pixels {found.shape} {found.dtype}"


def same(found: Pixels, expected: Pixels) -> bool:
    """Whether a picture is the expected one; grey may come as three equal channels."""
    if expected.ndim == 2 and found.ndim == 3 and (found == found[..., :1]).all():
        found = found[..., 0]
    if found.shape != expected.shape:
        return False
    wanted = expected.astype(np.float32) if found.dtype == np.float32 else expected
    return bool(np.array_equal(found, wanted))
