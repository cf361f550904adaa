"""Import takes back what export writes, in every format, and other libraries open it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tiny
from brightfield.data.exporting import FORMATS, export_dataset, segmentation
from brightfield.data.importing import ImportReport, hdf5, import_dataset, rois
from brightfield.data.records import Record
from brightfield.data.store import ImageSet, write_raw
from brightfield.errors import BrightfieldError

ALL = [(kind, to) for kind, formats in FORMATS.items() for to in formats]


def write(folder: Path, records: list[Record]) -> Path:
    folder.mkdir(parents=True)
    write_raw(folder, records, {"origin": "test", "licence": "CC0", "source": "a microscope"})
    return folder


def there_and_back(tmp_path: Path, kind: str, to: str, records: list[Record]) -> tuple[dict[str, Record], ImportReport]:
    raw, out, back = write(tmp_path / "raw" / "mine", records), tmp_path / "out", tmp_path / "back"
    own = tiny.SETTINGS[kind]
    export_dataset(kind, raw, out, to, settings=own)
    report = import_dataset(kind, out, back, settings=own, groups_csv=out / "groups.csv")
    return {record.id: record for record in ImageSet.raw(back)}, report


def random_cells(seed: int, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    """Cells of any form: with holes, in parts close together, touching by corners and sides, at the border."""
    rng = np.random.default_rng(seed)
    blocks = rng.permutation(80).reshape(8, 10)
    joined = rng.random((8, 9)) < 0.3
    blocks[:, 1:][joined] = blocks[:, :-1][joined]
    labels = np.kron(blocks, np.ones((5, 5), int))
    labels[rng.random(shape) < 0.1] = 0
    return np.unique(labels, return_inverse=True)[1].reshape(shape).astype(np.int32)


def fields(count: int, extras: bool = False) -> list[Record]:
    rng = np.random.default_rng(5)
    records = []
    for i in range(count):
        labels = random_cells(i)
        more: dict[str, np.ndarray] = {"labels": labels}
        if extras:
            more["fluorescence"] = rng.integers(0, 4000, labels.shape).astype(np.uint16)
            more["species"] = np.array([0, *rng.integers(1, 4, labels.max())], dtype=np.uint8)
        image = rng.integers(0, 4000, labels.shape).astype([np.uint8, np.uint16, np.float32][i % 3])
        records.append(Record(f"field_{i}", f"specimen {i % 3}", image, more))
    return records


@pytest.mark.parametrize("extras", [False, True])
@pytest.mark.parametrize("to", FORMATS["segmentation"])
def test_labels_come_back_exactly(tmp_path: Path, to: str, extras: bool) -> None:
    records = fields(6, extras)
    back, report = there_and_back(tmp_path, "segmentation", to, records)
    assert list(back) == [record.id for record in records]
    for record in records:
        other = back[record.id]
        assert (other.group, other.image.dtype) == (record.group, record.image.dtype)
        np.testing.assert_array_equal(other.image, record.image)
        assert other.fields.keys() == record.fields.keys()
        for name, array in record.fields.items():
            np.testing.assert_array_equal(other.fields[name], array)
    in_parts = [warning for warning in report.warnings if "has numbers in several pieces, each taken for" in warning]
    assert report.warnings == in_parts


@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.integers(0, 6)))
@settings(deadline=None, max_examples=60)
def test_any_labels_survive_the_formats_of_tools(labels: np.ndarray) -> None:
    labels = labels * 3  # gaps between the numbers
    warnings: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        segmentation._save_ilastik(place, labels)
        np.testing.assert_array_equal(hdf5.read_labels(place / "labels.h5"), labels)
        if labels.any():
            segmentation._save_imagej(place, labels)
            found = rois.read_labels(place / "RoiSet.zip", labels.shape, warnings.append)
            numbers = np.unique(np.append(labels, 0))
            np.testing.assert_array_equal(numbers[found], labels)  # numbered anew, in their order
    assert warnings == []


def movies() -> list[Record]:
    """Three movies: one of one frame, one with groups of its own for each frame, one with frames that nobody searched."""
    rng = np.random.default_rng(3)
    made = []
    for movie, group, frames in (("a", "a", 1), ("deep/b", None, 3), ("c", "slide 1", 4)):
        for frame in range(frames):
            image = rng.integers(0, 4000, (20, 30)).astype(np.uint16)
            xy = rng.uniform(-0.5, 19.5, (frame % 3, 2))
            known = {} if (movie, frame) == ("c", 2) else {"positions": xy}
            identity = f"{movie.replace('/', '_')}_{frame:04d}"
            made.append(Record(identity, group or f"g{frame}", image, known, {"movie": movie, "frame": frame}))
    return made


def test_movies_of_a_suite_are_their_own(tmp_path: Path) -> None:
    plain = [record for record in movies() if record.row["movie"] == "c"]
    rng = np.random.default_rng(8)
    suite = [
        Record(
            f"focus-{r.id}",
            f"focus-{r.group}",
            rng.integers(0, 99, (20, 30)).astype(np.uint8),
            r.fields,
            {**r.row, "suite": "focus"},
        )
        for r in plain
    ]
    plain = [Record(r.id, r.group, r.image, r.fields, {**r.row, "suite": ""}) for r in plain]
    back, _ = there_and_back(tmp_path, "tracking", "trackpy", plain + suite)
    assert back.keys() == {record.id for record in plain + suite}
    for record in suite:
        np.testing.assert_array_equal(back[record.id].image, record.image)


@pytest.mark.parametrize("to", FORMATS["tracking"])
def test_positions_come_back(tmp_path: Path, to: str) -> None:
    records = movies()
    back, _ = there_and_back(tmp_path, "tracking", to, records)
    assert back.keys() == {record.id for record in records}
    for record in records:
        other = back[record.id]
        assert (other.group, other.row["movie"], other.row["frame"]) == (
            record.group,
            record.row["movie"],
            record.row["frame"],
        )
        np.testing.assert_array_equal(other.image, record.image)
        assert other.fields.keys() == record.fields.keys()
        if "positions" in record.fields:
            # TrackMate's are in micrometres: multiplied and divided, they may be off in the last digit
            np.testing.assert_allclose(
                other.fields["positions"], record.fields["positions"], rtol=0, atol=1e-12 if to == "trackmate" else 0
            )


def test_crops_come_back_in_their_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = ["sick", "good", "out_of_focus", "good", "sick", "good"]
    records = [
        Record(
            f"{i}_7",
            f"smear{i % 3}",
            rng.integers(0, 255, (32, 32, 3), dtype=np.uint8),
            {},
            {"label": int(k == "good"), "kind": k},
        )
        for i, k in enumerate(kinds)
    ]
    back, _ = there_and_back(tmp_path, "classification", "tiff", records)
    assert back.keys() == {"bad_sick_0_7", "good_1_7", "bad_out_of_focus_2_7", "good_3_7", "bad_sick_4_7", "good_5_7"}
    for other in back.values():
        record = records[int(other.id.split("_")[-2])]
        assert (other.group, other.row["label"], other.row["kind"]) == (
            record.group,
            record.row["label"],
            record.row["kind"],
        )
        np.testing.assert_array_equal(other.image, record.image)
    again, _ = there_and_back(tmp_path / "again", "classification", "tiff", list(back.values()))
    assert again.keys() == back.keys()  # names do not grow with every journey


def test_pairs_come_back(tmp_path: Path) -> None:
    records = tiny.records("restoration", 4, groups=3)
    back, _ = there_and_back(tmp_path, "restoration", "tiff", records)
    for record in records:
        np.testing.assert_array_equal(back[record.id].image, record.image)
        np.testing.assert_array_equal(back[record.id].fields["clean"], record.fields["clean"])


@pytest.mark.parametrize(("kind", "to"), ALL)
def test_the_same_dataset_gives_the_same_files(tmp_path: Path, kind: str, to: str) -> None:
    raw = write(tmp_path / "raw", tiny.records(kind, 4))
    for name in ("a", "b"):
        export_dataset(kind, raw, tmp_path / name, to, settings=tiny.SETTINGS[kind])
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) > 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert json.loads((tmp_path / "a" / "about.json").read_text())["licence"] == "CC0"


def test_other_libraries_open_what_was_written(tmp_path: Path) -> None:
    records = fields(1)
    labels = records[0].fields["labels"]
    raw = write(tmp_path / "raw", records)
    for to in ("ilastik", "imagej"):
        export_dataset("segmentation", raw, tmp_path / to, to, settings=tiny.SETTINGS["segmentation"])
    with h5py.File(tmp_path / "ilastik/field_0/labels.h5") as file:
        assert [axis["key"] for axis in json.loads(file["exported_data"].attrs["axistags"])["axes"]] == ["y", "x", "c"]
        np.testing.assert_array_equal(file["exported_data"][..., 0], labels)
    rois = roifile.roiread(tmp_path / "imagej/field_0/RoiSet.zip")
    assert isinstance(rois, list)
    assert [roi.name for roi in rois] == [f"{label:05d}" for label in range(1, labels.max() + 1)]
    for label, roi in enumerate(rois, start=1):
        rows, columns = np.nonzero(labels == label)
        assert (roi.left, roi.top, roi.right, roi.bottom) == (
            columns.min(),
            rows.min(),
            columns.max() + 1,
            rows.max() + 1,
        )


def test_tables_and_stacks_of_movies(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", movies())
    export_dataset("tracking", raw, tmp_path / "out", "trackpy", settings=tiny.SETTINGS["tracking"])
    assert tifffile.imread(tmp_path / "out" / "c.tif").shape == (4, 20, 30)
    table = pd.read_csv(tmp_path / "out" / "positions.csv")
    assert list(table.columns) == ["movie", "frame", "x", "y"]
    found = table.dropna().groupby("movie").size().to_dict()
    assert found == {"c": 1, "deep/b": 3}  # 0 + 1 + (not searched) + 0; 0 + 1 + 2


def test_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", tiny.records("restoration", 2))
    own = tiny.SETTINGS["restoration"]
    with pytest.raises(BrightfieldError, match="imagej.*tiff"):
        export_dataset("restoration", raw, tmp_path / "out", "imagej", settings=own)
    (tmp_path / "out").mkdir()
    with pytest.raises(BrightfieldError, match="out exists already"):
        export_dataset("restoration", raw, tmp_path / "out", "tiff", settings=own)
    with pytest.raises(BrightfieldError, match="There is no dataset in"):
        export_dataset("restoration", tmp_path / "nowhere", tmp_path / "new", "tiff", settings=own)
    assert not (tmp_path / "new").exists()
