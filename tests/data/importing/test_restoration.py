"""Clean images alone, to which noise is added, and pairs of noisy and clean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightfield import images
from brightfield.data.importing import import_dataset
from brightfield.data.importing.restoration import PEAK_ELECTRONS, READ_NOISE, with_camera_noise
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import RestorationSettings

Put = Callable[..., np.ndarray]


def bring(source: Path, destination: Path, **options: object) -> dict[str, Record]:
    import_dataset("restoration", source, destination, settings=RestorationSettings(), **options)
    return {record.id: record for record in ImageSet.raw(destination)}


@pytest.mark.parametrize("folder", ["", "clean/"])
def test_clean_images_alone_get_noise(source: Path, destination: Path, put: Put, folder: str) -> None:
    clean = {name: put(f"{folder}{name}.tif", i, dtype=np.uint16) for i, name in enumerate(["A02_s1", "A02_s2", "B1"])}
    records = bring(source, destination)
    assert {name: record.group for name, record in records.items()} == {"A02_s1": "A02", "A02_s2": "A02", "B1": "B1"}
    for name, record in records.items():
        np.testing.assert_array_equal(record.fields["clean"], clean[name].astype(np.float32))
        assert record.fields["clean"].dtype == record.image.dtype == np.float32
        assert record.image.shape == clean[name].shape
        assert PEAK_ELECTRONS[0] <= record.row["peak_electrons"] <= PEAK_ELECTRONS[1]
        assert (record.image != record.fields["clean"]).all()


def test_noise_does_not_depend_on_the_other_images(source: Path, destination: Path, put: Put) -> None:
    put("a.tif", 0)
    alone = bring(source, destination)
    put("b.tif", 1)
    both = bring(source, destination.with_name("both"))
    np.testing.assert_array_equal(alone["a"].image, both["a"].image)
    assert both["a"].row["peak_electrons"] != both["b"].row["peak_electrons"]


def test_the_noise_is_that_of_a_camera() -> None:
    """Its mean is the clean image; its variance is that of photons and of reading: scale^2 (peak f + r^2) / peak^2."""
    clean = np.tile(np.linspace(120, 520, 5, dtype=np.float32), (16, 1))
    rng = np.random.default_rng(0)
    draws = [with_camera_noise(clean, rng) for _ in range(1500)]
    scale, fraction = 400.0, (clean[0] - 120) / 400
    centred = np.stack([(noisy - clean) * np.sqrt(peak) / scale for noisy, peak in draws])
    np.testing.assert_allclose(np.stack([noisy for noisy, _ in draws]).mean(axis=(0, 1)), clean[0], atol=3)
    read = READ_NOISE**2 * np.mean([1 / peak for _, peak in draws])
    np.testing.assert_allclose(centred.var(axis=(0, 1)), fraction + read, rtol=0.06)
    peaks = np.log([peak for _, peak in draws])
    assert np.mean(peaks) == pytest.approx(np.mean(np.log(PEAK_ELECTRONS)), abs=0.1)  # log-uniform


@pytest.mark.parametrize(("clean", "noisy"), [("clean", "noisy"), ("high", "low")])
def test_pairs_are_kept_as_they_are(source: Path, destination: Path, put: Put, clean: str, noisy: str) -> None:
    pixels = {}
    for i, name in enumerate(["s1_1", "s1_2", "s2_1"]):
        pixels[name] = (put(f"{clean}/{name}.tif", i, dtype=np.uint16), put(f"{noisy}/{name}.tif", 10 + i))
    records = bring(source, destination)
    assert {record.group for record in records.values()} == {"s1", "s2"}
    for name, (good, poor) in pixels.items():
        np.testing.assert_array_equal(records[name].fields["clean"], good)
        np.testing.assert_array_equal(records[name].image, poor)
        assert records[name].image.dtype == np.uint8
        assert "peak_electrons" not in records[name].row


def test_pairs_must_match(source: Path, destination: Path, put: Put) -> None:
    put("clean/a.tif", 0)
    put("clean/b.tif", 1)
    put("clean/c.tif", 2)
    put("noisy/a.tif", 3, (20, 25))
    put("noisy/d.tif", 4)
    images.write_tiff(source / "noisy" / "c.tif", np.zeros((20, 24), np.uint8))
    with pytest.raises(BrightfieldError) as caught:
        bring(source, destination)
    for says in (
        "clean/b.tif has no file of the same name",
        "noisy/d.tif has no file of the same name",
        "noisy/a.tif is 20 x 25 pixels, expected the size of clean/a.tif: 20 x 24",
        "noisy/c.tif is constant",
    ):
        assert says in str(caught.value)
    assert not destination.exists()


def test_two_files_of_one_name_are_refused(source: Path, destination: Path, put: Put) -> None:
    for i, name in enumerate(("clean/s0_a.tif", "noisy/s0_a.tif", "noisy/s0_a.png")):
        put(name, i)
    with pytest.raises(BrightfieldError, match=r"noisy has s0_a twice \(s0_a.png and s0_a.tif\), expected one of them"):
        bring(source, destination)
    (source / "noisy").rename(source / "clean" / "kept")
    put("clean/s0_A.png", 3)
    with pytest.raises(BrightfieldError, match=r"clean has s0_A twice \(s0_A.png and s0_a.tif\)"):
        bring(source, destination)


@pytest.mark.parametrize("days", ["clean/monday clean/tuesday", "monday/clean tuesday/clean", "x/monday/clean"])
def test_pairs_are_found_at_any_depth(source: Path, destination: Path, put: Put, days: str) -> None:
    for i, folder in enumerate(days.split()):
        put(f"{folder}/s{i}_1.tif", i)
        put(f"{folder}/s9_1.tif", 20 + i)
        put(f"{folder.replace('clean', 'noisy')}/s{i}_1.tif", 40 + i)
        put(f"{folder.replace('clean', 'noisy')}/s9_1.tif", 60 + i)
    records = bring(source, destination)
    assert len(records) == 2 * len(days.split())
    assert {record.group for record in records.values()} <= {"s0", "s1", "s9"}
    assert any("monday" in name and name.endswith("s9_1") for name in records)


def test_a_folder_beside_clean_images_is_named(source: Path, destination: Path, put: Put) -> None:
    put("a.tif", 0)
    put("old/b.tif", 1)
    report = import_dataset("restoration", source, destination, settings=RestorationSettings())
    assert "folder old: a folder, not looked into, left out" in report.warnings
    assert (report.found, report.taken, report.left_out) == (2, 1, {"a folder, not looked into": 1})


def test_noise_does_not_hide_copies_and_constants(source: Path, destination: Path, put: Put) -> None:
    put("a.tif", 0)
    put("b.tif", 0)
    images.write_tiff(source / "c.tif", np.full((20, 24), 9, np.uint8))
    with pytest.raises(BrightfieldError) as caught:
        bring(source, destination)
    assert "a.tif and b.tif hold the same pixels" in str(caught.value)
    assert "c.tif is constant (every value is 9)" in str(caught.value)


def test_repeated_takes_of_one_scene_are_fine_within_a_group(source: Path, destination: Path, put: Put) -> None:
    for take in range(2):
        put(f"clean/s1_{take}.tif", 0)
        put(f"noisy/s1_{take}.tif", 10 + take)
    assert len(bring(source, destination)) == 2
    put("clean/s2_0.tif", 0)
    put("noisy/s2_0.tif", 12)
    with pytest.raises(BrightfieldError, match="clean/s1_0.tif and clean/s2_0.tif hold the same pixels"):
        bring(source, destination.with_name("leaky"))


def test_colour_is_told(source: Path, destination: Path, put: Put) -> None:
    put("a.png", 0, (20, 24, 3))
    report = import_dataset("restoration", source, destination, settings=RestorationSettings())
    assert "a.png: in colour, converted to grey" in report.warnings
    assert ImageSet.raw(destination)[0].image.shape == (20, 24)


def test_real_clean_images(real: Path, destination: Path) -> None:
    records = bring(real / "denoise" / "clean", destination)
    assert len(records) == 29
    for record in records.values():
        clean = record.fields["clean"]
        assert clean.shape == (520, 696)
        assert float((record.image - clean).mean()) == pytest.approx(0, abs=0.01 * float(np.ptp(clean)))
