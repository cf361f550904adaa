"""Every type of answer has all of it: tables, files, a drawing, plain data, a tile. A new type without one of them fails here."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import (
    FORMS,
    BaseResult,
    ClassMap,
    Label,
    Metadata,
    Picture,
    Points,
    Result,
    form_of,
    to_dataframe,
    writing,
)
from brightfield.results.canvas import PixelWindow
from brightfield.results.overlays import overlay

TYPES = tuple(FORMS)
SHAPE = (30, 44)
IMAGE = np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.uint16)
METADATA = Metadata(("background", "body", "contour"), 0.065, ("long", "short"), "field")
LABELS = np.zeros(SHAPE, np.int32)
LABELS[4:14, 5:20], LABELS[18:25, 20:40] = 1, 2
RAMP = np.arange(30 * 44, dtype=np.float32).reshape(SHAPE)
CELLS = ClassMap(
    (LABELS > 0).astype(np.uint8), LABELS, np.array([0, 1, 2], np.uint8), np.array([0, 0.5, 1], np.float32)
)
# One answer of each type, and a record that knows the truth of that type
EXAMPLES: dict[type, tuple[Result, Record]] = {
    ClassMap: (
        dataclasses.replace(CELLS, count=(1, 4), margin=2.0),
        Record("a", "g", IMAGE, {"labels": LABELS}),
    ),
    Points: (Points.exact([[10.25, 7.5], [20, 9]]), Record("a", "g", IMAGE, {"positions": np.array([[10.25, 7.5]])})),
    Label: (Label(0.93), Record("a", "g", IMAGE, row={"label": 1})),
    Picture: (Picture(RAMP, RAMP / 10), Record("a", "g", IMAGE, {"clean": RAMP})),
}
SUFFIXES = {".csv", ".tif"}  # that the dashboard's page Predict can hand out, beside the overlay's


def named(answer: Result, image: str = "field") -> Result:
    return dataclasses.replace(answer, metadata=dataclasses.replace(METADATA, image=image))


every_type = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)


def test_every_type_has_a_form_and_an_example_here() -> None:
    assert set(TYPES) == set(EXAMPLES)
    assert all(issubclass(kind, BaseResult) and kind.FORM is FORMS[kind] for kind in TYPES)


def test_an_unknown_type_is_told_the_choices() -> None:
    with pytest.raises(ValueError, match=r"one of ClassMap, Points, Label, Picture, got int: .*results\.FORMS"):
        form_of(int)
    with pytest.raises(ValueError, match="got Record"):
        overlay(IMAGE, EXAMPLES[Label][1])  # type: ignore[arg-type]


@every_type
def test_tables_and_files_are_written_and_read_back(kind: type, tmp_path: Path) -> None:
    answer, form = EXAMPLES[kind][0], form_of(kind)
    writer = writing.Writer(tmp_path, METADATA)
    writer.add("field", IMAGE, answer)
    files = {path.name for path in writer.finish(form.combine({"field": form.rows(answer, METADATA)}))}
    tables = {form.table} if form.objects is None else {form.table, form.objects.table}
    assert files == tables | {f"field_{end}" for end in form.files} | {"field_overlay.png"}
    assert {Path(name).suffix for name in tables | set(form.files)} <= SUFFIXES
    assert all("_" not in end for end in form.files)  # or the dashboard takes them for those of another image
    assert tuple(pd.read_csv(tmp_path / form.table).columns[: len(form.columns)]) == form.columns
    for end in form.files:
        assert tifffile.imread(tmp_path / f"field_{end}").shape == SHAPE


@every_type
def test_an_answer_and_its_truth_are_drawn(kind: type) -> None:
    answer = EXAMPLES[kind][0]
    plain, compared = overlay(IMAGE, answer), overlay(IMAGE, answer, answer)
    assert plain.dtype == compared.dtype == np.uint8
    assert plain.ndim == compared.ndim == 3
    assert plain.shape != compared.shape or (plain != compared).any()


@every_type
def test_plain_data_are_numbers_words_and_arrays(kind: type) -> None:
    answer = EXAMPLES[kind][0]
    plain = answer.to_dict()
    assert isinstance(plain.pop("kind"), str)
    assert plain
    assert all(isinstance(value, float | int | str | np.ndarray) for value in plain.values())
    assert len({each[0].to_dict()["kind"] for each in EXAMPLES.values()}) == len(EXAMPLES)


@every_type
def test_a_tile_of_the_gallery_shows_the_truth_of_its_own_type_alone(kind: type) -> None:
    form, window = form_of(kind), PixelWindow(2, 1, 24, 3)
    tile = np.full((72, 72, 3), 90, np.uint8)
    before = tile.copy()
    shown = 0
    for other, (_, record) in EXAMPLES.items():
        marked = form.mark_truth(tile, record, window)
        image = form.true_image(record)
        assert marked.shape == tile.shape
        assert marked.dtype == np.uint8
        assert image is None or image.shape == SHAPE
        assert other is kind or (image is None and (marked == tile).all())
        shown += image is not None or (marked != tile).any()
    assert shown == 1
    assert (tile == before).all()


@every_type
def test_a_dataframe_has_the_rows_and_columns_of_the_csv(kind: type, tmp_path: Path) -> None:
    answer, form = EXAMPLES[kind][0], form_of(kind)
    writer = writing.Writer(tmp_path, METADATA)
    writer.add("field", IMAGE, answer)
    writer.finish(form.combine({"field": form.rows(answer, METADATA)}))
    written = pd.read_csv(tmp_path / (form.table if form.objects is None else form.objects.table))
    pd.testing.assert_frame_equal(named(answer).to_dataframe(), written, check_dtype=False)


@every_type
def test_answers_of_several_images_make_one_table(kind: type) -> None:
    answer = EXAMPLES[kind][0]
    one = named(answer, "a").to_dataframe()
    table = to_dataframe([named(answer, "a"), named(answer, "b")])
    assert list(table.columns) == list(one.columns)
    assert table["image"].tolist() == ["a"] * len(one) + ["b"] * len(one)
    with pytest.raises(ValueError, match="2 answers with 1 different names"):
        to_dataframe([named(answer), named(answer)])


def test_frames_are_numbered_in_the_order_of_the_answers() -> None:
    points = EXAMPLES[Points][0]
    assert to_dataframe([named(points, "b"), named(points, "a")])["frame"].tolist() == [0, 0, 1, 1]


def test_answers_of_several_types_or_none_make_no_table() -> None:
    with pytest.raises(ValueError, match="one or more answers of one type, got Label, Points"):
        to_dataframe([named(EXAMPLES[Label][0]), named(EXAMPLES[Points][0])])
    with pytest.raises(ValueError, match="got none"):
        to_dataframe([])


@every_type
def test_a_tiff_is_the_first_file_or_refused(kind: type, tmp_path: Path) -> None:
    answer, form = EXAMPLES[kind][0], form_of(kind)
    if not form.files:
        with pytest.raises(BrightfieldError, match=rf"type {kind.__name__} is not an image, .* Use to_dataframe\(\)"):
            named(answer).to_tiff(tmp_path / "a.tif")
        return
    assert named(answer).to_tiff(tmp_path / "a.tif") == tmp_path / "a.tif"
    writer = writing.Writer(tmp_path / "out", METADATA)
    writer.add("field", IMAGE, answer)
    (first, *_) = form.files
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "out" / f"field_{first}").read_bytes()


def test_without_metadata_there_are_no_names_to_write(tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match=r"This Label has no metadata .* brightfield\.load\(\)"):
        Label(0.5).to_dataframe()
    with pytest.raises(BrightfieldError, match="This Picture has no metadata"):
        Picture(RAMP).to_tiff(tmp_path / "a.tif")


def test_metadata_do_not_make_answers_different() -> None:
    assert named(Label(0.5)) == Label(0.5)
    assert repr(named(Label(0.5))) == "Label(probability=0.5, threshold=0.5, class_set=None)"


# what is guaranteed of each type: an answer without and with it, its columns, its files, and what plain data have more
GUARANTEED: dict[type, tuple[Result, Result, list[str], set[str], set[str]]] = {
    ClassMap: (
        CELLS,
        EXAMPLES[ClassMap][0],
        ["count_low", "count_high"],
        {"margin.tif"},
        {"count_low", "count_high", "margin_px"},
    ),
    Points: (
        EXAMPLES[Points][0],
        dataclasses.replace(EXAMPLES[Points][0], radius=np.array([0.5, 6.0])),
        ["radius_px"],
        set(),
        {"radius_px"},
    ),
    Label: (Label(0.93), Label(0.93, class_set=(0, 1)), ["set"], set(), {"class_set"}),
}


@pytest.mark.parametrize("kind", GUARANTEED, ids=lambda kind: kind.__name__)
def test_what_is_guaranteed_is_in_tables_files_and_plain_data_and_else_nowhere(kind: type) -> None:
    without, answer, columns, files, more = GUARANTEED[kind]
    form = form_of(kind)
    names = dataclasses.replace(METADATA, classes=("bad", "good"))
    rows, bare = form.rows(answer, names), form.rows(without, names)
    assert [name for name in rows if name not in bare] == columns
    pd.testing.assert_frame_equal(rows.drop(columns=columns), bare)
    written, before = ({end for end, of in form.files.items() if of(each) is not None} for each in (answer, without))
    assert written - before == files
    assert set(form.plain(answer)) - set(form.plain(without)) == more


def test_a_set_is_said_with_the_positive_class_first() -> None:
    names = dataclasses.replace(METADATA, classes=("bad", "good"))
    said = [Label.FORM.rows(Label(0.5, class_set=each), names)["set"][0] for each in ((0,), (1,), (0, 1))]
    assert said == ["bad", "good", "good or bad"]


def test_a_margin_is_where_an_outline_may_lie() -> None:
    """Within the distance of an outermost pixel of some cell, also outside the cells; at the border of the image it is cut off."""
    cells = np.zeros((12, 14), np.int32)
    cells[0:6, 3:9], cells[6:9, 9:12] = 1, 2
    edge = np.array([(y, x) for y in range(12) for x in range(14) if outermost(cells, y, x)])
    for margin in (0.0, 1.0, np.sqrt(2), 2.9, np.sqrt(13)):
        drawn = ClassMap.FORM.files["margin.tif"](ClassMap((cells > 0).astype(np.uint8), cells, margin=float(margin)))
        assert drawn is not None
        assert (drawn.dtype, drawn.shape) == (np.uint8, cells.shape)
        for y, x in np.ndindex(*cells.shape):
            near = np.square(edge - (y, x)).sum(axis=1).min() <= margin**2 + 1e-9
            assert drawn[y, x] == (255 if near else 0)


def outermost(cells: np.ndarray, y: int, x: int) -> bool:
    beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
    inside = [cells[a, b] for a, b in beside if 0 <= a < cells.shape[0] and 0 <= b < cells.shape[1]]
    return bool(cells[y, x]) and any(other != cells[y, x] for other in inside)


def test_a_radius_is_drawn_where_it_can_be_seen() -> None:
    found = Points.exact([[22.0, 15.0]])
    plain, small, large = (
        overlay(IMAGE, each, scale=1)
        for each in (
            found,
            dataclasses.replace(found, radius=np.array([0.2])),
            dataclasses.replace(found, radius=np.array([6.0])),
        )
    )
    assert (plain == small).all()
    changed = np.argwhere((plain != large).any(axis=-1))
    np.testing.assert_allclose(np.hypot(*(changed - [15, 22]).T), 6.0, atol=2.0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Label(0.5, class_set=()),
        lambda: Label(0.5, class_set=(1, 0)),
        lambda: Points(np.zeros((2, 2)), np.ones(2), radius=np.zeros(3)),
        lambda: Points(np.zeros((2, 2)), np.ones(2), radius=np.array([0.1, -0.1])),
        lambda: dataclasses.replace(CELLS, count=(3, 2)),
        lambda: dataclasses.replace(CELLS, margin=-1.0),
    ],
)
def test_a_guarantee_that_makes_no_sense_is_refused(wrong: Callable[[], Result]) -> None:
    with pytest.raises(ValueError, match="must|expected"):
        wrong()


def test_answers_are_light() -> None:
    heavy = "torch", "matplotlib", "mlflow", "pandas", "skimage"
    code = f"import sys, brightfield.results; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
