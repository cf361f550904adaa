"""Noisy images without clean ones: alone, as time-lapses, and as repeats of fields."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightfield import images
from brightfield.data.exporting import export_dataset
from brightfield.data.importing import ImportReport, import_dataset
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import RestorationSettings

Put = Callable[..., np.ndarray]


def bring(source: Path, destination: Path, **options: object) -> tuple[ImportReport, dict[str, Record]]:
    report = import_dataset("restoration", source, destination, settings=RestorationSettings(), **options)
    return report, {record.id: record for record in ImageSet.raw(destination)}


@pytest.mark.parametrize("folder", ["", "noisy/"])
def test_noisy_images_alone_stay_as_they_are(source: Path, destination: Path, put: Put, folder: str) -> None:
    pixels = {name: put(f"{folder}{name}.tif", i) for i, name in enumerate(["s1_a", "s1_b", "s2_a", "s3_a"])}
    report, records = bring(source, destination, noisy=not folder)
    assert {name: record.group for name, record in records.items()} == {
        "s1_a": "s1",
        "s1_b": "s1",
        "s2_a": "s2",
        "s3_a": "s3",
    }
    for name, record in records.items():
        np.testing.assert_array_equal(record.image, pixels[name])
        assert not record.fields
        assert record.row["labelled"] == 0
    assert (report.images, report.labelled, report.counts) == (4, 0, {"noisy images alone": 4})
    assert not any("camera noise was added" in warning for warning in report.warnings)


def test_without_the_option_the_import_says_that_it_adds_noise(source: Path, destination: Path, put: Put) -> None:
    put("a.tif", 0)
    report, _ = bring(source, destination)
    assert any("if they are noisy themselves, give --noisy" in warning for warning in report.warnings)


def test_a_time_lapse_is_one_group(source: Path, destination: Path, put: Put) -> None:
    put("noisy/cell.tif", 0, (4, 20, 24))
    put("noisy/run_1.tif", 1, (3, 20, 24))
    put("noisy/run_2.tif", 2, (3, 20, 24))
    put("noisy/monday/s1_a.tif", 3)
    put("noisy/monday/s2_a.tif", 4)
    report, records = bring(source, destination)
    groups: dict[str, set[str]] = {}
    for name, record in records.items():
        groups.setdefault(record.group, set()).add(name[:4])
    assert groups == {"cell": {"cell"}, "run": {"run_"}, "monday": {"mond"}}
    assert [records[f"cell_{i:04d}"].row["frame"] for i in range(4)] == [0, 1, 2, 3]
    assert any("they are one group" in warning for warning in report.warnings)


@pytest.mark.parametrize("layout", ["stacks", "folders"])
def test_no_repeat_is_compared_with_itself(source: Path, destination: Path, put: Put, layout: str) -> None:
    pixels: dict[str, np.ndarray] = {}
    for f in range(3):
        if layout == "stacks":
            pixels[f"field{f}"] = put(f"repeats/field{f}.tif", f, (4, 20, 24), np.uint16)
        else:
            taken = [put(f"repeats/field{f}/{i}.tif", 10 * f + i, dtype=np.uint16) for i in range(4)]
            pixels[f"field{f}"] = np.stack(taken)
    report, records = bring(source, destination)
    assert {record.group for record in records.values()} == set(pixels)
    assert report.counts == {"images with other repeats": 12}
    for name, record in records.items():
        field, i = name.rsplit("_", 1)
        stack = pixels[field].astype(np.float64)
        np.testing.assert_array_equal(record.image, stack[int(i)])
        level = stack - stack.mean(axis=(1, 2), keepdims=True)
        others = np.delete(level, int(i), axis=0).mean(axis=0) + stack[int(i)].mean()
        np.testing.assert_allclose(record.fields["repeats"], others, rtol=1e-6)
        assert record.row["repeats_deviation"] == pytest.approx(np.sqrt(level.var(axis=0, ddof=1).mean() / 3))


def test_a_folder_of_images_is_one_field(source: Path, destination: Path, put: Put) -> None:
    for i in range(3):
        put(f"{i}.tif", i)
    _, records = bring(source, destination, repeats=True)
    assert {record.group for record in records.values()} == {"lab"}
    assert len(records) == 3


def test_what_cannot_be_repeats_is_refused(source: Path, destination: Path, put: Put) -> None:
    put("repeats/one/a.tif", 0)
    put("repeats/sizes/a.tif", 1)
    put("repeats/sizes/b.tif", 2, (20, 25))
    put("repeats/same/a.tif", 3)
    put("repeats/same/b.tif", 3)
    with pytest.raises(BrightfieldError) as caught:
        bring(source, destination)
    for says in (
        "one is one image of a field, expected two repeats",
        "sizes, repeat 1 is 20 x 25 pixels, expected 20 x 24",
        "The repeats of same hold the same pixels",
    ):
        assert says in str(caught.value)
    with pytest.raises(BrightfieldError, match="got both --noisy and --repeats"):
        bring(source, destination, noisy=True, repeats=True)
    with pytest.raises(BrightfieldError, match="kind 'restoration', got 'tracking'"):
        import_dataset("tracking", source, destination, settings=RestorationSettings(), noisy=True)


def test_a_field_is_never_in_two_groups(source: Path, destination: Path, put: Put) -> None:
    for i in range(2):
        put(f"repeats/a/s{i}_x.tif", i)
    with pytest.raises(BrightfieldError, match="a is one field in the groups s0, s1, expected one"):
        bring(source, destination, group_pattern="^(s[0-9])_")


def test_a_lamp_that_fades_is_told_and_taken_out(source: Path, destination: Path) -> None:
    rng = np.random.default_rng(0)
    stack = (1000 + rng.normal(0, 10, (4, 32, 32)) - 20 * np.arange(4)[:, None, None]).astype(np.uint16)
    (source / "repeats").mkdir()
    images.write_tiff(source / "repeats" / "a.tif", stack)
    report, records = bring(source, destination)
    assert any("its repeats differ in brightness" in warning for warning in report.warnings)
    for record in records.values():
        assert float(record.fields["repeats"].mean()) == pytest.approx(float(record.image.mean()), abs=0.01)
        assert record.row["repeats_deviation"] == pytest.approx(10 / np.sqrt(3), rel=0.1)


@pytest.mark.parametrize("sort", ["noisy", "repeats"])
def test_stripes_are_measured_and_a_mask_is_recommended(source: Path, destination: Path, sort: str) -> None:
    rng = np.random.default_rng(0)
    (source / sort).mkdir()
    for i in range(3):
        stripes = rng.normal(0, 10, (2, 64, 1))
        stack = 1000 + rng.normal(0, 10, (2, 64, 64)) + stripes
        images.write_tiff(source / sort / f"{'abc'[i]}.tif", stack.astype(np.uint16))
    report, records = bring(source, destination)
    assert {record.row["blind_mask"] for record in records.values()} == {"row"}
    (said,) = [warning for warning in report.warnings if "blind_mask" in warning]
    assert "alike along each row" in said
    assert "training.blind_mask: row" in said


@pytest.mark.parametrize("sort", ["noisy", "repeats"])
def test_an_export_comes_back(source: Path, destination: Path, put: Put, tmp_path: Path, sort: str) -> None:
    for i in range(3):
        put(f"{sort}/f{'abc'[i]}.tif", i, (2, 20, 24))
    _, before = bring(source, destination)
    export_dataset("restoration", destination, tmp_path / "out", "tiff", settings=RestorationSettings())
    _, after = bring(tmp_path / "out", destination.with_name("again"), groups_csv=tmp_path / "out" / "groups.csv")
    assert {r.group for r in after.values()} == {r.group for r in before.values()}
    sort_of = {r.image.tobytes(): r for r in after.values()}
    for record in before.values():
        again = sort_of[record.image.tobytes()]
        assert again.group == record.group
        for name, array in record.fields.items():
            np.testing.assert_allclose(again.fields[name], array, rtol=1e-6)


def test_real_repeats(real: Path, destination: Path) -> None:
    report, records = bring(real / "denoise" / "pims_stuck", destination)
    assert report.counts == {"images with other repeats": 5}
    assert {record.row["blind_mask"] for record in records.values()} == {"pixel"}
