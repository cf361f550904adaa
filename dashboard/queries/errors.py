"""The worst answers of a model: what each image alone scores, and pictures of image, truth and answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from brightfield.errors import BrightfieldError
from brightfield.evaluation import reports
from brightfield.evaluation.scoring import KIND, TRAIN, VALIDATION
from brightfield.metrics.declarations import declared
from queries import evaluated, project
from queries.evaluated import place_of, scores_file, split_of, task_of

KNOWN = ("id", "group", "split", KIND)  # columns of a table of scores that are no scores
RIGHT_OR_WRONG = 2  # values
TRUTH, ANSWERED = "truth", "answered"  # columns of classes, where an image has one
CONFUSED = "confused_px"  # column: pixels of an image in a cell of the confusion matrix, where pixels have classes
AS = " as "  # between the true and the answered class in the name of a cell


@dataclass(frozen=True)
class Confused:
    """The confusion matrices of the images of a table of scores.

    Attributes:
        classes: their names.
        counts: (n, n, images), axes truth, answer and image: images or pixels; images in the order of the table.
    """

    classes: list[str]
    counts: npt.NDArray[np.int64]

    @property
    def is_of_images(self) -> bool:
        """Whether each image has one class; else its pixels have."""
        return bool((self.counts.sum(axis=(0, 1)) == 1).all())

    def of_images(self) -> pd.DataFrame:
        """The true and the answered class of each image, where it has one."""
        names = np.asarray(self.classes)
        truth, answered = (names[self.counts.sum(axis=axis).argmax(axis=0)] for axis in (1, 0))
        return pd.DataFrame({TRUTH: truth, ANSWERED: answered})

    def cells(self) -> list[str]:
        """Names of the cells that are not empty: errors first, of these the most frequent."""
        whole = self.counts.sum(axis=2)
        pairs = [(t, a) for t in range(len(whole)) for a in range(len(whole)) if whole[t, a]]
        pairs.sort(key=lambda pair: (pair[0] == pair[1], -whole[pair]))
        return [cell(self.classes[t], self.classes[a]) for t, a in pairs]

    def within(self, name: str) -> npt.NDArray[np.int64]:
        """How many images or pixels of each image lie in the cell of a name."""
        places = {cell(t, a): (i, j) for i, t in enumerate(self.classes) for j, a in enumerate(self.classes)}
        truth, answered = places[name]
        return self.counts[truth, answered, :]


def cell(truth: str, answered: str) -> str:
    """The name of a cell of the confusion matrix, as it is in the address of the page."""
    return f"{truth}{AS}{answered}"


def scored(task: str) -> list[str]:
    """Names of the models and ensembles of a task whose answers were scored, in the order of params.yaml."""
    known = project.models()
    return [name for name in known.loc[known["task"] == task, "name"] if scores_file(name).is_file()]


def scores(name: str, of_cell: str | None = None) -> pd.DataFrame:
    """What each image scores: a row an image of the test split and the suites.

    Args:
        name: of the model.
        of_cell: the name of a cell of the confusion matrix. Where pixels have classes, ``CONFUSED`` is how many of them lie in it.

    Returns:
        Columns id, group, split, where the dataset has them kind, and of a task with classes truth and answered; then a column a
        metric, that of the task's objective first where one image has it.

    Raises:
        BrightfieldError: the report is damaged.
    """
    table, counted = _both(name)
    if of_cell is None or counted is None or counted.is_of_images or of_cell not in counted.cells():
        return table
    return table.assign(**{CONFUSED: counted.within(of_cell)})


def confused(name: str) -> Confused | None:
    """The confusion matrices of the images of :func:`scores`; None for a task without classes."""
    return _both(name)[1]


def _both(name: str) -> tuple[pd.DataFrame, Confused | None]:
    path = scores_file(name)
    return _scores(name, str(path.absolute()), path.stat().st_mtime_ns)


@st.cache_data(max_entries=50, show_spinner="Reading scores")
def _scores(name: str, path: str, changed: int) -> tuple[pd.DataFrame, Confused | None]:
    from brightfield.evaluation import scoring

    task = task_of(name)
    table = reports.image_scores(Path(path))
    table = table[~table["split"].isin([TRAIN, VALIDATION])].reset_index(drop=True)
    try:
        found, counted = scoring.metrics_of_images(task, table), task.scoring.confusions(table)
    except KeyError as error:
        raise BrightfieldError(f"{path} has no column {error}: an earlier version wrote it. {reports.AGAIN}") from error
    known = table[[column for column in KNOWN if column in table]]
    matrices = None if counted is None else Confused(*counted)
    classes = [matrices.of_images()] if matrices is not None and matrices.is_of_images else []
    return pd.concat([known, *classes, found], axis=1), matrices


def measures(table: pd.DataFrame) -> list[str]:
    """The columns of a table of scores by which images are ordered; those in which few differ (right or wrong) at the end.

    What is confused comes first, because the page was asked for it.
    """
    found = [name for name in map(str, table) if name not in (*KNOWN, TRUTH, ANSWERED)]
    return sorted(found, key=lambda name: (name != CONFUSED, table[name].nunique() <= RIGHT_OR_WRONG))


def worst(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows with a score, the worst first."""
    return table[table[metric].notna()].sort_values(
        metric, ascending=declared(metric).direction == "maximize", kind="stable"
    )


def apart(table: pd.DataFrame, other: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of the first table that another model has, too; those first at which it is better by most.

    Returns:
        The same columns, and ``gain`` of the other model: above 0 where it is better.
    """
    both = table.merge(other[["id", "split", metric]], on=["id", "split"], suffixes=("", " of other"))
    sign = 1 if declared(metric).direction == "maximize" else -1
    gain = sign * (both[f"{metric} of other"] - both[metric])
    return both.assign(gain=gain)[gain.notna()].sort_values("gain", ascending=False, kind="stable", ignore_index=True)


def picture(name: str, split: str, image: str, side: int) -> bytes:
    """The answer of a model to an image beside the truth, as PNG.

    Raises:
        BrightfieldError: the model or the image is not there any more.
    """
    return _picture(name, split, image, side, evaluated.versions(name, split))


def draw_ahead(names: Sequence[str], rows: pd.DataFrame, side: int) -> None:
    """Draw the pictures of some images on all cores, so that :func:`picture` has them; what is missing is said there.

    Args:
        names: of the models.
        rows: of a table of scores.
        side: as of :func:`picture`.
    """
    asked = [(name, str(row["split"]), str(row["id"])) for name in names for _, row in rows.iterrows()]

    def draw(one: tuple[str, str, str]) -> None:
        with suppress(BrightfieldError):
            picture(*one, side)

    project.ahead(draw, asked)


@st.cache_data(max_entries=500, show_spinner=False)
def _picture(name: str, split: str, image: str, side: int, changed: tuple[int, ...]) -> bytes:
    from brightfield.results import overlays

    records = split_of(name, split)
    answer, truth = evaluated.answer(name, split, image)
    pixels = records.images[place_of(records, image)].image
    return project.small_png(overlays.overlay(pixels, answer, truth), side)
