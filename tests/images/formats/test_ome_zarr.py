"""An OME-Zarr is read as the image that it describes, and what may run code is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from brightfield import images
from brightfield.errors import BrightfieldError

STACK = np.random.default_rng(0).integers(0, 65536, (6, 40, 56), dtype=np.uint16)
KINDS = {"t": "time", "c": "channel"}


def write(path: Path, pixels: np.ndarray, axes: str, version: int = 2, **options: Any) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=version)
    array = group.create_array(
        "0", shape=pixels.shape, chunks=(1,) * (pixels.ndim - 2) + (16, 16), dtype=pixels.dtype, **options
    )
    array[:] = pixels
    group.create_array("1", shape=(2, 2), dtype="u1")
    units = {"x": {"unit": "nanometer"}, "y": {"unit": "nanometer"}, "t": {"unit": "millisecond"}}
    scale = [{"x": 130.0, "y": 130.0, "t": 40.0}.get(axis, 1.0) for axis in axes]
    described = {
        "version": "0.4",
        "axes": [{"name": axis, "type": KINDS.get(axis, "space"), **units.get(axis, {})} for axis in axes],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]},
            {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": [2 * side for side in scale]}]},
        ],
    }
    group.attrs.update({"multiscales": [described]} if version == 2 else {"ome": {"multiscales": [described]}})


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(("axes", "pixels"), [("yx", STACK[0]), ("tyx", STACK), ("tczyx", STACK[:, None, None])])
def test_full_resolution_size_and_times(tmp_path: Path, version: int, axes: str, pixels: np.ndarray) -> None:
    path = tmp_path / "a.ome.zarr"
    write(path, pixels, axes, version)
    expected = STACK if "t" in axes else STACK[:1]
    np.testing.assert_array_equal(images.read_stack(path), expected)
    header = images.header(path)
    assert header.pixel_size_um == pytest.approx(0.13)
    assert header.times_s == pytest.approx([0.04 * i for i in range(6)] if "t" in axes else [])
    assert [name for name, _ in images.frames([path])][:1] == ["a_0000" if "t" in axes else "a"]


def test_channels_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", STACK[:3], "cyx")
    with pytest.raises(BrightfieldError, match="axes CYX of sizes 3 x 40 x 56.*channel"):
        images.read_stack(tmp_path / "a.zarr")


def test_a_chunk_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", STACK[0], "yx")
    (tmp_path / "a.zarr" / "0" / "1.1").unlink()
    assert images.header(tmp_path / "a.zarr").notes == ("1 of 12 chunks are not there and count as 0",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dtype": "|O", "filters": [{"id": "pickle"}]}, r"holds \|O values"),
        ({"compressor": {"id": "pickle"}}, "compressed by pickle, expected one of"),
        ({"shape": [10**6, 10**6]}, "claims 1000000 x 1000000 pixels"),
        ({"dtype": "<c8"}, "holds <c8 values"),
    ],
)
def test_a_hostile_array_is_refused_before_it_is_opened(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    write(tmp_path / "a.zarr", STACK[0], "yx")
    described = tmp_path / "a.zarr" / "0" / ".zarray"
    described.write_text(json.dumps(json.loads(described.read_text()) | change))
    with pytest.raises(BrightfieldError, match=says):
        images.read(tmp_path / "a.zarr")


def test_pixels_outside_the_folder_and_folders_without_an_image(tmp_path: Path) -> None:
    write(tmp_path / "other.zarr", STACK[0], "yx")
    write(tmp_path / "a.zarr", STACK[0], "yx")
    attributes = tmp_path / "a.zarr" / ".zattrs"
    attributes.write_text(attributes.read_text().replace('"path": "0"', '"path": "../other.zarr/0"'))
    with pytest.raises(BrightfieldError, match="its pixels lie outside of it"):
        images.read(tmp_path / "a.zarr")
    zarr.open_group(tmp_path / "b.zarr", mode="w")
    with pytest.raises(BrightfieldError, match="b.zarr describes no image"):
        images.read(tmp_path / "b.zarr")


def test_planes_of_depth_have_no_times_and_any_other_axis_is_a_sequence(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", STACK[None], "tzyx")
    np.testing.assert_array_equal(images.read_stack(tmp_path / "a.zarr"), STACK)
    assert images.header(tmp_path / "a.zarr").times_s == ()
    write(tmp_path / "b.zarr", STACK, "syx")  # S would be the letter of colours
    np.testing.assert_array_equal(images.read_stack(tmp_path / "b.zarr"), STACK)


def test_a_further_image_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", STACK[0], "yx")
    group = zarr.open_group(tmp_path / "a.zarr")
    group.attrs["multiscales"] = [*group.attrs["multiscales"]] * 2  # type: ignore[misc]
    assert images.header(tmp_path / "a.zarr").notes == ("the first of 2 images was read",)


def test_a_chunk_beyond_memory_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", STACK[0], "yx")
    description = tmp_path / "a.zarr" / "0" / ".zarray"
    description.write_text(json.dumps(json.loads(description.read_text()) | {"chunks": [60_000, 60_000]}))
    with pytest.raises(BrightfieldError, match="chunks of 60000 x 60000 pixels"):
        images.read_stack(tmp_path / "a.zarr")
