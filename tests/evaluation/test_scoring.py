"""Answers against the truth: tables, intervals, and the files of a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import images, layout, params, tasks
from brightfield.data import store
from brightfield.evaluation import scoring
from brightfield.evaluation.scoring import TEST, VALIDATION, FloatArray, Scores, Split
from brightfield.results import Label, Points

SETTINGS = params.Evaluation(bootstrap=100)
Prepared = Callable[[str], Path]


def noisy(kind: str, split: Split) -> list[FloatArray]:
    """Activated outputs as of a fair model: the truth with noise, one image worse than the other."""
    rng = np.random.default_rng(0)
    task = tasks.build(kind, tiny.SETTINGS[kind])
    outputs = []
    for record, encoded in zip(split.images, split.encoded, strict=True):
        target = task.learning.target(record, encoded).numpy()
        if kind == "segmentation":
            target = np.stack([target == k for k in range(3)])
        share = rng.uniform(0.2, 0.6)
        bounded = rng.random(target.shape) if kind != "restoration" else rng.normal(target)
        outputs.append(((1 - share) * target + share * bounded).astype(np.float32))
    return outputs


@pytest.fixture
def scored(prepared: Prepared, request: pytest.FixtureRequest) -> tuple[str, Path, Split, dict[str, Scores]]:
    kind: str = request.param
    task, folder = tasks.build(kind, tiny.SETTINGS[kind]), prepared(kind)
    splits = {name: Split.load(task, folder, name) for name in (VALIDATION, TEST)}
    scores = {name: scoring.score(task, split, noisy(kind, split)) for name, split in splits.items()}
    return kind, folder, splits[TEST], scores


every_kind = pytest.mark.parametrize("scored", tiny.KINDS, indirect=True)


def test_a_split_is_loaded_with_its_truth(prepared: Prepared) -> None:
    task = tasks.build("tracking", tiny.SETTINGS["tracking"])
    split = Split.load(task, prepared("tracking"), "test")
    made = tiny.records("tracking", 6, seed=2, groups=3, prefix="test")
    assert [record.id for record in split.images] == [record.id for record in made]
    for record, truth, encoded in zip(made, split.truth, split.encoded, strict=True):
        assert isinstance(truth, Points)
        np.testing.assert_array_equal(truth.positions, record.fields["positions"])
        assert encoded.shape == record.image.shape


def test_every_split_but_training_and_the_sealed_gate_is_scored_and_the_index_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"id": str(i), "group": "g", "split": s}
        for i, s in enumerate(["train", "test", "suite-z", "validation", "suite-a", "gate"])
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "index.csv", index=False)
    for row in rows:
        (tmp_path / layout.split_images(row["split"])).touch()
    splits = scoring.splits_to_score(tasks.build("tracking", tiny.SETTINGS["tracking"]), tmp_path)
    first = next(splits)
    monkeypatch.setattr(store, "read_index", None)
    assert [split.name for split in (first, *splits)] == ["validation", "test", "suite-a", "suite-z"]
    assert first.images.index["id"].tolist() == ["3"]


@every_kind
def test_the_table_has_a_row_an_image_with_its_origin(scored: tuple[str, Path, Split, dict[str, Scores]]) -> None:
    _, _, split, scores = scored
    table = scores[TEST].table
    assert list(table)[:3] == ["id", "group", "split"]
    assert list(table["id"]) == [record.id for record in split.images]
    assert list(table["group"]) == [record.group for record in split.images]
    assert set(table["split"]) == {"test"}
    assert len(scores[TEST].shown) == len(table) == 6


@every_kind
def test_metrics_have_a_value_inside_its_interval_and_the_pooled_value(
    scored: tuple[str, Path, Split, dict[str, Scores]],
) -> None:
    kind, _, split, scores = scored
    task = tasks.build(kind, tiny.SETTINGS[kind])
    tables = {name: s.table for name, s in scores.items()}
    metrics = scoring.summary(task, {**tables, "suite-dim": tables[TEST]}, SETTINGS, "abc.dir")
    judged_again = {"recalibrated"} if kind == "classification" else set()
    assert set(metrics) == {"test", "suites", "data_hash"} | judged_again
    assert metrics["data_hash"] == "abc.dir"
    assert metrics["suites"] == {"suite-dim": metrics["test"]}  # validation chose the checkpoint: no interval of it
    pooled = task.scoring.score(scoring.decoded(task, noisy(kind, split), split.encoded), split.truth)
    assert metrics["test"].keys() == pooled.keys()
    for name, value in pooled.items():
        interval = metrics["test"][name]
        assert set(interval) == {"value", "low", "high"}
        assert interval["value"] == pytest.approx(value)
        assert interval["low"] <= interval["value"] <= interval["high"], name
    objective = metrics["test"][task.objective.metric]
    assert objective["low"] < objective["high"]


def test_of_each_kind_the_share_that_is_answered_right(prepared: Prepared) -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    split = Split.load(task, prepared("classification"), TEST)
    table = scoring.score(task, split, noisy("classification", split)).table
    assert "kinds" not in scoring.summary(task, {TEST: table}, SETTINGS, None)  # the dataset tells none
    told = table.assign(
        truth=[1, 1, 0, 0, 0, 0], answered=[1, 0, 0, 0, 1, 0], kind=["good", "good", "sick", "sick", "blur", ""]
    )
    kinds = scoring.summary(task, {TEST: told}, SETTINGS, None)["kinds"]
    assert {kind: (found["images"], found["right"]["value"]) for kind, found in kinds.items()} == {
        "good": (2, 0.5),
        "sick": (2, 1.0),
        "blur": (1, 0.0),
    }
    assert kinds["sick"]["right"]["low"] == kinds["sick"]["right"]["high"] == 1.0
    assert kinds["blur"]["right"]["low"] is None  # one group has no interval


def test_of_each_level_of_light_all_metrics_in_natural_order(prepared: Prepared) -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    split = Split.load(task, prepared("restoration"), TEST)
    table = scoring.score(task, split, noisy("restoration", split)).table
    assert "kinds" not in scoring.summary(task, {TEST: table}, SETTINGS, None)
    told = table.assign(kind=["10 to 25 electrons", "4 to 10 electrons"] * 3)
    kinds = scoring.summary(task, {TEST: told}, SETTINGS, None)["kinds"]
    assert list(kinds) == ["4 to 10 electrons", "10 to 25 electrons"]
    for kind, found in kinds.items():
        summarise_subset = told[told["kind"] == kind]
        assert found["images"] == 3
        assert found["psnr_db"]["value"] == pytest.approx(summarise_subset["psnr_db"].mean())
        assert found.keys() - {"images"} == task.scoring.summarise(summarise_subset).keys()


def test_answers_that_are_probabilities_are_also_judged_recalibrated_and_against_the_ceiling(
    prepared: Prepared,
) -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    rng = np.random.default_rng(0)
    chance = rng.beta(0.5, 0.5, 400)
    truth = (rng.random(400) < chance).astype(float)
    table = pd.DataFrame({"group": np.arange(400) % 20, "probability": chance**3, "truth": truth})  # sure of bad
    table["answered"] = (table["probability"] >= 0.5).astype(float)
    tables = {name: table.assign(p_positive=chance) for name in (VALIDATION, TEST, "light")}
    metrics = scoring.summary(task, tables, SETTINGS, None)
    for part, plain in ((TEST, metrics["test"]), ("light", metrics["suites"]["light"])):
        log_loss = [
            found["log_loss"]["value"] for found in (metrics["ceiling"][part], metrics["recalibrated"][part], plain)
        ]
        assert log_loss == sorted(log_loss)
        assert log_loss[1] < 0.8 * log_loss[2]
        interval = metrics["recalibrated"][part]["auc"]
        assert interval["low"] < interval["value"] < interval["high"]
        limit = metrics["ceiling"][part]["auc"]
        assert limit["value"] > plain["auc"]["low"]
        assert (limit["low"], limit["high"]) == (None, None)  # of the images, whatever a model answers
    assert VALIDATION not in metrics["ceiling"]
    assert "ceiling" not in scoring.summary(task, {TEST: table}, SETTINGS, None)  # no simulator, no chances
    other = tasks.build("restoration", tiny.SETTINGS["restoration"])
    split = Split.load(other, prepared("restoration"), TEST)
    scored = scoring.score(other, split, noisy("restoration", split)).table
    assert scoring.summary(other, {TEST: scored}, SETTINGS, None).keys() == {"test", "suites", "data_hash"}


def test_what_is_undefined_is_null(prepared: Prepared) -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    split = Split.load(task, prepared("classification"), TEST)
    table = scoring.score(task, split, noisy("classification", split)).table
    metrics = scoring.summary(task, {TEST: table.assign(truth=1.0)}, SETTINGS, None)
    assert metrics["test"]["auc"] == {"value": None, "low": None, "high": None}
    one_group = scoring.summary(task, {TEST: table.assign(group="all")}, SETTINGS, None)["test"]["accuracy"]
    assert (one_group["low"], one_group["high"]) == (None, None)
    assert one_group["value"] is not None


def test_the_difference_is_b_minus_a_in_the_objective(prepared: Prepared) -> None:
    """AUC by hand: truth 0 1 0 1 0 1; a ranks it perfectly reversed (0), b perfectly (1)."""
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    split = Split.load(task, prepared("classification"), TEST)
    right = [np.array([truth.probability * 0.8 + 0.1], np.float32) for truth in split.truth if isinstance(truth, Label)]
    good, bad = (scoring.score(task, split, outputs).table for outputs in (right, [1 - output for output in right]))
    difference = scoring.difference(task, bad, good, SETTINGS)
    assert (difference.metric, difference.a, difference.b, difference.value) == ("auc", 0.0, 1.0, 1.0)
    assert (difference.low, difference.high) == (1.0, 1.0)
    assert scoring.difference(task, good, good, SETTINGS).value == 0


@every_kind
def test_a_report_holds_metrics_tables_and_figures(
    scored: tuple[str, Path, Split, dict[str, Scores]], tmp_path: Path
) -> None:
    kind, _, split, scores = scored
    task = tasks.build(kind, tiny.SETTINGS[kind])
    metrics = scoring.summary(task, {name: s.table for name, s in scores.items()}, SETTINGS, None)
    scoring.write_report(tmp_path / "report", task, split, scores, metrics)
    assert json.loads((tmp_path / "report" / "metrics.json").read_text()) == metrics
    table = pd.read_csv(tmp_path / "report" / "images.csv", dtype={"id": str, "group": str})
    assert list(table["split"]) == ["validation"] * 4 + ["test"] * 6
    again = task.scoring.summarise(table[table["split"] == TEST])
    pooled = task.scoring.score(scoring.decoded(task, noisy(kind, split), split.encoded), split.truth)
    assert again == pytest.approx(pooled, nan_ok=True)
    figures = sorted((tmp_path / "report" / "figures").iterdir())
    assert [figure.stem for figure in figures] == [record.id for record in split.images]
    assert all(images.read(figure).ndim == 3 for figure in figures)


COUNTED = {"classification": 6, "segmentation": 6 * 64 * 64}  # images, pixels


@every_kind
def test_the_confusion_counts_everything_once(
    scored: tuple[str, Path, Split, dict[str, Scores]], tmp_path: Path
) -> None:
    kind, _, split, scores = scored
    scoring.write_report(tmp_path, tasks.build(kind, tiny.SETTINGS[kind]), split, scores, {})
    assert (tmp_path / "confusion.json").exists() == (kind in COUNTED)
    if kind in COUNTED:
        confusion = json.loads((tmp_path / "confusion.json").read_text())
        counts = np.array(confusion["counts"])
        assert counts.shape == (len(confusion["classes"]), len(confusion["classes"]))
        assert counts.sum() == COUNTED[kind]


def test_outputs_that_are_decoded_a_few_at_a_time_score_the_same(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch may end with the last image, so that none is left."""
    task = tasks.build("tracking", tiny.SETTINGS["tracking"])
    split = Split.load(task, prepared("tracking"), TEST)
    made = noisy("tracking", split)
    whole = scoring.score(task, split, made).table
    for images_at_once in (1, 2, 3, 4):
        monkeypatch.setattr(scoring, "DECODED_PIXELS", images_at_once * made[0][0].size)
        pd.testing.assert_frame_equal(scoring.score(task, split, made).table, whole)


@pytest.mark.parametrize("at_a_time", [2, scoring.POOLED_IMAGES])
def test_where_images_are_described_each_is_scored_alone(
    at_a_time: int, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The objective of an image by itself beside how crowded it is; pooled metrics do not see the columns."""
    task, folder = tasks.build("segmentation", tiny.SETTINGS["segmentation"]), prepared("segmentation")
    split = Split.load(task, folder, TEST)
    plain = scoring.score(task, split, noisy("segmentation", split)).table
    assert not [name for name in plain if name.endswith(scoring.OF_IMAGE)]
    split.images.index["cover"] = np.linspace(0.1, 0.5, len(split.images))
    monkeypatch.setattr(scoring, "POOLED_IMAGES", at_a_time)
    table = scoring.score(task, split, noisy("segmentation", split)).table
    for i in range(len(table)):
        alone = task.scoring.summarise_subset(plain.iloc[[i]])
        assert {name: table[name + scoring.OF_IMAGE][i] for name in alone} == pytest.approx(alone, nan_ok=True)
    assert table["cover"].tolist() == pytest.approx(np.linspace(0.1, 0.5, len(split.images)).tolist())
    assert table["mean_iou_of_image"].mean() == pytest.approx(task.scoring.summarise(plain)["mean_iou_per_image"])
    assert task.scoring.summarise(table) == pytest.approx(task.scoring.summarise(plain), nan_ok=True)
