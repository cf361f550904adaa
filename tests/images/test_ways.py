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
