"""Every format comes back as it was written, stacks frame by frame, labels exactly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from brightfield import images
from brightfield.errors import BrightfieldError
from brightfield.images.formats import tiff


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
    once = tiff._page
    monkeypatch.setattr(tiff, "_page", lambda page: (read.append(page), once(page))[1])
    frames = images.frames([tmp_path / "movie.tif"])
    next(frames)
    next(frames)
    assert len(read) == 2


def test_a_sample_is_spread_over_files_and_over_the_frames_of_few(tmp_path: Path) -> None:
    for name, count in (("a", 9), ("b", 1), ("c", 9)):
        np.save(
            tmp_path / f"{name}.npy", np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 4, 5))
        )
    files = images.files([tmp_path])
    assert [frame.image[0, 0] for frame in images.sample(files[:1], 3)] == [0, 4, 8]
    assert [(frame.path.stem, frame.image[0, 0]) for frame in images.sample(files, 2)] == [("a", 4), ("c", 4)]
    assert [frame.path.stem for frame in images.sample(files, 6)] == ["a", "a", "b", "c", "c"]
    assert images.sample([], 3) == []


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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("../../annex/0image.tif", r"is the text of a link \(../../annex/0image.tif\).*cp -rL"),
        ("/annex/objects/MD5E-s51456--0.tif\n", r"is the text of a link \(/annex/objects/MD5E"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            r"\(a pointer of Git LFS\).*git lfs pull",
        ),
        ("an error page of a browser", "cannot be read as an image"),
    ],
)
def test_the_text_of_a_link_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.tif").write_text(text)
    with pytest.raises(BrightfieldError, match=says):
        images.read(tmp_path / "a.tif")


def test_a_folder_without_images_says_where_some_may_be(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BrightfieldError, match="no images in the folder.*It has the folders inner"):
        list(images.frames([tmp_path]))


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
        (np.random.default_rng(0).integers(0, 9, (5, 5, 3)), "expected one whole number per pixel"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path: Path, values: np.ndarray, says: str) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(BrightfieldError, match=f"a.npy.*{says}"):
        images.read_labels(tmp_path / "a.npy")


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
