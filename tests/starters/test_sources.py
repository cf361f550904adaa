"""Real images as starters learn from them: cells at several widths, crops at several scales."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from brightfield import params
from brightfield.data.records import Record
from brightfield.results import ClassMap
from brightfield.results.regions import regions
from brightfield.starters import sources
from brightfield.starters.sources import SCALES, SOURCES, WIDTH_PX, WIDTHS_PX, Source


def width_px(record: Record) -> float:
    """The median width of its cells."""
    labels = record.fields["labels"]
    table = regions(ClassMap((labels > 0).astype(np.uint8), labels), ["", "cell"], 1.0)
    return float(np.median(table["width_um"]))


# --- which there are --------------------------------------------------------------------------------------------------


def test_every_source_says_where_it_is_from_and_what_one_may_do_with_it() -> None:
    own = params.load(tiny.REPOSITORY / "params.yaml")
    assert SOURCES.keys() <= own.tasks.keys()
    for several in SOURCES.values():
        assert len({source.name for source in several}) == len(several)
        for source in several:
            assert any(licence in source.licence for licence in ("MIT", "CC BY", "CC0", "BSD")), source
            assert " at " in source.origin, "a commit"


def test_only_what_lies_there_is_learnt_from(tmp_path: Path) -> None:
    assert sources.there("rbc", None) == []
    assert sources.there("rbc", tmp_path) == []
    assert sources.there("no task", tmp_path) == []
    (tmp_path / "rbc-bccd").mkdir()
    (tmp_path / "bacteria").mkdir()  # and not the folder in it
    assert [source.name for source in sources.there("rbc", tmp_path)] == ["bccd"]
    assert sources.there("bacteria", tmp_path) == []


def test_a_source_takes_its_own_images_of_a_folder(recipe: Path, real: Path) -> None:
    settings = tiny.SETTINGS["segmentation"]
    here, there = (sources.read(source, real, "segmentation", settings) for source in sources.SOURCES["bacteria"])
    assert [record.id for record in here] == ["here_0", "here_1", "here_2"]
    assert [record.id for record in there] == ["there_0", "there_1", "there_2"]
    assert all(record.group.startswith("here-") for record in here)
    assert not {record.group for record in here} & {record.group for record in there}
    everything = sources.read(Source("all", "cells", "", ""), real, "segmentation", settings)
    assert len(everything) == 6
    assert not list((real / "cells").glob("*.h5"))  # nothing is written there


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [8.0, WIDTH_PX, 20.0])
def test_cells_are_brought_to_a_width(wanted: float) -> None:
    (record,) = tiny.records("segmentation", 1)
    before = width_px(record)
    after = sources.at_width(record, wanted)
    assert width_px(after) == pytest.approx(wanted, rel=0.08)
    assert after.image.shape == after.fields["labels"].shape
    assert after.image.shape[0] == pytest.approx(64 * wanted / before, abs=1)
    assert set(np.unique(after.fields["labels"])) == set(np.unique(record.fields["labels"]))
    cells = after.fields["labels"] > 0
    assert after.image[~cells].mean() - after.image[cells].mean() > 800  # of 1,200: they lie where they did
    assert after.group == record.group


def test_an_image_of_cells_is_learnt_from_at_several_widths_and_scored_at_one() -> None:
    (record,) = tiny.records("segmentation", 1)
    learnt = sources.to_learn_from(record)
    assert [width_px(each) for each in learnt] == pytest.approx(list(WIDTHS_PX), rel=0.1)
    assert len({each.id for each in learnt}) == len(WIDTHS_PX)
    assert width_px(sources.as_scored(record)) == pytest.approx(WIDTH_PX, rel=0.08)


def test_an_image_without_cells_stays_as_it_is() -> None:
    (record,) = tiny.records("segmentation", 1)
    empty = replace(record, fields={"labels": np.zeros((64, 64), np.int32)})
    assert sources.as_scored(empty) is empty
    assert sources.to_learn_from(empty) == [empty]


# --- crops, and what is neither -----------------------------------------------------------------------------------------


def test_every_second_crop_is_learnt_from_at_another_scale() -> None:
    """A disc of 40 px in the middle of each shows by how much."""
    y, x = np.mgrid[:85, :85] - 42
    disc = np.where(np.hypot(y, x) < 20, 90, 210).astype(np.uint8)
    crops = [Record(f"crop{i}", "g", np.stack([disc] * 3, axis=-1), row={"label": 1}) for i in range(80)]
    scaled = [sources.to_learn_from(crop) for crop in crops]
    assert all(len(each) == 1 for each in scaled)
    seen = [each[0] for each in scaled]
    assert all(each.image.shape == (85, 85, 3) and each.image.dtype == np.uint8 for each in seen)
    assert all(each.row == {"label": 1} for each in seen)
    factors = np.array([np.sqrt((each.image[..., 0] < 150).sum() / (disc < 150).sum()) for each in seen])
    same = np.array([np.array_equal(each.image, crop.image) for each, crop in zip(seen, crops, strict=True)])
    assert 0.3 < same.mean() < 0.7
    assert (factors > SCALES[0] - 0.03).all()
    assert (factors < SCALES[1] + 0.03).all()
    assert factors.min() < 0.8
    assert factors.max() > 1.3
    again = [sources.to_learn_from(crop)[0] for crop in crops]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(seen, again, strict=True))
    assert all(sources.as_scored(crop) is crop for crop in crops)


def test_other_images_are_learnt_from_as_they_are() -> None:
    (record,) = tiny.records("restoration", 1)
    assert sources.to_learn_from(record) == [record]
    assert sources.as_scored(record) is record
