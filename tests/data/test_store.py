"""Image sets on disk: what goes in comes out, byte by byte the same each time."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brightfield.data import store
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError

RNG = np.random.default_rng(0)
ARRAYS: dict[str, np.ndarray] = {
    "one pixel": np.array([[7]], np.uint8),
    "grey 8-bit": RNG.integers(0, 256, (20, 31)).astype(np.uint8),
    "grey 16-bit": RNG.integers(0, 65536, (70, 33)).astype(np.uint16),
    "rgb": RNG.integers(0, 256, (40, 21, 3)).astype(np.uint8),
    "float": RNG.normal(size=(50, 60)).astype(np.float32),
    "not finite": np.array([[np.nan, np.inf], [-np.inf, -0.0]], np.float32),
    "every second pixel": RNG.integers(0, 256, (80, 80)).astype(np.uint8)[::2, ::-2],
    "big-endian": RNG.integers(0, 65536, (40, 40)).astype(">u2"),
}


def record(identity: str, image: np.ndarray | None = None, group: str = "g", **row: object) -> Record:
    image = RNG.integers(0, 256, (40, 50)).astype(np.uint8) if image is None else image
    return Record(identity, group, image, {}, row)


def raw(folder: Path, *records: Record) -> ImageSet:
    folder.mkdir(parents=True, exist_ok=True)
    store.write_raw(folder, records, {"origin": "test"})
    return ImageSet.raw(folder)


# --- round trip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARRAYS)
def test_an_image_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    image = ARRAYS[name]
    (read,) = raw(tmp_path, record("a", image))
    np.testing.assert_array_equal(read.image, image)
    assert read.image.dtype == image.dtype
    assert read.image.shape == image.shape
    assert read.row["height"] == image.shape[0]
    assert read.row["width"] == image.shape[1]


def test_truth_comes_back_as_it_was(tmp_path: Path) -> None:
    fields: dict[str, np.ndarray] = {
        "labels": RNG.integers(0, 3, (40, 50)).astype(np.int32),
        "species": np.array([0, 1, 2], np.uint8),
        "fluorescence": RNG.integers(0, 4000, (40, 50)).astype(np.uint16),
        "positions": RNG.uniform(0, 40, (3, 2)),
        "clean": RNG.normal(size=(40, 50)).astype(np.float32),
    }
    given = Record("a.1_b-2", "movie 7", RNG.integers(0, 9, (40, 50)).astype(np.uint8), fields, {})
    (read,) = raw(tmp_path, given)
    assert (read.id, read.group) == (given.id, given.group)
    assert read.fields.keys() == fields.keys()
    for name, array in fields.items():
        np.testing.assert_array_equal(read.fields[name], array)
        assert read.fields[name].dtype == array.dtype


@pytest.mark.parametrize("count", [0, 1])
def test_a_frame_may_have_no_beads(count: int, tmp_path: Path) -> None:
    positions = np.ones((count, 2))
    (read,) = raw(tmp_path, Record("a", "g", ARRAYS["grey 8-bit"], {"positions": positions}))
    np.testing.assert_array_equal(read.fields["positions"], positions)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    """Words stay words, also those that look like numbers or like nothing; numbers keep every digit."""
    records = [
        record("001", group="007", kind="NA", p_positive=0.1 + 0.2, label=1),
        record("002", group="nan", kind="sickle", p_positive=1e-17, label=0),
    ]
    read = list(raw(tmp_path, *records))
    assert [(r.id, r.group) for r in read] == [("001", "007"), ("002", "nan")]
    assert [r.row["kind"] for r in read] == ["NA", "sickle"]
    assert [r.row["p_positive"] for r in read] == [0.1 + 0.2, 1e-17]
    assert [r.row["label"] for r in read] == [1, 0]


def test_a_column_that_only_some_rows_have_is_empty_elsewhere(tmp_path: Path) -> None:
    read = raw(tmp_path, record("a", defocus_um=0.5), record("b"))
    assert read[0].row["defocus_um"] == 0.5
    assert np.isnan(np.asarray(read[1].row["defocus_um"], float))


def test_the_order_is_that_of_the_index(tmp_path: Path) -> None:
    names = ["b", "a10", "a9", "c"]
    read = raw(tmp_path, *(record(name) for name in names))
    assert [r.id for r in read] == names == list(read.index["id"])
    assert (len(read), read[-1].id) == (4, "c")
    with pytest.raises(IndexError):
        read[4]


# --- the same bytes ---------------------------------------------------------------------------------------------------


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_the_same_records_give_the_same_bytes_at_another_time(tmp_path: Path) -> None:
    fields: dict[str, np.ndarray] = {"labels": np.eye(64, dtype=np.int32), "positions": np.ones((2, 2))}
    records = [Record(f"r{i}", "g", np.full((64, 64), i, np.uint16), fields, {"x": i / 3}) for i in range(5)]
    raw(tmp_path / "first", *records)
    time.sleep(1.1)  # HDF5 would keep seconds
    raw(tmp_path / "second", *records)
    assert digests(tmp_path / "first") == digests(tmp_path / "second")
    assert set(digests(tmp_path / "first")) == {"images.h5", "index.csv", "about.json"}


# --- splits -----------------------------------------------------------------------------------------------------------


def test_each_split_has_its_images_in_the_order_of_the_index(tmp_path: Path) -> None:
    source = raw(tmp_path / "raw", *(record(f"r{i}", group=f"g{i}", number=i) for i in range(6)))
    splits = ["test", "train", "validation", "train", "test", "train"]
    (tmp_path / "prepared").mkdir()
    store.write_prepared(tmp_path / "prepared", source, source.index.assign(split=splits))
    found = {name: ImageSet.prepared(tmp_path / "prepared", name) for name in ("train", "validation", "test")}
    assert {name: [r.id for r in images] for name, images in found.items()} == {
        "train": ["r1", "r3", "r5"],
        "validation": ["r2"],
        "test": ["r0", "r4"],
    }
    for images in found.values():
        for read in images:
            np.testing.assert_array_equal(read.image, source[int(read.id[1:])].image)
            assert read.row["number"] == int(read.id[1:])


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    source = raw(tmp_path / "raw", record("a"), record("b"))
    (tmp_path / "prepared").mkdir()
    store.write_prepared(tmp_path / "prepared", source, source.index.assign(split=["train", "test"]))
    with pytest.raises(BrightfieldError, match="has no split 'validation'; it has test, train."):
        ImageSet.prepared(tmp_path / "prepared", "validation")


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["", "a/b", "a b", "ä", "a\n", "../a", "/a", ".", ".."])
def test_an_id_that_is_no_plain_name_is_a_mistake(identity: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="id is unique and made of letters"):
        store.write_images(tmp_path / "images.h5", [record(identity)])


def test_an_id_twice_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="id is unique .* got 'a'"):
        store.write_images(tmp_path / "images.h5", [record("a"), record("a")])


def test_an_index_that_another_program_saved_is_the_same_index(tmp_path: Path) -> None:
    records = [record(f"00{i}", group=f"0{i % 2}", x=i / 4, note='a, "b"' if i else "NA", n=i) for i in range(3)]
    index = raw(tmp_path, *records).index
    path = tmp_path / "index.csv"
    rows = [line.split(";") for line in index.to_csv(sep=";", decimal=",", index=False).splitlines()]
    path.write_bytes("\r\n".join(";".join([*row, ""]) for row in rows).encode("utf-8-sig"))
    pd.testing.assert_frame_equal(store.read_index(tmp_path), index)
    assert [read.id for read in ImageSet.raw(tmp_path)] == ["000", "001", "002"]
    path.write_text("id,group,x\n000,1,0,5\n")
    with pytest.raises(BrightfieldError, match="index.csv, line 2: 4 cells, but the header .line 1. has 3"):
        ImageSet.raw(tmp_path)


def test_a_missing_dataset_is_named_with_what_to_do(tmp_path: Path) -> None:
    message = r"There is no dataset in .*rbc: index.csv is missing. Run `dvc repro`"
    with pytest.raises(BrightfieldError, match=message):
        ImageSet.raw(tmp_path / "rbc")
    with pytest.raises(BrightfieldError, match=message):
        ImageSet.prepared(tmp_path / "rbc", "train")
    raw(tmp_path / "rbc", record("a"))
    (tmp_path / "rbc" / "images.h5").unlink()
    with pytest.raises(BrightfieldError, match=r"The images of a dataset are missing: .*images.h5"):
        ImageSet.raw(tmp_path / "rbc")


@pytest.mark.parametrize("content", [b"", b"not HDF5", None])
def test_a_damaged_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    images = raw(tmp_path, *(record(f"r{i}") for i in range(3)))
    whole = (tmp_path / "images.h5").read_bytes()
    (tmp_path / "images.h5").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(BrightfieldError, match=r"images.h5 .*damaged"):
        images[2]


# --- several processes ------------------------------------------------------------------------------------------------


def brightness(images: ImageSet, i: int) -> float:
    return float(images[i].image.mean())


def _in_a_child(images: ImageSet, i: int, answers: Any) -> None:
    answers.put(brightness(images, i))


def test_a_set_travels_to_another_process(tmp_path: Path) -> None:
    images = raw(tmp_path, record("a"), record("b"))
    opened = brightness(images, 0)  # the file is open now
    copied = pickle.loads(pickle.dumps(images))
    assert brightness(copied, 0) == opened
    assert brightness(images, 1) == brightness(copied, 1)


def test_a_forked_process_reads_what_its_parent_reads(tmp_path: Path) -> None:
    images = raw(tmp_path, *(record(f"r{i}") for i in range(4)))
    expected = [brightness(images, i) for i in range(4)]
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    children = [context.Process(target=_in_a_child, args=(images, i, answers)) for i in range(4)]
    for child in children:
        child.start()
    found = sorted(answers.get(timeout=30) for _ in children)
    for child in children:
        child.join(timeout=30)
    assert found == sorted(expected)
    assert [brightness(images, i) for i in range(4)] == expected
