"""Images with instance labels, in both layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield.data.importing import import_dataset
from brightfield.data.importing.findings import Findings
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings

Put = Callable[..., np.ndarray]
SETTINGS = SegmentationSettings()


def cells(*ids: int, shape: tuple[int, int] = (20, 24)) -> np.ndarray:
    """Square cells with these ids, three pixels apart."""
    labels = np.zeros(shape, np.uint16)
    for i, number in enumerate(ids):
        labels[2:6, 2 + 6 * i : 5 + 6 * i] = number
    return labels


def bring(source: Path, destination: Path) -> dict[str, Record]:
    import_dataset("segmentation", source, destination, settings=SETTINGS)
    return {record.id: record for record in ImageSet.raw(destination)}


@pytest.fixture
def fields(source: Path, put: Put) -> Path:
    """Three fields, a folder each, of two specimens; the last with fluorescence."""
    for i, name in enumerate(["coli_ds1_00001", "coli_ds1_00002", "myxo_a"]):
        put(f"{name}/image.tif", i, dtype=np.uint16)
        tifffile.imwrite(source / name / "labels.tif", cells(1, 7, 300))
    put("myxo_a/fluorescence.tif", 9, dtype=np.uint16)
    return source


def test_a_folder_for_each_image(fields: Path, destination: Path) -> None:
    records = bring(fields, destination)
    assert {name: record.group for name, record in records.items()} == {
        "coli_ds1_00001": "coli_ds1",
        "coli_ds1_00002": "coli_ds1",
        "myxo_a": "myxo_a",
    }
    for name, record in records.items():
        np.testing.assert_array_equal(record.image, tifffile.imread(fields / name / "image.tif"))
        assert record.fields["labels"].dtype == np.int32
        np.testing.assert_array_equal(record.fields["labels"], cells(1, 2, 3))  # contiguous, in the old order
        assert record.row["cells"] == 3
        assert ("fluorescence" in record.fields) == (name == "myxo_a")
        assert "species" not in record.fields
    np.testing.assert_array_equal(
        records["myxo_a"].fields["fluorescence"], tifffile.imread(fields / "myxo_a" / "fluorescence.tif")
    )


def test_parallel_folders_with_the_suffixes_of_tools(source: Path, destination: Path, put: Put) -> None:
    for i, (name, suffix) in enumerate([("a_1", "_mask.tif"), ("a_2", "_cp_masks.tif"), ("b_1", ".tif")]):
        put(f"images/{name}.png", i)
        (source / "labels").mkdir(exist_ok=True)
        tifffile.imwrite(source / "labels" / f"{name}{suffix}", cells(4, 5))
    put("fluorescence/a_2_fluo.tif", 9)
    records = bring(source, destination)
    assert {name: record.group for name, record in records.items()} == {"a_1": "a", "a_2": "a", "b_1": "b"}
    assert [("fluorescence" in record.fields) for record in records.values()] == [False, True, False]


def test_a_single_pair_in_the_source_itself(source: Path, destination: Path, put: Put) -> None:
    put("image.tif", 0)
    tifffile.imwrite(source / "labels.tif", cells(1))
    assert list(bring(source, destination)) == ["lab"]


def _other_size(fields: Path) -> None:
    tifffile.imwrite(fields / "myxo_a" / "labels.tif", cells(1, shape=(20, 25)))


def _transposed_fluorescence(fields: Path) -> None:
    tifffile.imwrite(fields / "myxo_a" / "fluorescence.tif", np.eye(24, 20, dtype=np.uint16))


def _no_cells(fields: Path) -> None:
    tifffile.imwrite(fields / "myxo_a" / "labels.tif", cells())


def _real_numbers(fields: Path) -> None:
    tifffile.imwrite(fields / "myxo_a" / "labels.tif", np.full((20, 24), 0.25, np.float32))


def _colours(fields: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    tifffile.imwrite(fields / "myxo_a" / "labels.tif", colours, photometric="rgb")


def _empty_file(fields: Path) -> None:
    (fields / "myxo_a" / "labels.tif").write_bytes(b"")


def _no_labels(fields: Path) -> None:
    (fields / "myxo_a" / "labels.tif").unlink()


def _no_image(fields: Path) -> None:
    (fields / "myxo_a" / "image.tif").unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_other_size, "myxo_a/labels.tif is 20 x 25 pixels, expected the size of myxo_a/image.tif: 20 x 24"),
        (_transposed_fluorescence, "myxo_a/fluorescence.tif is 24 x 20 pixels, expected .*: 20 x 24"),
        (_no_cells, "myxo_a/labels.tif is zero everywhere, expected at least one cell"),
        (_real_numbers, "myxo_a/labels.tif holds float32 values that are no ids, expected whole numbers"),
        (_colours, "myxo_a/labels.tif has shape .*expected one whole number per pixel"),
        (_empty_file, r"myxo_a/labels.tif is empty \(0 bytes\)"),
        (_no_labels, "myxo_a has image, expected labels beside it"),
        (_no_image, "myxo_a has labels, expected image beside it"),
    ],
)
def test_what_does_not_fit_stops_the_import(
    fields: Path, destination: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(fields)
    with pytest.raises(BrightfieldError, match=says):
        bring(fields, destination)
    assert not destination.parent.exists()


def test_unmatched_names_in_parallel_folders(source: Path, destination: Path, put: Put) -> None:
    put("images/a.png", 0)
    put("labels/b.tif", 1)
    with pytest.raises(BrightfieldError) as caught:
        bring(source, destination)
    assert "images/a.png has no file of the same name in labels" in str(caught.value)
    assert "labels/b.tif has no file of the same name in images" in str(caught.value)


def test_fields_are_found_at_any_depth(fields: Path, destination: Path, put: Put) -> None:
    put("monday/morning/coli_ds2_00001/image.tif", 20, dtype=np.uint16)
    tifffile.imwrite(fields / "monday/morning/coli_ds2_00001/labels.tif", cells(1))
    put("monday/parallel/images/subtilis_1.png", 21)
    (fields / "monday/parallel/labels").mkdir()
    tifffile.imwrite(fields / "monday/parallel/labels/subtilis_1.tif", cells(1, 2))
    records = bring(fields, destination)
    assert set(records) == {"coli_ds1_00001", "coli_ds1_00002", "myxo_a", "coli_ds2_00001", "subtilis_1"}
    assert records["subtilis_1"].group == "subtilis"


def test_fields_of_one_name_are_told_apart_by_their_folder(fields: Path, destination: Path, put: Put) -> None:
    for i, day in enumerate(("monday", "tuesday")):
        put(f"{day}/myxo_a/image.tif", 20 + i, dtype=np.uint16)
        tifffile.imwrite(fields / day / "myxo_a" / "labels.tif", cells(1, 2, 3))
    (fields / "species.csv").write_text("image,label,species\nmonday/myxo_a,2,2\ncoli_ds1_00001,7,3\n")
    records = bring(fields, destination)
    assert {name for name in records if "myxo" in name} == {"myxo_a", "monday_myxo_a", "tuesday_myxo_a"}
    assert {record.group for name, record in records.items() if "myxo" in name} == {"myxo_a"}
    assert records["monday_myxo_a"].fields["species"].tolist() == [0, 1, 2, 1]
    assert records["tuesday_myxo_a"].fields["species"].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("labels.png", r"myxo_a has labels twice \(labels.png and labels.tif\), expected one of them"),
        ("Labels.TIFF", r"myxo_a has labels twice \(labels.tif and Labels.TIFF\)"),
        ("image.ome.tif", r"myxo_a has image twice \(image.ome.tif and image.tif\)"),
        ("fluorescence.png", r"myxo_a has fluorescence twice \(fluorescence.png and fluorescence.tif\)"),
    ],
)
def test_two_files_of_one_name_are_refused(fields: Path, destination: Path, put: Put, name: str, says: str) -> None:
    put("myxo_a/x.png" if name.endswith("png") else "myxo_a/x.tif", 40)
    next((fields / "myxo_a").glob("x.*")).rename(fields / "myxo_a" / name)
    with pytest.raises(BrightfieldError, match=says):
        bring(fields, destination)
    assert not destination.parent.exists()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("images/a.png", "images/a.tif", "labels/a.tif"), r"images has a twice \(a.png and a.tif\)"),
        (("images/a.png", "labels/a.tif", "labels/a_mask.png"), r"labels has a twice \(a.tif and a_mask.png\)"),
        (("images/\u00e9.png", "images/e\u0301.tif", "labels/\u00e9.tif"), "images has .* twice"),
    ],
)
def test_two_files_of_one_name_in_parallel_folders_are_refused(
    source: Path, destination: Path, put: Put, names: tuple[str, ...], says: str
) -> None:
    for i, name in enumerate(names):
        put(name, i)
    with pytest.raises(BrightfieldError, match=says):
        bring(source, destination)


def test_names_match_across_unicode_forms(source: Path, destination: Path, put: Put) -> None:
    put("images/\u00e9_1.png", 0)
    (source / "labels").mkdir()
    tifffile.imwrite(source / "labels" / "e\u0301_1.tif", cells(1, 2))
    assert len(bring(source, destination)) == 1


def test_masks_of_cellpose_beside_their_images(source: Path, destination: Path, put: Put) -> None:
    for i, name in enumerate(["a_0", "a_1", "image"]):
        put(f"{name}.tif", i, dtype=np.uint16)
        tifffile.imwrite(source / f"{name}_cp_masks.tif", cells(*range(1, 2 + i)))
        np.save(source / f"{name}_seg.npy", np.array({"masks": 0}, dtype=object))
    report = import_dataset("segmentation", source, destination, settings=SETTINGS)
    records = {record.id: record for record in ImageSet.raw(destination)}
    assert {name: record.row["cells"] for name, record in records.items()} == {"a_0": 1, "a_1": 2, "lab": 3}
    assert (report.found, report.taken, report.left_out) == (9, 6, {"written by Cellpose": 3})


def test_labels_are_taken_in_place_of_the_masks_of_a_tool(fields: Path, destination: Path) -> None:
    tifffile.imwrite(fields / "myxo_a" / "image_cp_masks.tif", cells(1))
    report = import_dataset("segmentation", fields, destination, settings=SETTINGS)
    assert report.counts == {"cells": 9}
    assert "myxo_a/image_cp_masks.tif: not called image, labels or fluorescence, left out" in report.warnings


def test_the_folder_of_a_prediction_can_be_the_labels(source: Path, destination: Path, put: Put) -> None:
    put("images/a.png", 0)
    put("labels/a_overlay.png", 1, (40, 48, 3))
    put("labels/a_classes.tif", 2)
    tifffile.imwrite(source / "labels" / "a_labels.tif", cells(1, 2))
    (source / "labels" / "regions.csv").write_text("image,label\n")
    report = import_dataset("segmentation", source, destination, settings=SETTINGS)
    assert report.counts == {"cells": 2}
    assert report.left_out == {"not an image": 1, "written by Brightfield": 2}


def test_every_file_is_counted(fields: Path, destination: Path) -> None:
    (fields / "notes").mkdir()
    (fields / "notes" / "protocol.txt").write_text("x")
    (fields / "myxo_a" / "old.tif").write_bytes(b"x")
    (fields / "species.csv").write_text("image,label,species\nmyxo_a,1,1\n")
    report = import_dataset("segmentation", fields, destination, settings=SETTINGS)
    assert (report.found, report.taken) == (10, 8)
    assert report.left_out == {"not an image": 1, "not called image, labels or fluorescence": 1}


@pytest.mark.parametrize("value", [1, 255])
def test_a_mask_of_one_value_is_split_where_it_is_not_joined(fields: Path, destination: Path, value: int) -> None:
    mask = cells(value, value)
    mask[10, 10] = mask[11, 11] = value  # joined by a corner: one cell
    tifffile.imwrite(fields / "myxo_a" / "labels.tif", mask)
    report = import_dataset("segmentation", fields, destination, settings=SETTINGS)
    labels = next(r for r in ImageSet.raw(destination) if r.id == "myxo_a").fields["labels"]
    np.testing.assert_array_equal(labels > 0, mask > 0)
    assert labels.max() == 3
    assert labels[10, 10] == labels[11, 11]
    assert labels[2, 2] != labels[2, 8]
    assert any("myxo_a/labels.tif: a mask of a single value" in warning for warning in report.warnings)


def test_one_cell_is_not_taken_for_a_mask(fields: Path, destination: Path) -> None:
    tifffile.imwrite(fields / "myxo_a" / "labels.tif", cells(9))
    report = import_dataset("segmentation", fields, destination, settings=SETTINGS)
    assert report.counts == {"cells": 7}
    assert not any("mask" in warning for warning in report.warnings)


def test_species_follow_their_labels(fields: Path, destination: Path) -> None:
    (fields / "species.csv").write_text(
        "image,label,species\nmyxo_a,300,2\nmyxo_a,1,3\ncoli_ds1_00001,1,1\ncoli_ds1_00001,7,1\ncoli_ds1_00001,300,1\n"
    )
    report = import_dataset("segmentation", fields, destination, settings=SETTINGS)
    species = {record.id: record.fields["species"].tolist() for record in ImageSet.raw(destination)}
    assert species == {"coli_ds1_00001": [0, 1, 1, 1], "coli_ds1_00002": [0, 1, 1, 1], "myxo_a": [0, 3, 1, 2]}
    assert any("coli_ds1_00002 and 1 more: has cells that species.csv" in w for w in report.warnings)


def test_species_as_excel_saves_them(fields: Path, destination: Path) -> None:
    rows = "myxo_a ;300;2;;\r\nmyxo_a.tif;1,0;3;;\r\ncoli_ds1_00001;1;1;;\r\n"
    (fields / "species.csv").write_bytes(f"\ufeffImage;Label;Species;;\r\n{rows}".encode())
    import_dataset("segmentation", fields, destination, settings=SETTINGS)
    species = {record.id: record.fields["species"].tolist() for record in ImageSet.raw(destination)}
    assert species["myxo_a"] == [0, 3, 1, 2]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("nobody,1,1", "names the image 'nobody', which is not there"),
        ("myxo_a,1,1\nmyxo_a,1.5,1", "column label must hold whole numbers from 1 to 2147483647, line 3 has 1.5"),
        ("myxo_a,1,1,5", "line 2: 4 cells, but the header .line 1. has 3"),
        ("myxo_a,8,1", "gives a species to label 8 of myxo_a, which has no such label"),
        ("myxo_a,1,0", "column species must hold whole numbers from 1 to 255"),
        ("myxo_a,1,coli", "column species must hold whole numbers"),
        ("myxo_a,1,1\nmyxo_a,1,2", "gives label 1 of myxo_a two species"),
    ],
)
def test_species_that_do_not_fit(fields: Path, destination: Path, row: str, says: str) -> None:
    (fields / "species.csv").write_text(f"image,label,species\n{row}\n")
    with pytest.raises(BrightfieldError, match=says):
        bring(fields, destination)
    assert not destination.exists()


def test_a_file_that_breaks_between_checking_and_writing_leaves_nothing(
    fields: Path, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_the_last(findings: Findings, source: Path) -> None:
        assert findings.problems == []
        (fields / "myxo_a" / "labels.tif").write_bytes(b"")

    monkeypatch.setattr(Findings, "raise_if_any", break_the_last)
    with pytest.raises(BrightfieldError, match="0 bytes"):
        bring(fields, destination)
    assert list(destination.parent.iterdir()) == []


def test_real_fields(real: Path, destination: Path) -> None:
    report = import_dataset("segmentation", real / "bacteria" / "labelled", destination, settings=SETTINGS)
    records = list(ImageSet.raw(destination))
    assert report.images == len(records) == 19
    assert report.groups == 9  # two specimens of colicoords, seven organisms of omnipose
    assert {r.group for r in records if r.id.startswith("colicoords")} == {"colicoords_ds1", "colicoords_ds2"}
    assert all(("fluorescence" in r.fields) == r.id.startswith("colicoords") for r in records)
    for record in records:
        ids = np.unique(record.fields["labels"])
        assert ids.tolist() == list(range(record.row["cells"] + 1))
        before = tifffile.imread(real / "bacteria" / "labelled" / record.id / "labels.tif")
        np.testing.assert_array_equal(record.fields["labels"] > 0, before > 0)
