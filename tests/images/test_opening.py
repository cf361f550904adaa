"""Whatever a file holds, reading it gives its images or one error that names it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from brightfield import images
from brightfield.errors import BrightfieldError


def png_with_size(path: Path, width: int, height: int) -> None:
    """A whole PNG of a few bytes that claims any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )


def _empty(path: Path) -> Path:
    (path / "a.tif").write_bytes(b"")
    return path / "a.tif"


def _truncated_png(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    images.write_png(path / "a.png", noise)
    data = (path / "a.png").read_bytes()
    (path / "a.png").write_bytes(data[: len(data) // 2])
    return path / "a.png"


def _text(path: Path) -> Path:
    (path / "a.png").write_text("not an image at all")
    return path / "a.png"


def _pickled(path: Path) -> Path:
    np.save(path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return path / "a.npy"


def _nan(path: Path) -> Path:
    tifffile.imwrite(path / "a.tif", np.array([[1, np.nan], [np.inf, 2]], dtype=np.float32))
    return path / "a.tif"


def _too_large_for_float32(path: Path) -> Path:
    np.save(path / "a.npy", np.full((4, 4), 1e300))
    return path / "a.npy"


def _complex(path: Path) -> Path:
    np.save(path / "a.npy", np.ones((4, 4), dtype=np.complex64))
    return path / "a.npy"


def _png_bomb(path: Path) -> Path:
    png_with_size(path / "a.png", 12_000, 12_000)
    return path / "a.png"


def _huge_png_bomb(path: Path) -> Path:
    png_with_size(path / "a.png", 100_000, 100_000)
    return path / "a.png"


def _tiff_bomb(path: Path) -> Path:
    tifffile.imwrite(path / "a.tif", np.zeros((64, 64), np.uint8), compression="zlib")
    with tifffile.TiffFile(path / "a.tif", mode="r+") as tiff:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tiff.pages[0].tags[name].overwrite(20_000)
    return path / "a.tif"


def _npy_bomb(path: Path) -> Path:
    with (path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (10**5, 10**5)})
        file.truncate(10**10 + 128)  # sparse
    return path / "a.npy"


def _missing_strips(path: Path) -> Path:
    tifffile.imwrite(path / "a.tif", np.ones((64, 64), np.uint8), compression="zlib")
    with tifffile.TiffFile(path / "a.tif", mode="r+") as tiff:
        tiff.pages[0].tags["ImageLength"].overwrite(128)
    return path / "a.tif"


def _many_samples(path: Path) -> Path:
    tifffile.imwrite(path / "a.tif", np.ones((20, 20, 30), np.uint8), photometric="minisblack", planarconfig="contig")
    return path / "a.tif"


def _line(path: Path) -> Path:
    np.save(path / "a.npy", np.arange(10.0))
    return path / "a.npy"


def _text_file(path: Path) -> Path:
    (path / "a.txt").write_text("x")
    return path / "a.txt"


def _missing(path: Path) -> Path:
    return path / "a.png"


def _two_series(path: Path) -> Path:
    with tifffile.TiffWriter(path / "a.tif") as tiff:
        tiff.write(np.zeros((20, 30), np.uint8))
        tiff.write(np.zeros((40, 30), np.uint8))
    return path / "a.tif"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_empty, r"a.tif is empty \(0 bytes\), expected an image"),
        (_truncated_png, "a.png cannot be read as an image: .*truncated"),
        (_text, "a.png cannot be read as an image: cannot identify"),
        (_pickled, "a.npy cannot be read as an image"),
        (_nan, "a.tif holds 2 values that are nan or infinite"),
        (_too_large_for_float32, "a.npy holds 16 values that are nan or infinite"),
        (_complex, "a.npy holds complex64 values, expected whole or real numbers"),
        (_png_bomb, "a.png claims 12000 x 12000 pixels, expected at most 100,000,000"),
        (_huge_png_bomb, "a.png.*at most 100,000,000 pixels"),
        (_tiff_bomb, "a.tif claims 20000 x 20000 pixels, expected at most 100,000,000"),
        (_missing_strips, "a.tif cannot be read as an image: a part of the pixels is missing"),
        (_many_samples, "a.tif has 30 values per pixel"),
        (_npy_bomb, "a.npy claims 100000 x 100000 pixels, expected at most 100,000,000"),
        (_line, r"a.npy has shape \(10,\), expected \(height, width\)"),
        (_text_file, r"a.txt is not an image by its name, expected one that ends in .png, .jpg"),
        (_missing, "There is no file .*a.png"),
        (_two_series, "a.tif holds 2 images .*expected one"),
    ],
)
def test_bad_files_are_named_with_what_was_found_and_expected(
    tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    with pytest.raises(BrightfieldError, match=says):
        images.read(make(tmp_path))


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "lzw", "tile": (16, 16)}])
def test_a_truncated_stack_never_gives_other_frames(
    tmp_path: Path, stack: np.ndarray, options: dict[str, object]
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", **options)
    data = path.read_bytes()
    refused = 0
    for cut in np.linspace(1, len(data) - 1, 40).astype(int):
        path.write_bytes(data[:cut])
        try:
            read = images.read_stack(path)
        except BrightfieldError as error:
            refused += "a.tif" in str(error)
        else:  # what was cut off held no pixels
            np.testing.assert_array_equal(read, stack)
    assert refused >= 38


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy", ".jpg"])
def test_flipped_bytes_raise_nothing_but_our_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    image = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    if suffix == ".npy":
        np.save(path, image)
    elif suffix == ".tif":
        tifffile.imwrite(path, image, compression="zlib")
    else:
        PIL.Image.fromarray(image).save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(2)
    refused = 0
    for _ in range(150):
        broken = bytearray(data)
        for place in rng.integers(0, min(len(data), 300), 4):
            broken[place] = rng.integers(0, 256)
        path.write_bytes(broken)
        try:
            assert images.read(path).ndim in (2, 3)
        except BrightfieldError:
            refused += 1
    assert refused > 0


def test_an_ome_header_cannot_point_to_other_files(tmp_path: Path, stack: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", stack[0])
    uid = f'<TiffData FirstT="1" IFD="0"><UUID FileName="{tmp_path / "secret.tif"}">urn:uuid:1</UUID></TiffData>'
    header = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:2">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZTC" Type="uint16" SizeX="40" SizeY="24" '
        f'SizeZ="1" SizeC="1" SizeT="2"><TiffData FirstT="0" IFD="0"/>{uid}</Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", stack[1], description=header, metadata=None)
    try:
        read = images.read_stack(tmp_path / "a.ome.tif")
    except BrightfieldError:
        return
    assert not any((frame == stack[0]).all() for frame in read)
