"""``--magnify auto``: by the width of what the images of an acquisition show, and the width that the model knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import brightfield
import tiny
from brightfield import images, layout, prediction
from brightfield.cli import app
from brightfield.data import coverage
from brightfield.data.coverage import Coverage
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.inference.predictor import Predictor
from brightfield.prediction import own_scale
from brightfield.prediction.own_scale import Measured
from brightfield.prediction.pixel_sizes import PixelSizes
from brightfield.tasks.tracking.answering import TrackingAnswering
from trained import TASKS, write_bundle, write_starter, write_watershed_bundle

KNOWN_PX = 40.0
WIDTHS = (20, 20, 20, 34, 20, 20)  # of the cells in the crops: one is another


def covered(width_px: float | None) -> Coverage:
    records = tiny.records("classification", 8)
    return Coverage(**{**vars(Coverage.fit(coverage.measure_records(records))), "width_px": width_px})


def crop(width: float) -> np.ndarray:
    y, x = np.mgrid[:85, :85] - 42.0
    return (220 - 90 * (np.hypot(y, x) < width / 2)[..., None] * np.array([0.5, 1, 1])).astype(np.uint8)


@pytest.fixture
def crops(project: Path) -> Path:
    """A folder of crops of an acquisition, and a model of wider cells."""
    write_bundle("classification", covered=covered(KNOWN_PX))
    for i, width in enumerate(WIDTHS):
        path = project / "crops" / f"{i:03d}.png"
        path.parent.mkdir(exist_ok=True)
        images.write_png(path, crop(width))
    return Path("crops")


def probabilities(table: str) -> np.ndarray:
    return np.asarray(pd.read_csv(table).sort_values("image")["probability"])


def test_all_crops_of_a_folder_are_magnified_alike(crops: Path, seen_crops: list[np.ndarray]) -> None:
    summary = prediction.predict("rbc", [crops], Path("out"), reference="mine", magnify="auto")
    line = summary.notes[0]
    assert line.startswith(("The cells are 19.", "The cells are 20."))
    assert "px wide (6 images), the model knows 40.0 px: it sees them magnified " in line
    assert "magnified" not in summary.notes[1]
    model = brightfield.load("rbc", "mine")
    factor = model.measure([crop(width) for width in WIDTHS]).factor
    assert factor == pytest.approx(KNOWN_PX / 20, rel=0.05)
    expected = [images.framed(images.magnified(crop(width), factor), 85) for width in WIDTHS]
    for seen, as_expected in zip(seen_crops[::2], expected, strict=True):  # each is followed by a changed view of it
        np.testing.assert_array_equal(seen, as_expected)


def test_crops_are_sorted_and_recalibrated_at_the_same_magnification(crops: Path, seen_crops: list[np.ndarray]) -> None:
    for name in ("bad", "good"):
        for i in range(5):
            path = Path("few") / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            images.write_png(path, crop(12 + i))  # of other widths: they are no part of what is measured
    options = ["predict", "rbc", str(crops), "--model", "mine", "--magnify", "auto", "--recalibrate", "few"]
    for where in (["--sort", "sorted"], ["-o", "out"]):
        seen_crops.clear()
        result = CliRunner().invoke(app, [*options, *where])
        assert result.exit_code == 0, result.output
        assert "the model knows 40.0 px: it sees them magnified " in result.stdout
        assert len(seen_crops) == 10 + 2 * len(WIDTHS)  # and a changed view of each
        measured = brightfield.load("rbc", "mine").measure([crop(width) for width in WIDTHS])
        assert measured.factor is not None
        np.testing.assert_array_equal(seen_crops[0], images.framed(images.magnified(crop(12), measured.factor), 85))
    np.testing.assert_allclose(probabilities("sorted/sorted.csv"), probabilities("out/labels.csv"), rtol=1e-4)


@pytest.mark.parametrize(
    ("asked", "factor"),
    [({"magnify": 0.5}, 0.5), ({"magnify": "auto", "pixel_size_um": 0.07}, 0.5)],
)
def test_a_number_or_a_pixel_size_stands_over_what_would_be_measured(
    crops: Path, asked: dict[str, float], factor: float, seen_crops: list[np.ndarray]
) -> None:
    summary = prediction.predict("rbc", [crops], Path("out"), reference="mine", **asked)  # type: ignore[arg-type]
    assert "The cells are" not in " ".join(summary.notes)
    np.testing.assert_array_equal(seen_crops[0], images.framed(images.magnified(crop(WIDTHS[0]), factor), 85))
    seen_crops.clear()
    brightfield.load("rbc", "mine").predict(crop(WIDTHS[0]), **asked)
    np.testing.assert_array_equal(seen_crops[0], images.framed(images.magnified(crop(WIDTHS[0]), factor), 85))


def test_a_pixel_size_stands_over_what_was_measured(crops: Path) -> None:
    task, measured = prediction.load("rbc", "mine").task, Measured(3.0, "said")
    assert PixelSizes.of_task(task, "rbc", None, measured).of("a", None)[1] == 3
    given = PixelSizes.of_task(task, "rbc", 0.07, measured)
    assert given.of("a", None) == (0.07, 0.5)
    assert "said" not in given.lines()


def test_where_nothing_is_found_images_are_seen_as_they_come(crops: Path, seen_crops: list[np.ndarray]) -> None:
    empty = np.full((85, 85, 3), 200, np.uint8)
    empty[::2] += 1
    Path("empty").mkdir()
    for i in range(4):
        images.write_png(Path("empty") / f"{i}.png", empty)
    summary = prediction.predict("rbc", [Path("empty")], Path("out"), reference="mine", magnify="auto")
    assert summary.notes[0].startswith("The width of the cells could not be measured on 4 images: too few are found")
    np.testing.assert_array_equal(seen_crops[0], empty)
    assert brightfield.load("rbc", "mine").measure(empty).factor is None


def test_widths_that_are_nearly_equal_change_nothing(crops: Path) -> None:
    measured = brightfield.load("rbc", "mine").measure([crop(KNOWN_PX + 1)] * 3)
    assert measured.factor == 1
    assert measured.line.endswith("it sees them as they come.")


@pytest.mark.parametrize(("side", "factor"), [(85, 1.0), (170, None)])
def test_cells_about_as_wide_as_the_model_knows_change_nothing(
    crops: Path, seen_crops: list[np.ndarray], side: int, factor: float | None
) -> None:
    """In a crop twice as large that is resized as a whole, too: it is not cut."""
    image = images.resized(crop(0.8 * KNOWN_PX), (side, side)).astype(np.uint8)
    model = brightfield.load("rbc", "mine")
    measured = model.measure([image] * 3)
    assert measured.factor == factor
    assert measured.line.endswith("it sees them as they come.")
    model.predict([image] * 3, magnify="auto")
    np.testing.assert_array_equal(seen_crops[-1], image)


def test_python_measures_a_stack_together(crops: Path, seen_crops: list[np.ndarray]) -> None:
    stack = np.stack([crop(width) for width in WIDTHS])
    answers = brightfield.load("rbc", "mine").predict(stack, magnify="auto")
    assert len(answers) == len(WIDTHS)
    factor = brightfield.load("rbc", "mine").measure(stack).factor
    assert factor is not None
    np.testing.assert_array_equal(seen_crops[3], images.framed(images.magnified(crop(WIDTHS[3]), factor), 85))


def test_a_model_that_knows_no_width_says_so(project: Path) -> None:
    for known in (None, covered(None)):
        write_bundle("classification", covered=known)
        with pytest.raises(BrightfieldError, match="mine does not know how wide cells are.*--magnify a number"):
            prediction.predict("rbc", [Path("a.png")], Path("out"), reference="mine", magnify="auto")
    write_watershed_bundle()
    with pytest.raises(BrightfieldError, match="mine does not know how wide cells are: it is a classical method"):
        brightfield.load("bacteria", "mine").measure(np.zeros((64, 64)))


def test_a_task_without_widths_says_which_have_some(project: Path, tmp_path: Path) -> None:
    write_bundle("restoration")
    np.save(tmp_path / "dim.npy", tiny.records("restoration", 1)[0].image)
    with pytest.raises(
        BrightfieldError, match="Task 'denoise' cannot measure.*classification or tracking or segmentation"
    ):
        prediction.predict("denoise", [tmp_path / "dim.npy"], Path("out"), reference="mine", magnify="auto")


def test_frames_of_beads_are_seen_at_the_magnification_at_which_the_model_agrees_most_with_itself(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle("tracking")
    Path("movie").mkdir()
    for i, record in enumerate(tiny.records("tracking", 3)):
        np.save(Path("movie") / f"{i}.npy", record.image)
    for found, said in (
        (0.5, "that it sees magnified 0.5 times (3 images)"),
        (None, "no magnification is better (3 images)"),
    ):
        monkeypatch.setattr(TrackingAnswering, "magnification", lambda *_, found=found: found)
        summary = prediction.predict(
            "beads", [Path("movie")], Path("out"), reference="mine", magnify="auto", overwrite=True
        )
        assert said in summary.notes[0]
    fixed = prediction.predict(
        "beads", [Path("movie")], Path("out"), reference="mine", magnify="auto", pixel_size_um=0.2, overwrite=True
    )
    assert "beads" not in " ".join(fixed.notes)


def test_fields_with_fluorescence_are_measured_with_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images as the task encodes them: light and fluorescence of the same field."""
    write_bundle("segmentation", covered=covered(10.0))
    fields = tiny.records("segmentation", 3)
    for folder in ("fields", "light"):
        Path(folder).mkdir()
    for i, record in enumerate(fields):
        np.save(Path("fields") / f"{i}.npy", record.image)
        np.save(Path("light") / f"{i}.npy", np.full(record.image.shape, 100 + i, np.uint16))
    predictor = prediction.load("bacteria", "mine")
    shown: list[np.ndarray] = []
    kept: list[Record] = []

    def pixels(record: Record) -> np.ndarray:
        kept.append(record)
        return record.image

    def measure(_: object, some: list[np.ndarray]) -> Measured:
        shown.extend(some)
        return Measured(2.0, "measured")

    monkeypatch.setattr(predictor.task.learning, "pixels", pixels)
    monkeypatch.setattr(own_scale, "measure", measure)
    files = images.files([Path("fields")])
    found = prediction.settled(predictor, files, magnify="auto", fluorescence=Path("light"))
    assert isinstance(found, Measured)
    assert [record.fields["fluorescence"][0, 0] for record in kept] == [100, 101, 102]
    for image, record in zip(shown, fields, strict=True):
        np.testing.assert_array_equal(image, record.image)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "automatic"])
def test_other_magnifications_are_refused(text: str) -> None:
    result = CliRunner().invoke(app, ["predict", "rbc", "crops", "-o", "out", f"--magnify={text}"])
    assert result.exit_code == 2
    assert "expected a number above 0, or auto" in " ".join(result.output.replace("│", "").split())


@pytest.mark.parametrize(
    ("kind", "measures"),
    [("segmentation", True), ("classification", True), ("restoration", False), ("tracking", True)],
)
def test_a_starter_measures_without_being_asked(kind: str, measures: bool, starters_folder: Path) -> None:
    write_starter(kind)
    predictor = Predictor.load(layout.starter(TASKS[kind]))
    assert own_scale.measures_by_default(_knowing(predictor)) is measures


def test_another_model_measures_when_it_is_asked(project: Path) -> None:
    write_bundle("segmentation")
    assert not own_scale.measures_by_default(_knowing(Predictor.load(layout.model("bacteria", "mine"))))


def _knowing(predictor: Predictor) -> Predictor:
    """The same predictor, whose training knew how wide cells are."""
    members = [replace(m, bundle=replace(m.bundle, coverage=covered(KNOWN_PX))) for m in predictor.members]
    return Predictor(members, predictor.compute, predictor.task)
