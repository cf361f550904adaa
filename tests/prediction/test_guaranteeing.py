"""What is guaranteed of answers, from a report or beside a bundle to files, Python and a line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import brightfield
import tiny
from brightfield import layout, prediction
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry
from brightfield.inference.guarantees import Guarantees, Limit
from brightfield.prediction import guaranteeing
from brightfield.results import ClassMap, Label, Points
from trained import TASKS, write_bundle, write_watershed_bundle

LIMITS = {"classification": {"class": 1.0}, "tracking": {"radius": 0.5}, "segmentation": {"count": 0.5, "outline": 2.0}}
COLUMNS = {
    "classification": ("labels.csv", ["set"]),
    "tracking": ("positions.csv", ["radius_px"]),
    "segmentation": ("images.csv", ["count_low", "count_high"]),
}


def write(kind: str, path: Path | None = None, bundle_hash: str | None = None, over: str = "groups") -> Path:
    """Guarantees of the model ``mine``, by default in its report."""
    path = path or layout.report("mine") / layout.GUARANTEES
    path.parent.mkdir(parents=True, exist_ok=True)
    limits = {name: Limit(value, over, 8, 40) for name, value in LIMITS[kind].items()}  # type: ignore[arg-type]
    measured = {
        part: {
            name: {
                "coverage": {"value": value, "low": None, "high": None},
                "size": {"value": 1.0, "low": None, "high": None},
                "groups": 8,
                "objects": 40,
            }
            for name in limits
        }
        for part, value in {"test": 0.91, "focus": 0.72, "light": 0.88, "dark": None}.items()
    }
    own = registry.bundle_hash(layout.model(TASKS[kind], "mine"))
    Guarantees(0.9, limits, measured, bundle_hash or own).write(path)
    return path


def write_images(kind: str) -> Path:
    Path("in").mkdir(exist_ok=True)
    for record in tiny.records(kind, 2):
        np.save(f"in/{record.id}.npy", record.image)
    return Path("in")


@pytest.mark.parametrize("kind", LIMITS)
def test_files_have_what_is_guaranteed_where_it_is_known_and_else_not(project: Path, kind: str) -> None:
    if kind == "segmentation":
        write_watershed_bundle()
    else:
        write_bundle(kind)
    table, columns = COLUMNS[kind]
    before = prediction.predict(TASKS[kind], [write_images(kind)], Path("before"), reference="mine")
    assert before.guaranteed is None
    write(kind)
    after = prediction.predict(TASKS[kind], [Path("in")], Path("after"), reference="mine")
    written = pd.read_csv(f"after/{table}")
    pd.testing.assert_frame_equal(written.drop(columns=columns), pd.read_csv(f"before/{table}"))
    more = {path.name for path in after.files} - {path.name for path in before.files}
    margins = {f"{record.id}_margin.tif" for record in tiny.records(kind, 2)}
    assert more == (margins if kind == "segmentation" else set())
    if kind == "classification":
        assert set(written["set"]) == {"good or bad"}
    if kind == "segmentation":
        assert written["cells"].between(written["count_low"], written["count_high"]).all()
        for name in margins:
            assert set(np.unique(tifffile.imread(f"after/{name}"))) <= {0, 255}
    assert after.guaranteed is not None


def test_python_has_the_same(project: Path) -> None:
    for kind in LIMITS:
        write_bundle(kind)
        write(kind)
        model = brightfield.load(TASKS[kind], "mine")
        answer = model.predict(tiny.records(kind, 1)[0].image)
        if isinstance(answer, Label):
            assert answer.class_set == (0, 1)
        elif isinstance(answer, Points):
            assert answer.radius is not None
        else:
            assert isinstance(answer, ClassMap)
            assert (answer.count is not None, answer.margin) == (True, 2.0)


def test_margins_and_radii_are_those_of_the_image_not_of_the_magnified_one(project: Path) -> None:
    write_watershed_bundle()
    write("segmentation")
    answer = brightfield.load("bacteria", "mine").predict(tiny.records("segmentation", 1)[0].image, magnify=2)
    assert answer.margin == pytest.approx(1.0)


def test_a_report_of_another_training_promises_nothing(project: Path) -> None:
    write_bundle("classification")
    write("classification", bundle_hash="of another")
    assert prediction.load("rbc", "mine").guarantees is None


def test_a_copied_bundle_has_them_beside_it(project: Path, tmp_path: Path) -> None:
    write_bundle("classification")
    own = registry.bundle_hash(layout.model("rbc", "mine"))
    copy = Path("copy")
    shutil.copytree(layout.model("rbc", "mine"), copy)
    assert brightfield.load(copy).predict(tiny.records("classification", 1)[0].image).class_set is None
    path = write("classification", copy / layout.GUARANTEES)
    assert registry.bundle_hash(copy) == own
    assert brightfield.load(copy).predict(tiny.records("classification", 1)[0].image).class_set == (0, 1)
    write("classification", path, bundle_hash="of another")
    with pytest.raises(BrightfieldError, match="guarantees.json is of another model than the bundle beside it"):
        brightfield.load(copy)
    path.write_text("{")
    with pytest.raises(BrightfieldError, match="guarantees.json is not readable as JSON"):
        brightfield.load(copy)


def test_a_damaged_file_in_a_report_is_named(project: Path) -> None:
    write_bundle("classification")
    path = write("classification")
    content = json.loads(path.read_text())
    content["limits"]["class"]["value"] = "wide"
    path.write_text(json.dumps(content))
    with pytest.raises(BrightfieldError, match=r"guarantees.json is damaged: .*'wide'.* Make it again: `dvc repro`."):
        prediction.load("rbc", "mine")


def test_the_line_says_what_is_promised_of_what_and_where_it_does_not_hold(project: Path) -> None:
    write_bundle("tracking")
    write("tracking")
    assert guaranteeing.line(prediction.load("beads", "mine")) == (
        "Guaranteed on its own dataset: for 90% of found beads that are beads the true position lies within the radius "
        "(column radius_px), "
        "measured 91% on test, at worst 72% (suite focus). Not for images that are marked outside."
    )
    write_bundle("classification")
    write("classification", over="objects")
    assert "(column set), if their groups are like the 8 of validation, measured" in str(
        guaranteeing.line(prediction.load("rbc", "mine"))
    )


def test_without_a_limit_there_is_no_line(project: Path) -> None:
    write_bundle("tracking")
    assert guaranteeing.line(prediction.load("beads", "mine")) is None
    path = write("tracking")
    content = json.loads(path.read_text())
    content["limits"]["radius"]["value"] = None
    path.write_text(json.dumps(content))
    predictor = prediction.load("beads", "mine")
    assert guaranteeing.line(predictor) is None
    answer = predictor.predict([tiny.records("tracking", 1)[0].image])[0]
    assert isinstance(answer, Points)
    assert answer.radius is None
