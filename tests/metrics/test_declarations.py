"""Every metric that a task gives is declared, and every one declared is given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import params, tasks, training
from brightfield.data.records import Record
from brightfield.metrics.declarations import FAMILIES, METRICS, Metric, Objective, declared
from brightfield.results import Picture

# of each kind: settings under which the scores hold further metrics
FURTHER: dict[str, list[params.TaskSettings]] = {
    "segmentation": [params.SegmentationSettings(scheme="species", species=["rod", "disc"])],
}
BY_EPOCH = {"train_loss", "learning_rate"}


def answers(truth: Sequence[Any]) -> Iterator[list[Any]]:
    """Answers that are the truth, and where an answer may hold more than the truth does, of such."""
    yield list(truth)
    if isinstance(truth[0], Picture):
        yield [Picture(each.pixels, np.ones_like(each.pixels)) for each in truth]


def given(kind: str) -> set[str]:
    """Names of all metrics of a kind, and of what they are shown against."""
    names = {*tasks.KINDS[kind].scoring_class.conditions}
    species = np.array([0, 1, 2, 1, 2], np.uint8)  # of the background and four cells
    records = [Record(r.id, r.group, r.image, {**r.fields, "species": species}, r.row) for r in tiny.records(kind, 4)]
    for settings in [tiny.SETTINGS[kind], *FURTHER.get(kind, [])]:
        task = tasks.build(kind, settings)
        for truth in truths(task, records):
            for answered in answers(truth):
                names |= {*task.scoring.score(answered, truth)}
                statistics = [task.scoring.statistics(a, t) for a, t in zip(answered, truth, strict=True)]
                names |= {*task.scoring.summarise_subset(pd.DataFrame(statistics))}
    return names


def truths(task: Any, records: Sequence[Record]) -> Iterator[list[Any]]:
    """The truth, and where a task does without, what stands for it: other repeats, or hidden pixels."""
    yield [task.learning.truth(record) for record in records]
    if task.settings.learns_without_truth:
        for fields, row in (({"repeats": records[0].fields["clean"]}, {"repeats_deviation": 0.1}), ({}, {})):
            yield [task.learning.truth(Record(r.id, r.group, r.image, fields, row)) for r in records]


def beside(kind: str) -> set[str]:
    """Names of the numbers by which answers are compared beside each other, without counts."""
    by = tasks.KINDS[kind].beside_class
    if by is None:
        return set()
    (record,), made = tiny.records(kind, 1), by(tiny.SETTINGS[kind])
    truth = made.truth(record)
    return {*made.numbers(truth, record.image), *made.compared(truth, truth)} - made.counts


def undeclared(names: set[str]) -> set[str]:
    return {name for name in names if name not in METRICS and not name.startswith(tuple(FAMILIES))}


def test_every_kind_has_tiny_records() -> None:
    assert set(tiny.KINDS) == set(tasks.KINDS)


@pytest.mark.parametrize("kind", tasks.KINDS)
def test_the_metrics_of_a_kind_are_declared(kind: str) -> None:
    names = given(kind)
    assert len(names) > 1
    assert not undeclared(names | beside(kind))


def test_what_is_declared_is_given_by_some_kind() -> None:
    of_pages = {"confused_px"}  # the page Errors counts the pixels in a cell of the confusion matrix
    names = set().union(*map(given, tasks.KINDS), *map(beside, tasks.KINDS)) | BY_EPOCH | of_pages
    assert not set(METRICS) - names
    assert all(any(name.startswith(family) for name in names) for family in FAMILIES)


def test_what_training_logs_by_epoch_is_declared() -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    records: Any = tiny.records("classification", 4)
    logged: set[str] = set()
    training.fit(
        task,
        tiny.model("classification"),
        records,
        records,
        tiny.COMPUTE,
        on_epoch=lambda epoch, metrics: logged.update(metrics),
    )
    validation = {name for name in logged if name.startswith("validation_")}
    assert logged - validation == BY_EPOCH
    assert all(declared(name).label.startswith("validation ") for name in validation)
    assert not undeclared({name.removeprefix("validation_") for name in validation})


def test_a_metric_has_one_label() -> None:
    labels = [str(metric) for metric in METRICS.values()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("auc", Metric("AUC", "maximize")),
        ("validation_psnr_db", Metric("validation PSNR", "maximize", "dB", 3)),
        ("best_capped_error_px", Metric("best capped error", "minimize", "px")),
        ("focus_mean_iou_per_image", Metric("focus mean IoU per image", "maximize")),
        ("low_light_iou_contour", Metric("low light IoU contour", "maximize")),
        ("test_brier_high", Metric("test Brier score, upper bound", "minimize")),
        ("ap50_of_image", Metric("AP50 of an image", "maximize")),
        ("iou_fast_swimmer", Metric("IoU fast swimmer", "maximize")),
        ("answers_per_second", Metric("answers per second", None)),
        ("iou_", Metric("iou ", None)),
    ],
)
def test_a_name_that_is_built_from_a_declared_one(name: str, metric: Metric) -> None:
    assert declared(name) == metric


@pytest.mark.parametrize("name", ["loss_of_mine", "squared_z", "learning_rate"])
def test_an_objective_has_a_direction(name: str) -> None:
    with pytest.raises(ValueError, match=f"declared metric with a direction, got '{name}': expected one of auc"):
        Objective(name)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0.35529, 0.26244, 0.45836), "capped error 0.3553 px (0.2624 to 0.4584)"),
        ((0.35529, None, None), "capped error 0.3553 px"),
        ((0.35529, math.nan, math.nan), "capped error 0.3553 px"),
        ((None,), "capped error ? px"),
    ],
)
def test_a_value_is_said_with_unit_and_interval(values: tuple[float | None, ...], words: str) -> None:
    assert declared("capped_error_px").said(*values) == words
