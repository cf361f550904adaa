"""The pixel size in the files of a source is used, told, and overruled by the user's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from brightfield import layout
from brightfield.data.importing import ImportReport, import_dataset
from brightfield.data.store import ImageSet
from brightfield.params import RestorationSettings, TrackingSettings

Import = Callable[..., ImportReport]


@pytest.fixture
def bring(tmp_path: Path) -> Import:
    def run(sizes: list[float | None], **options: float) -> ImportReport:
        source = tmp_path / "source"
        source.mkdir()
        for i, size in enumerate(sizes):
            image = np.random.default_rng(i).integers(0, 4000, (24, 30), dtype=np.uint16)
            stated = {} if size is None else {"PhysicalSizeX": size * 1000, "PhysicalSizeXUnit": "nm"}
            tifffile.imwrite(source / f"{i}_a.ome.tif", image, ome=True, metadata=stated)
        settings = RestorationSettings(pixel_size_um=0.1)
        return import_dataset("restoration", source, tmp_path / "raw", settings=settings, **options)

    return run


def about_size(report: ImportReport) -> list[str]:
    return [
        warning for warning in report.warnings if ("um" in warning and "electrons" not in warning) or "sizes" in warning
    ]


def test_the_size_of_the_task_needs_one_line_and_no_warning(bring: Import, tmp_path: Path) -> None:
    report = bring([0.1, 0.1001, 0.1])
    assert "\nPixel size: 0.1 um, as 3 of 3 files state.\n" in str(report)
    assert about_size(report) == []
    assert json.loads((tmp_path / "raw" / layout.ABOUT).read_text())["pixel_size_um"] == pytest.approx(0.1)


def test_another_size_than_the_task_expects_is_a_warning(bring: Import) -> None:
    report = bring([0.2, 0.2, None])
    assert report.pixel_size == "0.2 um, as 2 of 3 files state"
    (warning,) = about_size(report)
    assert warning.startswith("the task expects 0.1 um per pixel, these images have 0.2 um")
    assert "Scale the images by 2" in warning


def test_the_given_size_overrules_the_files(bring: Import) -> None:
    report = bring([0.2, 0.2, 0.2], pixel_size_um=0.1)
    assert (report.pixel_size_um, report.pixel_size) == (0.1, "0.1 um, as given")
    assert about_size(report) == ["3 of 3 files state a pixel size of 0.2 um, which 0.1 um overrules"]


def test_several_sizes_are_named(bring: Import) -> None:
    report = bring([0.1, 0.2, 0.3])
    assert report.pixel_size_um is None
    assert report.pixel_size == "0.1 to 0.3 um, as 3 of 3 files state"
    assert about_size(report) == [
        "the images have several pixel sizes: import those of each by themselves, or scale them to one"
    ]


def test_files_that_state_nothing_need_no_line(bring: Import) -> None:
    report = bring([None, None, None])
    assert (report.pixel_size_um, report.pixel_size, about_size(report)) == (None, "", [])
    assert "Pixel size" not in str(report)


def test_positions_in_units_of_length_and_times_use_the_file(tmp_path: Path) -> None:
    movie = np.random.default_rng(0).integers(0, 4000, (4, 24, 30), dtype=np.uint16)
    source = tmp_path / "source"
    source.mkdir()
    stated = {"axes": "TYX", "PhysicalSizeX": 0.2, "TimeIncrement": 0.5}
    tifffile.imwrite(source / "run.ome.tif", movie, ome=True, metadata=stated)
    rows = "".join(f"{i},{2.0 + 0.2 * i},3.0,{i}\n" for i in range(4))
    head = "ID,POSITION_X,POSITION_Y,FRAME\n" * 3 + ",(micron),(micron),\n"
    (source / "spots.csv").write_text(head + rows)
    report = import_dataset("tracking", source, tmp_path / "raw", settings=TrackingSettings(pixel_size_um=0.1))
    records = list(ImageSet.raw(tmp_path / "raw"))
    np.testing.assert_allclose(np.vstack([record.fields["positions"] for record in records])[:, 0], [10, 11, 12, 13])
    assert any("were divided by 0.2 um per pixel" in warning for warning in report.warnings)
    index = pd.read_csv(tmp_path / "raw" / layout.INDEX)
    assert index["time_s"].tolist() == [0, 0.5, 1, 1.5]
