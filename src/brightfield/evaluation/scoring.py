"""Scores of a model: its answers compared with the ground truth, as metrics with intervals, tables and figures."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images, layout, params
from brightfield.data import splitting
from brightfield.data.store import ImageSet, read_index
from brightfield.evaluation import bootstrap, guarantees
from brightfield.evaluation.bootstrap import Difference
from brightfield.inference.guarantees import Guarantees, Limit
from brightfield.metrics import Columns, Real, Weights
from brightfield.metrics.declarations import OF_IMAGE, declared
from brightfield.results import Result, overlays
from brightfield.system.files import write_json
from brightfield.tasks import Encoded, Task
from brightfield.tasks.examples import Examples

FloatArray = npt.NDArray[np.float32]
VALIDATION, TEST, TRAIN = "validation", "test", "train"
SHOWN_IMAGES = 6  # maximum number of test images with a figure
DECODED_PIXELS = 2**23  # number of pixels from which outputs are decoded rather than gathered
MOST = 0.5  # of all images
POOLED_IMAGES = 100  # number of images whose own metrics are computed at a time
BUNDLE_HASH = "bundle_hash"  # of the model that a report is of, in its metrics
# column of the index: kind of an image (defect, level of light), from the simulator or the folder it was imported from
KIND = "kind"


@dataclass(frozen=True)
class Split:
    """One split, encoded, with its ground truth and what is needed to decode an answer."""

    name: str
    images: ImageSet
    encoded: Sequence[Encoded]
    truth: Sequence[Result]

    @property
    def groups(self) -> list[str]:
        """The group of each image."""
        return [str(group) for group in self.images.index["group"]]

    @classmethod
    def load(cls, task: Task[Any, Any], folder: Path, name: str, index: pd.DataFrame | None = None) -> Split:
        """A split of a prepared dataset, whose images are read and encoded when they are needed.

        Args:
            index: of the dataset, where it is known already.
        """
        records = ImageSet.prepared(folder, name, index)
        examples = Examples.of(task, records)
        return cls(name, records, examples.encoded, examples.truth)


@dataclass(frozen=True)
class Scores:
    """Scored answers to one split.

    Attributes:
        table: one row per image: id, group, split, and where the dataset has them, kind and the task's own columns; then the task's
            statistics; and where the dataset has conditions of the task, the metrics of the image alone (``<metric>_of_image``).
        shown: decoded results of the few test images that figures show, by row of the table; none of another split.
        nonconformity: how far each answer is off, see :meth:`brightfield.tasks.scoring.Scoring.nonconformity`.
        limits: of what is guaranteed: of the validation split those that come from it, of the others those that were measured on
            them.
    """

    table: pd.DataFrame
    shown: Mapping[int, Result]
    nonconformity: Sequence[guarantees.Scores] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)


def splits_to_score(task: Task[Any, Any], folder: Path) -> Iterator[Split]:
    """The splits to score, one at a time: validation, test, then the shift suites; not the training split and the sealed gate."""
    index = read_index(folder)
    for name in splitting.in_order({VALIDATION, TEST, *index["split"]}):
        if name not in (TRAIN, splitting.GATE):
            yield Split.load(task, folder, name, index)


def score(
    task: Task[Any, Any], split: Split, activated: Iterable[FloatArray], validation: Scores | None = None
) -> Scores:
    """Decode activated outputs, of which a few at a time are asked for, and compare them with the ground truth.

    Args:
        task: with the settings of the model.
        split: which was answered.
        activated: the outputs.
        validation: scores of the validation split, whose limits of what is guaranteed are measured on this one; None: nothing is.
            Of the validation split itself: its scores make these limits.
    """
    # those of every split would be a hundred camera images at the end
    last, most = len(split.images) - 1, min(SHOWN_IMAGES, len(split.images)) if split.name == TEST else 0
    for_figures = {int(i) for i in np.linspace(0, last, most)}
    limits: Mapping[str, Limit] = {} if validation is None else validation.limits
    known = {name: limit.value for name, limit in limits.items() if limit.value is not None}
    rows, shown, nonconformity = [], {}, []
    for i, (answer, true) in enumerate(zip(decoded(task, activated, split.encoded), split.truth, strict=True)):
        statistics_of_image = task.scoring.statistics(answer, true)
        nonconformity.append(task.scoring.nonconformity(answer, true))
        sizes = task.scoring.sizes(task.answering.guaranteed(answer, known)) if known else {}
        rows.append({**statistics_of_image, **guarantees.columns(nonconformity[-1], sizes, known)})
        if i in for_figures:
            shown[i] = answer
    if split.name == VALIDATION:
        limits = guarantees.limits(nonconformity, split.groups)
    statistics = pd.DataFrame(rows)
    table = with_origin(task, split, statistics)
    if any(name in split.images.index for name in task.scoring.conditions):
        table = pd.concat([table, _of_each_image(task, statistics).add_suffix(OF_IMAGE)], axis=1)
    return Scores(table, shown, nonconformity, limits)


def with_origin(task: Task[Any, Any], split: Split, statistics: pd.DataFrame) -> pd.DataFrame:
    """Statistics of the images of a split beside what is known of them: id, group, split, and where known its kind and more."""
    known = split.images.index
    columns = ("id", "group", "split", KIND, *task.scoring.index_columns, *task.scoring.conditions)
    return pd.concat([known[[name for name in columns if name in known]], statistics], axis=1)


def _of_each_image(task: Task[Any, Any], statistics: pd.DataFrame) -> pd.DataFrame:
    """The task's metrics of a subset for each image alone; some images at a time, each a resample of them with no other."""
    return _alone(task.scoring.pooled_subset, statistics)


def _alone(pooled: Callable[[Columns, Weights], dict[str, Real]], statistics: pd.DataFrame) -> pd.DataFrame:
    """What a function pools of each image alone, a row an image."""
    some = [statistics.iloc[first : first + POOLED_IMAGES] for first in range(0, len(statistics), POOLED_IMAGES)]
    found = [pd.DataFrame(pooled(each, np.eye(len(each)))) for each in some]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def metrics_of_images(task: Task[Any, Any], table: pd.DataFrame) -> pd.DataFrame:
    """What each image alone scores, by the metrics that have a direction and that one image can have.

    Args:
        task: as the model answers it.
        table: rows of a report: statistics of images, see :class:`Scores`.

    Returns:
        A row an image with the index of the table, a column a metric; those that are undefined for most images are left out. The
        task's objective comes first if it is among them.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of one image much is undefined
        found = _alone(task.scoring.pooled, table)
    names = map(str, found)
    able = [name for name in names if declared(name).direction is not None and found[name].notna().mean() > MOST]
    first = [name for name in able if name == task.objective.metric]
    return found[[*first, *(name for name in able if name not in first)]].set_index(table.index)


def objective_table(task: Task[Any, Any], split: Split, activated: Iterable[FloatArray]) -> pd.DataFrame:
    """The columns of :func:`score` that :func:`difference` asks for: id, group and the statistics for the task's objective."""
    answers = decoded(task, activated, split.encoded)
    metric = task.objective_on(split.truth).metric
    rows = [
        task.scoring.statistics_for(metric, answer, true) for answer, true in zip(answers, split.truth, strict=True)
    ]
    return pd.concat([split.images.index[["id", "group"]], pd.DataFrame(rows)], axis=1)


def decoded(task: Task[Any, Any], activated: Iterable[FloatArray], encoded: Iterable[Encoded]) -> Iterator[Result]:
    """The answers of activated outputs; so many are decoded at a time, on all cores where it takes long, as fit into memory."""
    outputs: list[FloatArray] = []
    images_: list[Encoded] = []
    pixels = 0
    for output, image in zip(activated, encoded, strict=True):
        outputs.append(output)
        images_.append(image)
        pixels += output[0].size
        if pixels >= DECODED_PIXELS:
            yield from task.answering.decode_all(outputs, images_)
            outputs, images_, pixels = [], [], 0
    if outputs:
        yield from task.answering.decode_all(outputs, images_)


def summary(
    task: Task[Any, Any],
    tables: Mapping[str, pd.DataFrame],
    settings: params.Evaluation,
    data_hash: str | None,
    limits: Mapping[str, Limit] | None = None,
) -> dict[str, Any]:
    """Contents of ``metrics.json``, from the tables of test and the shift suites, and the limits of what is guaranteed.

    Returns:
        ``test`` and, by name, ``suites``: every metric as ``{"value", "low", "high"}``, the bounds of a bootstrap interval over
        groups; undefined values are null. ``kinds``, where the dataset has kinds of images (defects, levels of light): for the test
        images of each kind ``images`` (their number) and the task's metrics of a subset (``right``, the share of correct answers;
        PSNR and the rest), with intervals. ``recalibrated``, by name of test and the suites, where answers are probabilities: the
        same metrics after recalibration on a few images of each. ``ceiling``, by the same names, where a simulator knows it: the
        best score that any model could reach, without intervals, because it is a property of the images. ``guarantees``, where the
        task has any: see :func:`brightfield.evaluation.guarantees.section`. ``data_hash``.
    """
    # validation chose the checkpoint, so its scores are too good
    of_suites = {name: table for name, table in tables.items() if name != VALIDATION}
    scored = {name: _intervals(table, task.scoring.pooled, settings) for name, table in of_suites.items()}
    besides = {
        "kinds": _kinds(task, tables[TEST], settings),
        "recalibrated": _instead(task, tables, task.scoring.recalibrated, settings),
        "ceiling": _instead(task, tables, task.scoring.ceiling, settings, resamples=0),
        guarantees.SECTION: guarantees.section(of_suites, limits or {}, settings),
    }
    known = {name: found for name, found in besides.items() if found}
    return {"test": scored.pop(TEST), "suites": scored, **known, "data_hash": data_hash}


def _instead(
    task: Task[Any, Any],
    tables: Mapping[str, pd.DataFrame],
    other: Callable[[Columns], Columns | None],
    settings: params.Evaluation,
    resamples: int | None = None,
) -> dict[str, Any]:
    """Metrics of test and the suites with the columns that ``other`` returns; empty if it returns none."""
    scored: dict[str, Any] = {}
    for name, table in tables.items():
        columns = other(table) if name != VALIDATION else None
        if columns is not None:
            answered = pd.DataFrame({**columns, "group": table["group"].to_numpy()})
            scored[name] = _intervals(answered, task.scoring.pooled, settings, resamples)
    return scored


def _kinds(task: Task[Any, Any], table: pd.DataFrame, settings: params.Evaluation) -> dict[str, Any]:
    """Number of images of each kind, and the task's metrics of a subset."""
    if KIND not in table or not task.scoring.summarise_subset(table):
        return {}
    by_kind = {str(kind): part.drop(columns=KIND) for kind, part in table.groupby(KIND) if str(kind)}
    return {
        kind: {"images": len(by_kind[kind]), **_intervals(by_kind[kind], task.scoring.pooled_subset, settings)}
        for kind in sorted(by_kind, key=images.natural_sort_key)
    }


def _intervals(
    table: pd.DataFrame, pooled: bootstrap.Pooled, settings: params.Evaluation, resamples: int | None = None
) -> dict[str, dict[str, float | None]]:
    """``{metric: {"value", "low", "high"}}``, from ``resamples``, or else ``settings.bootstrap``, resamples."""
    found = bootstrap.intervals(
        table,
        table["group"],
        pooled,
        resamples=settings.bootstrap if resamples is None else resamples,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return {name: {key: _plain(value) for key, value in interval.as_dict().items()} for name, interval in found.items()}


def interval(
    task: Task[Any, Any], table: pd.DataFrame, metric: str, settings: params.Evaluation
) -> dict[str, float | None]:
    """One metric of a table with its bootstrap interval: ``{"value", "low", "high"}``."""

    def pooled(columns: Columns, weights: Weights) -> dict[str, Real]:
        return {metric: task.scoring.pooled_for(metric, columns, weights)}

    return _intervals(table, pooled, settings)[metric]


def difference(task: Task[Any, Any], a: pd.DataFrame, b: pd.DataFrame, settings: params.Evaluation) -> Difference:
    """The objective of table b minus that of table a, paired by image, with its interval over groups."""
    metric = task.objective_of(a).metric
    return bootstrap.paired_difference(
        a,
        b,
        a["group"],
        lambda columns, weights: {metric: task.scoring.pooled_for(metric, columns, weights)},
        metric,
        resamples=settings.bootstrap,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def said(task: Task[Any, Any], metrics: Mapping[str, Any]) -> str:
    """The objective on the test split in words, with its interval."""
    metric = task.objective_of(metrics["test"]).metric
    scored = metrics["test"][metric]
    return f"{declared(metric).said(scored['value'], scored['low'], scored['high'])} on test"


def write_report(
    folder: Path, task: Task[Any, Any], split: Split, scores: Mapping[str, Scores], metrics: Mapping[str, Any]
) -> None:
    """Write ``metrics.json``, ``images.csv`` (one row per image of every split), ``confusion.json`` and ``figures/``.

    ``guarantees.json`` holds what :mod:`brightfield.inference.guarantees` reads, where anything is guaranteed.

    Args:
        split: the test split, whose images the figures show.
    """
    (folder / layout.FIGURES).mkdir(parents=True)
    table = pd.concat([s.table for s in scores.values()], ignore_index=True)
    table.to_csv(folder / layout.IMAGE_SCORES, index=False, lineterminator="\n")
    write_json(folder / layout.METRICS, metrics)
    if guarantees.SECTION in metrics:
        path = folder / layout.GUARANTEES
        content = {**metrics[guarantees.SECTION], BUNDLE_HASH: metrics.get(BUNDLE_HASH)}
        Guarantees.parse(content, path).write(path)
    test = scores[TEST].table
    confusion = task.scoring.confusion(test)
    if confusion is not None:
        classes, counts = confusion
        write_json(folder / layout.CONFUSION, {"classes": classes, "counts": counts.tolist()})
    for i, answer in scores[TEST].shown.items():
        picture = overlays.overlay(split.images[i].image, answer, split.truth[i])
        images.write_png(folder / layout.FIGURES / f"{split.images[i].id}.png", picture)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
