"""However a picture was written, it is read as it is shown, or refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

import ways
from brightfield import images
from brightfield.errors import BrightfieldError


@pytest.mark.parametrize("writer", range(len(ways.WRITERS)), ids=[writer.__name__ for writer in ways.WRITERS])
def test_a_picture_is_the_same_in_every_way_of_writing_it(tmp_path: Path, writer: int) -> None:
    verdicts = [
        ways.verdict(ways.write(tmp_path, writer + i * len(ways.WRITERS), seed=1), images.read, BrightfieldError)
        for i in range(40)
    ]
    assert [verdict for verdict in verdicts if verdict not in ("read", "refused")] == []
    assert "read" in verdicts or ways.WRITERS[writer].__name__ == "_tiff_refused"


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_min_is_white_palette_and_grey_show_one_picture(tmp_path: Path, suffix: str) -> None:
    shown = ways.picture(np.random.default_rng(0))
    table = np.repeat((np.arange(255, -1, -1))[:, None], 3, axis=1).astype(np.uint8)
    if suffix == ".tif":
        tifffile.imwrite(tmp_path / "white.tif", 255 - shown, photometric="miniswhite")
        tifffile.imwrite(
            tmp_path / "palette.tif", 255 - shown, photometric="palette", colormap=table.T.astype("u2") * 257
        )
    else:
        extra = ways.chunk(b"PLTE", table.tobytes())
        (tmp_path / "palette.png").write_bytes(ways.png(255 - shown, 8, 3, extra))
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(images.read(path), shown)


def test_an_inverted_display_of_real_numbers_changes_nothing(tmp_path: Path) -> None:
    values = ways.picture(np.random.default_rng(0), np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    np.testing.assert_array_equal(images.read(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_are_turned_as_their_image_is(tmp_path: Path, orientation: int) -> None:
    labels = ways.picture(np.random.default_rng(0), np.uint16)
    kept = ways.stored(labels, orientation)
    tag = (ways.ORIENTATION, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", kept, extratags=[tag])
    extra = ways.chunk(b"eXIf", ways.exif(orientation))
    (tmp_path / "b.png").write_bytes(ways.png(kept, 16, 0, extra))
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(images.read_labels(path), labels)


def test_labels_are_numbers_as_they_are_stored(tmp_path: Path) -> None:
    ids = ways.picture(np.random.default_rng(0), np.uint8, top=15)
    (tmp_path / "four_bits.png").write_bytes(ways.png(ids, 4, 0))
    tifffile.imwrite(tmp_path / "four_bits.tif", ids, bitspersample=4, photometric="minisblack")
    tifffile.imwrite(tmp_path / "display.tif", ids, photometric="miniswhite")  # as ImageJ saves its masks
    palette = np.arange(768, dtype=np.uint16).reshape(3, 256)
    tifffile.imwrite(tmp_path / "palette.tif", ids, photometric="palette", colormap=palette)
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(images.read_labels(path), ids)


def test_the_further_pictures_of_a_file_are_named(tmp_path: Path) -> None:
    shown = ways.picture(np.random.default_rng(0), np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(shown, metadata=None)
        tiff.write(np.ascontiguousarray(shown[::4, ::4]), subfiletype=1, metadata=None)
    small = " x ".join(str(side) for side in shown[::4, ::4].shape)
    (note,) = images.header(tmp_path / "a.tif").notes
    assert note.endswith(f"was read, not its thumbnails, pyramid levels or masks ({small} px)")
    first, second = (PIL.Image.fromarray(ways.picture(np.random.default_rng(i), channels=3)) for i in (1, 2))
    first.save(tmp_path / "b.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    assert images.header(tmp_path / "b.jpg").notes == (
        "the first of 2 pictures was read, the others are previews or other views",
    )
    assert images.read(tmp_path / "b.jpg").shape == np.asarray(first).shape


def test_an_animation_is_no_image(tmp_path: Path) -> None:
    frames = [PIL.Image.fromarray(ways.picture(np.random.default_rng(0))).resize((20, 20)) for _ in range(3)]
    frames[1] = frames[1].rotate(90)
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(BrightfieldError, match="a.png is an animation of 3 frames, expected one image"):
        images.read(tmp_path / "a.png")


def test_each_page_has_its_own_palette_and_orientation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 256, (2, 20, 30), dtype=np.uint8)
    tables = rng.integers(0, 256, (2, 256, 3)).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page, table in zip(indices, tables, strict=True):
            tiff.write(page, photometric="palette", colormap=table.T * 257, metadata=None)
    shown = [table[page] for page, table in zip(indices, tables, strict=True)]
    np.testing.assert_array_equal(images.read_stack(tmp_path / "a.tif"), shown)
    with tifffile.TiffWriter(tmp_path / "b.tif") as tiff:
        for page, orientation in zip(indices, (1, 3), strict=True):
            tag = (ways.ORIENTATION, "H", 1, orientation, True)
            tiff.write(page, photometric="minisblack", metadata=None, extratags=[tag])
    np.testing.assert_array_equal(images.read_stack(tmp_path / "b.tif"), [indices[0], indices[1, ::-1, ::-1]])


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_grey_that_is_transparent(tmp_path: Path, depth: int) -> None:
    samples = np.ones((9, 16), np.uint16)
    transparent = ways.chunk(b"tRNS", b"\0\0")
    (tmp_path / "a.png").write_bytes(ways.png(samples, depth, 0, transparent))
    assert np.ptp(images.read(tmp_path / "a.png")) == 0
    samples[2, 3] = 0
    (tmp_path / "b.png").write_bytes(ways.png(samples, depth, 0, transparent))
    with pytest.raises(BrightfieldError, match="transparent in 1 of 144 pixels"):
        images.read(tmp_path / "b.png")
    transparent = ways.chunk(b"tRNS", b"\0\1")
    (tmp_path / "c.png").write_bytes(ways.png(samples, depth, 0, transparent))
    with pytest.raises(BrightfieldError, match="transparent in 143 of 144 pixels"):
        images.read(tmp_path / "c.png")


def test_a_palette_that_lacks_colours_is_refused(tmp_path: Path) -> None:
    indices = np.arange(144, dtype=np.uint8).reshape(9, 16)
    (tmp_path / "a.png").write_bytes(ways.png(indices, 8, 3, ways.chunk(b"PLTE", bytes(range(12)))))
    with pytest.raises(BrightfieldError, match="its palette has 4 colours, its pixels go up to 143"):
        images.read(tmp_path / "a.png")


def test_an_array_of_no_frames_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 8, 9)))
    with pytest.raises(BrightfieldError, match="no frame at all"):
        images.read_stack(tmp_path / "a.npy")
