"""A further kind of task is a few files and a line in each table: here one is made, and everything takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st

import brightfield
import counting
import tiny
import wording
from brightfield import layout, params, tasks, training
from brightfield.data import gallery, store
from brightfield.data.importing import import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.evaluation import scoring
from brightfield.experiments.registry import serving
from brightfield.inference import bundle
from brightfield.prediction import predict
from brightfield.results import to_dataframe
from brightfield.results.overlays import overlay
from brightfield.system.files import atomic_folder
from contract import ContractSuite
from counting import KIND, Count
from queries import project as project_queries
from queries import reports

PARAMS = """
tasks:
  dots: {kind: counting, dataset: dots, settings: {size_px: 32}}
datasets:
  dots: {task: dots, kind: counting}
models:
  dots-convnet:
    task: dots
    kind: counting
    dataset: dots
    network: {architecture: convnet, filters: [4, 8], dense: [], dropout: 0.0, batch_norm: true}
    training: {epochs: 6, steps_per_epoch: 10, batch_size: 4, learning_rate: 0.03}
evaluation: {bootstrap: 100}
"""


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> str:
    """The fifth kind, registered."""
    counting.register(monkeypatch)
    return KIND


@pytest.fixture
def dots(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> params.Params:
    """A project with a task of the kind, as the current folder: its images are split, its model trained and scored."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    settings = params.load()
    task, model = tasks.build(kind, settings.tasks["dots"].settings), settings.models["dots-convnet"]
    records = [
        record
        for seed, (split, count) in enumerate({"train": 12, "validation": 6, "test": 6}.items())
        for record in tiny.records(kind, count, seed=seed, groups=3, prefix=split)
    ]
    layout.raw("dots").mkdir(parents=True)
    store.write_raw(layout.raw("dots"), records, {"origin": "test"})
    raw = ImageSet.raw(layout.raw("dots"))
    layout.prepared("dots").mkdir(parents=True)
    store.write_prepared(
        layout.prepared("dots"), raw, raw.index.assign(split=raw.index["id"].str.extract("([a-z]+)")[0])
    )
    train, validation = (ImageSet.prepared(layout.prepared("dots"), split) for split in ("train", "validation"))
    fitted = training.fit(task, model, train, validation, tiny.COMPUTE)
    with atomic_folder(layout.model("dots", "dots-convnet")) as folder:
        bundle.write(folder, "dots-convnet", "dots", task.settings, model, fitted.network, {})
    split = scoring.Split.load(task, layout.prepared("dots"), "test")
    predictor = brightfield.load(layout.model("dots", "dots-convnet"))._predictor
    scores = {"test": scoring.score(task, split, predictor.activations(split.encoded))}
    metrics = scoring.summary(task, {"test": scores["test"].table}, settings.evaluation, None)
    scoring.write_report(layout.report("dots-convnet"), task, split, scores, metrics)
    return settings


class TestContract(ContractSuite):
    """The contract holds for it as for the others (its fixture ``kind`` is that of this file)."""


def test_params_take_it_with_settings_of_its_own_and_defaults(kind: str) -> None:
    content: dict[str, Any] = {"tasks": {"dots": {"kind": kind, "dataset": "dots"}}, "models": {}}
    content["datasets"] = {"dots": {"task": "dots", "kind": kind}}
    assert params.parse(content).tasks["dots"].settings == counting.CountingSettings()
    content["tasks"]["dots"]["settings"] = {"size_px": 64}
    assert params.parse(content).model_dump()["tasks"]["dots"]["settings"]["size_px"] == 64
    content["tasks"]["dots"]["settings"] = {"size_pix": 64}
    with pytest.raises(BrightfieldError) as caught:
        params.parse(content)
    assert "tasks.dots.settings.size_pix: unknown key. Did you mean 'size_px'? Allowed: pixel_size_um, size_px." in str(
        caught.value
    )


def test_options_that_belong_to_other_kinds_are_refused(kind: str) -> None:
    with pytest.raises(BrightfieldError, match="training.dice is for models of kind 'segmentation', got 'counting'"):
        tiny.model(kind, dice=0.5)


def test_a_kind_that_is_not_registered_is_refused_with_those_that_are() -> None:
    content = {"tasks": {"dots": {"kind": KIND, "dataset": "dots"}}, "datasets": {}, "models": {}}
    known = "'classification', 'tracking', 'segmentation', 'restoration'"
    with pytest.raises(BrightfieldError, match=f"tasks.dots.kind: expected one of {known}, got 'counting'"):
        params.parse(content)


def test_an_overlay_shows_the_answer_and_the_truth(kind: str) -> None:
    image = tiny.records(kind, 1)[0].image
    plain, compared = overlay(image, Count(2.0)), overlay(image, Count(2.0), Count(3.0))
    assert plain.shape == compared.shape == (128, 128, 3)
    assert (plain != compared).any()


def test_a_folder_with_a_table_is_imported(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    rows = []
    for i, record in enumerate(tiny.records(kind, 6)):
        np.save(folder / f"{i % 3}_{i}.npy", record.image)
        rows.append((f"{i % 3}_{i}.npy", record.row["count"]))
    pd.DataFrame(rows, columns=["image", "count"]).to_csv(folder / "counts.csv", index=False)
    report = import_dataset(kind, folder, tmp_path / "raw", settings=counting.CountingSettings())
    assert (report.images, report.groups, report.counts) == (6, 3, {"dots": 12})
    assert sorted(ImageSet.raw(tmp_path / "raw").index["count"]) == [1, 1, 2, 2, 3, 3]
    with pytest.raises(BrightfieldError, match=r"takes none\. Those of kind 'tracking' do"):
        import_dataset(
            kind,
            folder,
            tmp_path / "other",
            settings=counting.CountingSettings(),
            positions=folder / "counts.csv",
        )


def test_a_trained_model_answers_in_python_to_files_and_when_served(dots: params.Params) -> None:
    given = [record.image for record in tiny.records(KIND, 3, seed=9)]
    model = brightfield.load(layout.model("dots", "dots-convnet"))
    alone = model.predict(given[0])
    assert type(alone) is Count
    assert list(alone.to_dataframe().columns) == ["image", "count"]
    answers = model.predict(given, names=["a", "b", "c"])
    Path("in").mkdir()
    for name, image in zip("abc", given, strict=True):
        np.save(f"in/{name}.npy", image)
    files = predict("dots", [Path("in")], Path("out"), reference="dots-convnet").files
    assert {path.name for path in files} == {"counts.csv", "a_overlay.png", "b_overlay.png", "c_overlay.png"}
    written = pd.read_csv("out/counts.csv")
    pd.testing.assert_frame_equal(written, to_dataframe(answers).reset_index(drop=True), rtol=1e-4)
    served = serving.Served()
    served._model = model
    plain = served.predict(None, np.stack(given))
    assert [each["kind"] for each in plain] == [KIND] * 3
    assert [each["count"] for each in plain] == pytest.approx([answer.number for answer in answers], rel=1e-4)


def test_the_dashboard_shows_its_metric_with_label_and_direction(dots: params.Params) -> None:
    st.cache_data.clear()
    row = reports.on_test("dots").iloc[0]
    assert (row["model"], row["metric"]) == ("dots-convnet", "count_error")
    assert row["low"] <= row["value"] <= row["high"]
    assert set(reports.scores()["metric"]) == {"count_error", "count_bias"}
    assert reports.metrics("dots")[0] == "count_error"
    assert project_queries.objective(KIND) == ("count_error", "minimize")
    assert wording.words("test_count_error") == "test count error (dots)"
    assert wording.direction("count_error") == "minimize"
    assert len(reports.examples("dots-convnet")) == 6
    st.cache_data.clear()


def test_a_gallery_shows_the_truth(dots: params.Params) -> None:
    assert (gallery.sheet("dots", truth=True) != gallery.sheet("dots")).any()


def test_what_it_does_not_declare_is_refused_with_those_that_do(dots: params.Params) -> None:
    np.save("a.npy", tiny.records(KIND, 1)[0].image)
    with pytest.raises(BrightfieldError, match="expected a task of kind classification or tracking or segmentation"):
        predict("dots", [Path("a.npy")], Path("out"), reference="dots-convnet", magnify=2)
    with pytest.raises(BrightfieldError, match="expected a task of kind classification"):
        predict("dots", [Path("a.npy")], Path("out"), reference="dots-convnet", recalibrate=Path("labelled"))


def test_answers_of_other_programs_are_not_read(kind: str) -> None:
    task = tasks.build(kind, params.parse_settings(kind, {"pixel_size_um": 0.1}, "test"))
    with pytest.raises(BrightfieldError, match="this kind of task reads no such answers"):
        task.answering.foreign(Path("answers"), ["a"])
