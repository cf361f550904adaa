"""``brightfield.load(...).predict(image)``, as a notebook calls it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import brightfield
import tiny
from brightfield import images, layout, params, prediction
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle
from brightfield.inference.bundle import Source
from brightfield.results import ClassMap, Label, Picture, Points, to_dataframe
from brightfield.system.files import atomic_folder
from trained import TASKS, write_bundle, write_starter, write_watershed_bundle

ANSWERS = {"classification": Label, "tracking": Points, "segmentation": ClassMap, "restoration": Picture}


def field() -> np.ndarray:
    image: np.ndarray = tiny.records("segmentation", 1)[0].image
    return image


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_one_image_gives_one_answer_and_a_list_or_a_stack_a_list(project: Path, kind: str) -> None:
    write_bundle(kind)
    model = brightfield.load(TASKS[kind], "mine")
    given = [record.image for record in tiny.records(kind, 2)]
    alone = model.predict(given[0])
    assert type(alone) is ANSWERS[kind]
    for several in (model.predict(given), model.predict(np.stack(given))):
        assert [type(answer) for answer in several] == [ANSWERS[kind]] * 2
        assert [answer.image_name for answer in several] == ["0", "1"]
        pd.testing.assert_frame_equal(several[0].to_dataframe(), alone.to_dataframe())
    (listed,) = model.predict([given[0]])
    pd.testing.assert_frame_equal(listed.to_dataframe(), alone.to_dataframe())


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_dataframe_has_what_the_command_writes(project: Path, kind: str) -> None:
    """The same rows, in the table with a row an object where there is one."""
    write_bundle(kind)
    given = {record.id: record.image for record in tiny.records(kind, 3)}
    Path("in").mkdir()
    for name, image in given.items():
        np.save(f"in/{name}.npy", image)
    files = prediction.predict(TASKS[kind], [Path("in")], Path("out"), reference="mine").files
    answers = brightfield.load(TASKS[kind], "mine").predict(list(given.values()), names=list(given))
    table = to_dataframe(answers)
    written = pd.read_csv(next(path for path in files if path.suffix == ".csv"))
    doubts = brightfield.load(TASKS[kind], "mine").judge(list(given.values()), names=list(given))
    assert doubts["image"].tolist() == list(given)
    of_command = written.drop_duplicates("image").set_index("image")  # an image without objects has no row there
    assert kind == "segmentation" or {"outside", "doubt"} <= set(written)  # an untrained model finds no cell
    for column in {"outside", "doubt"} & set(written):
        here = doubts.set_index("image")[column].loc[of_command.index]
        np.testing.assert_allclose(here, of_command[column].astype(float), atol=1e-4)
    written = written.drop(columns=["outside", "doubt"], errors="ignore")  # of the command alone
    pd.testing.assert_frame_equal(table.reset_index(drop=True), written, check_dtype=False, rtol=1e-4, atol=1e-6)
    for name, answer in zip(given, answers, strict=True):
        if isinstance(answer, ClassMap | Picture):
            end = "labels" if isinstance(answer, ClassMap) else "denoised"
            ours = tifffile.imread(answer.to_tiff(f"{name}.tif"))
            np.testing.assert_allclose(ours, tifffile.imread(f"out/{name}_{end}.tif"), rtol=1e-4)


def test_lengths_follow_the_pixels_of_the_image(project: Path) -> None:
    write_watershed_bundle()
    model = brightfield.load("bacteria", "mine")
    assert model.pixel_size_um == 0.065
    image = field()
    answer = model.predict(image, pixel_size_um=1.6 * 0.065)
    assert answer.instances.shape == image.shape
    seen = model.predict(images.magnified(image, 1.6))
    np.testing.assert_array_equal(answer.classes, images.nearest(seen.classes, image.shape))
    table = answer.to_dataframe()
    assert len(table) > 0
    np.testing.assert_allclose(table["area_um2"], table["area_px"] * (1.6 * 0.065) ** 2)


def test_a_folder_needs_no_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write_bundle("restoration")
    image = tiny.records("restoration", 1)[0].image
    expected = brightfield.load("denoise", "mine").predict(image)
    copied = tmp_path_factory.mktemp("elsewhere") / "bundle"
    shutil.copytree(layout.model("denoise", "mine"), copied)
    Path("params.yaml").unlink()
    for given in (copied, str(copied)):
        model = brightfield.load(given)
        assert (model.task, model.classes) == ("denoise", ())
        np.testing.assert_allclose(model.predict(image).pixels, expected.pixels, rtol=1e-5)
    assert repr(model) == "<brightfield.Model mine of task 'denoise'>"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("bacterio", "Did you mean 'bacteria'"),
        (Path("nowhere"), "nowhere"),
    ],
)
def test_what_is_no_model_is_named(tracked_project: Path, given: str | Path, message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        brightfield.load(given)


def test_a_task_without_a_champion_says_so(tracked_project: Path) -> None:
    write_bundle("restoration")
    with pytest.raises(BrightfieldError, match=r"no 'champion' for 'denoise'.*Trained here: mine"):
        brightfield.load("denoise")
    with pytest.raises(BrightfieldError, match="no '3' for 'denoise'"):
        brightfield.load("denoise", 3)


@pytest.mark.usefixtures("starters_folder")
def test_a_starter_answers_before_anything_was_trained() -> None:
    with pytest.raises(BrightfieldError) as caught:
        brightfield.load("denoise", "starter")
    assert "Task 'denoise' has no starter" in str(caught.value)
    with pytest.raises(BrightfieldError) as caught:
        brightfield.load("denoise", "nobody")
    assert "--model starter" not in str(caught.value)
    write_starter("restoration")
    image = np.random.default_rng(0).normal(1000, 50, (40, 56)).astype(np.float32)
    (answer,) = brightfield.load("denoise", "starter").predict([image])
    assert answer.pixels.shape == image.shape
    with pytest.raises(BrightfieldError, match=r"Trained here: none\. `--model starter` needs no training\."):
        brightfield.load("denoise", "nobody")


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (np.zeros(7), r"\(7,\)"),
        (np.float64(3), r"\(\)"),
        ("field.tif", r"\(\)"),
        (np.zeros((0, 5)), r"\(0, 5\)"),
        ([np.zeros((5, 6, 7))], r"\(5, 6, 7\)"),
        (np.zeros((2, 5, 6, 7)), r"\(5, 6, 7\)"),
    ],
)
def test_an_array_that_is_no_image_is_refused(project: Path, given: Any, shape: str) -> None:
    write_bundle("restoration")
    with pytest.raises(BrightfieldError, match=rf"Expected an array \(height, width\).* got an image of shape {shape}"):
        brightfield.load("denoise", "mine").predict(given)


def test_a_model_that_knows_no_doubts_names_the_images_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle("segmentation")
    model = brightfield.load("bacteria", "mine")
    assert model.judge(field()).columns.tolist() == ["image", "outside", "doubt"]
    monkeypatch.setattr(type(model._predictor.task.answering), "doubts", None)
    assert model.judge([field(), field()], names=["a", "b"]).to_dict("list") == {"image": ["a", "b"]}
    with pytest.raises(BrightfieldError, match="a name for each of 1 images, got 2"):
        model.judge(field(), names=["a", "b"])


def test_there_is_a_name_for_each_image(project: Path) -> None:
    write_bundle("restoration")
    with pytest.raises(BrightfieldError, match="Expected a name for each of 2 images, got 1"):
        brightfield.load("denoise", "mine").predict([np.ones((9, 9))] * 2, names=["a"])


def test_an_ensemble_says_where_its_members_disagree(project: Path) -> None:
    """In Python as in the tables of the command."""
    write_bundle("classification", "mine")
    write_bundle("classification", "other")
    sources = [Source(layout.model("rbc", name), 0.5) for name in ("mine", "other")]
    with atomic_folder(layout.ensemble("rbc", "both")) as folder:
        bundle.write_ensemble(folder, "both", "rbc", params.load().tasks["rbc"].settings, sources, {})
    crops = {f"crop{i}": record.image for i, record in enumerate(tiny.records("classification", 3))}
    for name, crop in crops.items():
        images.write_png(project / f"{name}.png", crop)
    judged = brightfield.load("rbc", "both").judge(list(crops.values()), names=list(crops))
    assert judged["disagreement"].tolist() == [0.0, 0.0, 0.0]  # both are the same network
    prediction.predict("rbc", [project / f"{name}.png" for name in crops], project / "out", reference="both")
    table = pd.read_csv(project / "out" / "labels.csv")
    assert table["disagreement"].tolist() == [0.0, 0.0, 0.0]
    prediction.predict("rbc", [project / "crop0.png"], project / "alone", reference="mine")
    assert "disagreement" not in pd.read_csv(project / "alone" / "labels.csv")
