"""``brightfield next NAME``: which images to label next, whether choosing them pays, and what further labels would buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images, layout, params, tasks
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.evaluation import embedding
from brightfield.evaluation.next_labels import curves
from brightfield.evaluation.next_labels.choosing import choose, outsideness, standardised
from brightfield.evaluation.next_labels.curves import Verdict
from brightfield.evaluation.next_labels.learners import ByFeatures, ByNetworks, Learner
from brightfield.results import contact_sheets
from brightfield.system import progress
from brightfield.system.files import atomic_folder, write_json
from brightfield.tasks import Task

FURTHER = 100  # labels whose worth is said
REPEATS, REPEATS_OF_NETWORKS = 10, 2
SHORTER = 4  # the epochs of a network's entry are divided by this
SHEET = 50  # most images on the contact sheet
COLUMNS = ("rank", "image", "disagreement", "outside")  # of the table

Real = npt.NDArray[np.float64]
Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Advice:
    """What to label next.

    Attributes:
        table: columns ``COLUMNS``, the most worthwhile image first: how far the models are apart on it (0 to 1 within the pool),
            and how far it lies from the nearest labelled image, in units of the median of the pool.
        verdict: whether that is better than random choice, and what further labels would buy.
        folder: with next.csv, next.png and curve.csv.
    """

    table: pd.DataFrame
    verdict: Verdict
    folder: Path

    def __str__(self) -> str:
        found = f"The {len(self.table)} images to label next are in {self.folder / layout.NEXT}, pictures in {layout.NEXT_SHEET}."
        return f"{self.verdict}\n{found}"


def write(
    name: str,
    pool: Sequence[Path],
    *,
    count: int = 50,
    model: str | None = None,
    repeats: int | None = None,
    epochs: int | None = None,
) -> Advice:
    """Choose images to label, and measure on what is labelled what that is worth; writes ``reports/next-NAME``.

    Args:
        name: an entry of ``datasets`` that is prepared.
        pool: unlabelled images, or folders of them.
        count: number of images to choose.
        model: the entry of ``models`` whose network learns, for tasks whose images have more than a class; by default the first
            network of the task on this dataset, or on any.
        repeats: number of times that the curve is measured.
        epochs: of each training; by default a quarter of the entry's.

    Raises:
        BrightfieldError: no images, too few labelled ones, or no network.
    """
    settings = params.load()
    dataset = params.entry(settings.datasets, name, "dataset")
    task = tasks.build(dataset.kind, settings.tasks[dataset.task].settings)
    folder = layout.prepared(name)
    train, validation = (ImageSet.prepared(folder, split) for split in ("train", "validation"))
    sizes = curves.sizes_of(len(train))
    if len(sizes) < 3:
        raise BrightfieldError(
            f"{name} has {len(train)} labelled images in its training split: too few to measure what labels are worth, which "
            f"needs {3 * curves.LEAST}. Label at random until then."
        )
    files = images.list_images(pool).taken
    names, pixels = zip(*images.frames(files), strict=True) if files else ((), ())
    if not names:
        raise BrightfieldError(
            f"There are no images in {', '.join(map(str, pool))}: give folders with unlabelled images."
        )
    known = _features([record.image for record in progress.track(train, f"read {name}", unit="image")])
    found = _features(list(pixels))
    learner = _learner(settings, task, name, model, epochs, train, validation, known)
    curve = curves.measure(learner, known, sizes, repeats or _repeats(task))
    verdict = curves.judge(curve, learner.objective.metric, FURTHER)
    asked: Learner = (
        replace(learner, candidates=standardised(found, known))
        if isinstance(learner, ByFeatures)
        else replace(learner, candidates=list(pixels))
    )
    apart = asked.learn(range(len(train)), 0).apart
    table = _table(list(names), apart, standardised(found, known), standardised(known, known), count)
    with atomic_folder(layout.report(f"next-{name}")) as report:
        table.to_csv(report / layout.NEXT, index=False, float_format="%.6g", lineterminator="\n")
        curve.to_csv(report / layout.NEXT_CURVE, index=False, float_format="%.6g", lineterminator="\n")
        write_json(report / layout.NEXT_VERDICT, {**vars(verdict), "words": str(verdict)})
        places = {str(each): i for i, each in enumerate(names)}
        first = table.head(SHEET)
        captions = [(f"{row.rank}", str(row.image)) for row in first.itertuples()]
        sheet = contact_sheets.contact_sheet([pixels[places[str(each)]] for each in first["image"]], captions)
        images.write_png(report / layout.NEXT_SHEET, sheet)
    return Advice(table, verdict, layout.report(f"next-{name}"))


def _features(pixels: Sequence[Pixels]) -> Real:
    return embedding.describe(progress.track(pixels, "describe", unit="image"))


def _repeats(task: Task[Any, Any]) -> int:
    return REPEATS if task.classifies_images else REPEATS_OF_NETWORKS


def _learner(
    settings: params.Params,
    task: Task[Any, Any],
    name: str,
    model: str | None,
    epochs: int | None,
    train: ImageSet,
    validation: ImageSet,
    known: Real,
) -> ByFeatures | ByNetworks:
    if task.classifies_images:
        described = _features([record.image for record in validation])
        truth = [task.learning.truth(record) for record in validation]
        labels = train.index["label"].to_numpy(dtype=np.int64)
        own, of_validation = (standardised(each, known) for each in (known, described))
        return ByFeatures(task, own, labels, of_validation, truth, own)
    entry = _entry(settings, name, model)
    assert entry.training is not None
    shorter = epochs or max(1, entry.training.epochs // SHORTER)
    entry = entry.model_copy(update={"training": entry.training.model_copy(update={"epochs": shorter})})
    task = tasks.build(entry.kind, settings.settings_of(entry))
    pixels = [record.image for record in train]
    return ByNetworks(task, entry, train, validation, pixels, settings.compute)


def _entry(settings: params.Params, name: str, model: str | None) -> params.Model:
    """The network that learns."""
    task = settings.datasets[name].task
    if model is not None:
        entry = params.entry(settings.models, model, "model")
        if entry.task != task or entry.training is None:
            raise BrightfieldError(
                f"--model {model}: expected a network of task {task!r}, got one of {entry.task!r} or a baseline."
            )
        return entry
    able = [each for each in settings.models.values() if each.task == task and each.training is not None]
    able.sort(key=lambda each: each.dataset != name)
    if not able:
        raise BrightfieldError(
            f"Task {task!r} has no network in params.yaml that could learn. `brightfield use {name} --recipe own` adds one."
        )
    return able[0]


def _table(names: list[str], apart: Real, candidates: Real, known: Real, count: int) -> pd.DataFrame:
    picked = choose(apart, candidates, known, count)
    far = outsideness(candidates, known)
    usual, most = float(np.median(far)), float(apart.max(initial=0))
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(picked) + 1),
            "image": [names[i] for i in picked],
            "disagreement": apart[picked] / most if most > 0 else 0.0,
            "outside": far[picked] / usual if usual > 0 else 0.0,
        }
    )
