"""Reading survives whatever a file holds; tiles, padding and normalisation undo themselves."""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from brightfield import images
from brightfield.errors import BrightfieldError
from brightfield.images import opening, symmetry


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65536, (24, 40), dtype=np.uint16)


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 65536, (12, 24, 40), dtype=np.uint16)


def png_with_size(path: Path, width: int, height: int) -> None:
    """A whole PNG of a few bytes that claims any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".npy"])
def test_grey_images_come_back_as_they_were(tmp_path: Path, grey: np.ndarray, dtype: type, suffix: str) -> None:
    image = (grey % 256).astype(dtype)
    path = tmp_path / f"a{suffix}"
    np.save(path, image) if suffix == ".npy" else tifffile.imwrite(path, image)
    read = images.read(path)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_png_keeps_its_bits(tmp_path: Path, grey: np.ndarray, dtype: type) -> None:
    image = (grey % 256 if dtype is np.uint8 else grey).astype(dtype)
    images.write_png(tmp_path / "a.png", image)
    read = images.read(tmp_path / "a.png")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)


def test_png_in_colour_with_16_bits_is_not_cut_to_8(tmp_path: Path) -> None:
    import imagecodecs

    image = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(image))
    np.testing.assert_array_equal(images.read(tmp_path / "a.png"), image)


@pytest.mark.parametrize(("mode", "shape"), [("RGB", (20, 30, 3)), ("RGBA", (20, 30, 3)), ("LA", (20, 30))])
def test_alpha_is_dropped(tmp_path: Path, mode: str, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, len(mode)), dtype=np.uint8)
    PIL.Image.fromarray(pixels, mode=mode).save(tmp_path / "a.png")
    read = images.read(tmp_path / "a.png")
    assert read.shape == shape
    np.testing.assert_array_equal(read, pixels[..., 0] if len(shape) == 2 else pixels[..., :3])


def test_alpha_of_a_tiff_is_dropped(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(images.read(tmp_path / "a.tif"), pixels[..., :3])


def test_colour_planes_become_the_last_axis(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).integers(0, 256, (3, 20, 30), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(images.read(tmp_path / "a.tif"), np.moveaxis(planes, 0, -1))


def test_a_palette_gives_colours_to_images_and_indices_to_labels(tmp_path: Path) -> None:
    indices = (np.arange(600) % 3).astype(np.uint8).reshape(20, 30)
    picture = PIL.Image.fromarray(indices, mode="P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")
    assert images.read(tmp_path / "a.png")[0, 1].tolist() == [255, 0, 0]
    np.testing.assert_array_equal(images.read_labels(tmp_path / "a.png"), indices)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (np.array([[False, True]] * 2), np.uint8, [0, 255]),
        (np.array([[-5, 70000]] * 2, dtype=np.int32), np.float32, [-5, 70000]),
        (np.array([[1, 2**24]] * 2, dtype=np.uint32), np.float32, [1, 2**24]),
        (np.array([[0.5, 1e30]] * 2, dtype=np.float64), np.float32, [0.5, np.float32(1e30)]),
        (np.array([[0.5, 3]] * 2, dtype=">f8"), np.float32, [0.5, 3]),
        (np.array([[7, 300]] * 2, dtype=">u2"), np.uint16, [7, 300]),
    ],
)
def test_other_types_are_converted(tmp_path: Path, values: np.ndarray, dtype: type, expected: list[float]) -> None:
    np.save(tmp_path / "a.npy", values)
    read = images.read(tmp_path / "a.npy")
    assert read.dtype == dtype
    assert read[0].tolist() == expected


def test_axes_of_length_one_are_squeezed(tmp_path: Path, grey: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", grey[None, :, :, None])
    np.testing.assert_array_equal(images.read(tmp_path / "a.npy"), grey)


# --- stacks and folders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"bigtiff": True, "tile": (16, 16)},
        {"truncate": True, "metadata": {"axes": "TYX"}},  # one header for all frames
        {"metadata": None},
    ],
)
def test_stacks_are_read_frame_by_frame(tmp_path: Path, stack: np.ndarray, options: dict[str, object]) -> None:
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", **options)
    np.testing.assert_array_equal(images.read_stack(path), stack)
    assert images.frame_count(path) == 12
    named = list(images.frames([path]))
    assert [name for name, _ in named][:2] == ["movie_0000", "movie_0001"]
    np.testing.assert_array_equal(np.stack([image for _, image in named]), stack)
    with pytest.raises(BrightfieldError, match=r"movie.tif holds 12 frames, expected one image.*stack"):
        images.read(path)


def test_frames_of_a_stack_are_read_lazily(tmp_path: Path, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "movie.tif", stack, photometric="minisblack", compression="zlib")
    read: list[object] = []
    once = opening._page
    monkeypatch.setattr(opening, "_page", lambda page: (read.append(page), once(page))[1])
    frames = images.frames([tmp_path / "movie.tif"])
    next(frames)
    next(frames)
    assert len(read) == 2


def test_channels_are_not_taken_for_frames_or_colours(tmp_path: Path, stack: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", stack[:3], photometric="minisblack", metadata={"axes": "CYX"})
    for reader in (images.read, images.read_stack):
        with pytest.raises(BrightfieldError, match="axes CYX of sizes 3 x 24 x 40.*channel"):
            reader(tmp_path / "a.ome.tif")


def test_folders_are_read_in_natural_order_with_unique_names(tmp_path: Path, grey: np.ndarray) -> None:
    for i, name in enumerate(["f10.tif", "f9.png", "f9.tif", "f1 (copy).png", ".hidden.png"]):
        image = grey + np.uint16(i)
        images.write_png(tmp_path / name, image) if name.endswith("png") else images.write_tiff(tmp_path / name, image)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    named = dict(images.frames([tmp_path]))
    assert list(named) == ["f1_copy_", "f9", "f9_2", "f10"]
    np.testing.assert_array_equal(named["f9_2"], grey + np.uint16(2))


def test_a_folder_without_images_says_where_some_may_be(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BrightfieldError, match="no images in the folder.*It has the folders inner"):
        list(images.frames([tmp_path]))


# --- what is refused ------------------------------------------------------------------------------------------------


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
        (_many_samples, "a.tif has 30 values a pixel"),
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


# --- labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.float32, bool])
def test_labels_are_exact(tmp_path: Path, dtype: type) -> None:
    labels = np.zeros((20, 30), dtype)
    labels[3:5, 4:6] = 200 if dtype is not bool else True
    tifffile.imwrite(tmp_path / "a.tif", labels)
    read = images.read_labels(tmp_path / "a.tif")
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels.astype(np.int32))


def test_label_numbers_beyond_float32_stay_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[2**24, 2**24 + 1], [0, 0]], dtype=np.uint32))
    assert images.read_labels(tmp_path / "a.npy")[0].tolist() == [2**24, 2**24 + 1]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.array([[0.5, 1], [0, 0]]), "no ids"),
        (np.array([[-1, 1], [0, 0]]), "no ids"),
        (np.array([[np.nan, 1], [0, 0]]), "no ids"),
        (np.array([[2**40, 1], [0, 0]]), "no ids"),
        (np.random.default_rng(0).integers(0, 9, (5, 5, 3)), "expected one whole number a pixel"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path: Path, values: np.ndarray, says: str) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(BrightfieldError, match=f"a.npy.*{says}"):
        images.read_labels(tmp_path / "a.npy")


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (5, 20, 30)])
def test_tiffs_are_written_with_their_pixel_size(tmp_path: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    images.write_tiff(tmp_path / "a.tif", image, pixel_size_um=0.065)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), image)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        number, denominator = tiff.pages[0].tags["XResolution"].value
        assert tiff.pages[0].tags["ResolutionUnit"].value == 3  # centimetres
        assert number / denominator * 0.065e-4 == pytest.approx(1, rel=1e-6)


def test_a_float_is_no_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        images.write_png(tmp_path / "a.png", np.zeros((4, 4), np.float32))


# --- numbers --------------------------------------------------------------------------------------------------------


def test_to_float_divides_by_the_largest_of_the_type() -> None:
    np.testing.assert_allclose(images.to_float(np.array([[0, 51, 255]], np.uint8)), [[0, 0.2, 1]], atol=1e-7)
    np.testing.assert_allclose(images.to_float(np.array([[0, 65535]], np.uint16)), [[0, 1]])
    np.testing.assert_allclose(images.to_float(np.array([[-3.5, 7]], np.float32)), [[-3.5, 7]])


def test_to_grey_keeps_equal_channels_and_weighs_others() -> None:
    equal = np.repeat(np.array([[[7], [200]]], np.uint8), 3, axis=2)
    assert images.to_grey(equal).tolist() == [[7, 200]]
    assert images.to_grey(np.array([[[100, 200, 50]]], np.uint8)).tolist() == [[153]]  # 29.9 + 117.4 + 5.7


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
def test_normalise_gives_mean_0_and_std_1_and_can_be_undone(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(65_000, 65_536, shape, dtype=np.uint16)
    values, mean, std = images.normalise(image)
    assert values.dtype == np.float32
    assert values.mean(dtype=np.float64) == pytest.approx(0, abs=1e-4)
    assert values.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(values * std + mean, image, atol=0.01)


def test_normalise_keeps_differences_in_colour() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200
    values, _, _ = images.normalise(image)
    assert (values[..., 0] > values[..., 1]).all()


@pytest.mark.parametrize("value", [0, 0.1, 1e-12, 65535.0, 1e30])
def test_a_constant_image_normalises_to_zero(value: float) -> None:
    values, mean, std = images.normalise(np.full((16, 17), value, np.float32))
    assert not values.any()
    assert std == 1.0
    assert mean == pytest.approx(value, rel=1e-6)


# --- tiles ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 150), st.integers(1, 150), st.integers(1, 64), st.integers(1, 8), st.data())
@settings(deadline=None, max_examples=100)
def test_stitching_the_tiles_of_an_image_gives_the_image(
    height: int, width: int, tile: int, multiple: int, data: st.DataObject
) -> None:
    height, width, tile = height * multiple, width * multiple, (tile + 1) * multiple
    overlap = data.draw(st.integers(1, tile - multiple))
    margin = data.draw(st.integers(0, (overlap - 1) // 2))
    if height * width / max(1, tile - overlap) ** 2 > 3000 or height * width > 10_000:
        return
    image = np.random.default_rng(height).normal(size=(2, height, width)).astype(np.float32)
    stitcher = images.Stitcher((height, width), 2, margin)
    for where in images.tiles((height, width), tile, overlap, multiple):
        part = image[(slice(None), *where)].copy()
        assert all(span.start % multiple == span.stop % multiple == 0 for span in where)
        assert all(side <= min(tile, whole) for side, whole in zip(part.shape[1:], (height, width), strict=True))
        for axis, (span, whole) in enumerate(zip(where, (height, width), strict=True), start=1):
            inside = np.moveaxis(part, axis, 1)  # what lies in a margin must not count
            if span.start > 0:
                inside[:, :margin] = 1e9
            if span.stop < whole:
                inside[:, inside.shape[1] - margin :] = 1e9
        stitcher.add(where, part)
    np.testing.assert_allclose(stitcher.result(), image, rtol=1e-4, atol=1e-5)


def test_neighbouring_tiles_share_the_overlap_and_are_no_larger_than_need_be() -> None:
    columns = sorted({(where[1].start, where[1].stop) for where in images.tiles((64, 200), 64, 16)})
    assert columns == [(0, 62), (46, 108), (92, 154), (138, 200)]
    assert sorted({where[1].start for where in images.tiles((64, 200), 72, 9, multiple=8)}) == [0, 40, 88, 136]
    assert all(b[0] - a[0] <= 62 - 16 for a, b in itertools.pairwise(columns))


@pytest.mark.parametrize(
    ("shape", "tile", "overlap", "multiple", "message"),
    [((64, 64), 32, 32, 1, "overlap 32"), ((60, 64), 48, 8, 8, "multiples of 8"), ((64, 64), 31, 8, 16, "units of 16")],
)
def test_tiles_that_cannot_be_laid_are_refused(
    shape: tuple[int, int], tile: int, overlap: int, multiple: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        images.tiles(shape, tile, overlap, multiple)


def test_blending_is_smooth_where_tiles_disagree() -> None:
    stitcher = images.Stitcher((32, 96), 1)
    first, second = (slice(0, 32), slice(0, 64)), (slice(0, 32), slice(32, 96))
    stitcher.add(first, np.zeros((1, 32, 64)))
    stitcher.add(second, np.ones((1, 32, 64)))
    row = stitcher.result()[0, 16]
    assert (row[:32] == 0).all()
    assert (row[64:] == 1).all()
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() < 0.1  # a cut would jump by 1


def test_a_pixel_without_tile_is_an_error() -> None:
    stitcher = images.Stitcher((8, 8), 1)
    stitcher.add((slice(0, 4), slice(0, 8)), np.zeros((1, 4, 8)))
    with pytest.raises(ValueError, match="in no tile"):
        stitcher.result()


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 2, 8, 16, 32]))
@settings(deadline=None, max_examples=60)
def test_padding_is_undone_by_its_crop(height: int, width: int, multiple: int) -> None:
    image = np.random.default_rng(height).normal(size=(3, height, width))
    padded, crop = images.pad_to_multiple(image, multiple)
    assert padded.shape[1] % multiple == 0
    assert padded.shape[2] % multiple == 0
    assert padded.shape[1] < height + multiple
    np.testing.assert_array_equal(padded[(slice(None), *crop)], image)
    assert set(np.unique(padded)) == set(np.unique(image))  # reflected, nothing invented


def test_padding_reflects_without_repeating_the_edge() -> None:
    padded, _ = images.pad_to_multiple(np.array([[1, 2, 3]]), 4)
    assert padded[0].tolist() == [1, 2, 3, 2]


# --- the real thing -------------------------------------------------------------------------------------------------


def test_all_real_images_can_be_read() -> None:
    if not (folder := os.environ.get("BRIGHTFIELD_REAL_DATA")):
        pytest.skip("BRIGHTFIELD_REAL_DATA is not set: no real images here")
    paths = [*Path(folder).glob("bacteria/**/*.tif"), *Path(folder).glob("beads/*/*.png")]
    assert paths
    for path in paths:
        for _, image in images.frames([path]):
            assert image.dtype in (np.uint8, np.uint16)
            values, _, std = images.normalise(image)
            assert std > 0
            assert np.isfinite(values).all()


# --- the eight views ----------------------------------------------------------------------------------------------------


def test_the_views_are_all_different_and_each_is_undone() -> None:
    image = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    views = [symmetry.turned(image, view) for view in range(symmetry.VIEWS)]
    assert {view.shape for view in views} == {(2, 3, 5), (2, 5, 3)}
    assert len({(view.shape, view.tobytes()) for view in views}) == 8
    assert np.array_equal(views[0], image)
    for number, view in enumerate(views):
        assert np.array_equal(symmetry.turned_back(view, number), image)
