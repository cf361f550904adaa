"""Classical answers beside a model's, and which of the two suits these images.

Beside the answers of the model lie a picture of both for each image, ``beside.csv``, and the files of each classical method in a
folder of its own, as the model's are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brightfield import images, layout, params, tasks
from brightfield.beads.choosing import learning_frames
from brightfield.data.importing import IMPORTERS
from brightfield.data.importing.inputs import TruthOf
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import Objective, declared
from brightfield.results import Result, writing
from brightfield.results.canvas import Canvas
from brightfield.results.overlays import side_by_side
from brightfield.tasks import Task
from brightfield.tasks.beside import Method

FIRST = 5  # number of images that a method may learn from, without their truth
OF_MODEL, OF_TRUTH = (
    "model_",
    "truth_",
)  # begin of the columns in which an answer is compared with the model's, and with the truth

Fields = Mapping[str, np.ndarray]


def methods_of(kind: str) -> tuple[str, ...]:
    """The names of the classical methods of a kind of task."""
    of_kind = tasks.KINDS[kind].beside_class
    return () if of_kind is None else tuple(of_kind.baselines)


def chosen(task: str, names: str) -> tuple[str, ...]:
    """The methods that a text with commas names.

    Raises:
        BrightfieldError: one of them is no method of the task, or the task has none.
    """
    known = params.load().tasks
    there = methods_of(params.entry(known, task, "task").kind)
    asked = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    unknown = [name for name in asked if name not in there]
    if not asked or unknown:
        able = {name: ", ".join(methods_of(entry.kind)) for name, entry in known.items()}
        others = "; ".join(f"{name}: {methods}" for name, methods in able.items() if methods)
        came = f"is no {unknown[0]!r}" if unknown else "is none named"
        raise BrightfieldError(
            f"There {came} to be answered beside a model of task {task!r}: expected {able[task] or 'none, it has no such method'}. "
            f"Tasks with classical methods: {others}."
        )
    return asked


def truth_reader(task: str, source: Path) -> TruthOf:
    """The reader of the truth of a task's images, from a folder or a file.

    Raises:
        BrightfieldError: there is no such truth in the source, or no reader for the task.
    """
    entry = params.entry(params.load().tasks, task, "task")
    reader = IMPORTERS[entry.kind].truths
    if reader is None:
        raise BrightfieldError(
            f"The truth of task {task!r} is not read beside answers. Import labelled images instead."
        )
    return reader(source, entry.settings)


def first_images(files: Sequence[Path]) -> list[images.Image]:
    """The first images that show something, (H, W) each."""
    return list(learning_frames(files, FIRST).values())


class Besides:
    """Answers image after image by classical methods, and compares.

    Args:
        task: that of the model.
        model: what the model is called in tables and pictures.
        names: methods of the task.
        first: the first images, (H, W) each, from which methods may learn.
        out: folder of the model's answers; those of each method come into a folder of its name there.
        overwrite: replace existing answers.

    Attributes:
        problems: a line for each method that cannot answer these images; it is left out.

    Raises:
        BrightfieldError: there are answers already.
    """

    def __init__(
        self,
        task: Task[Any, Any],
        model: str,
        names: Sequence[str],
        first: Sequence[images.Image],
        out: Path,
        *,
        overwrite: bool = False,
    ) -> None:
        if task.beside_class is None:
            raise BrightfieldError(
                f"A {type(task).__name__.lower()} has no classical methods: expected none, got {names}."
            )
        self.task, self.model = task, model
        self.by = task.beside_class(task.settings)
        self.problems: list[str] = []
        self._methods: dict[str, Method[Any]] = {}
        self._writers: dict[str, writing.Writer] = {}
        self._tables: dict[str, dict[str, pd.DataFrame]] = {}
        self._rows: list[dict[str, Any]] = []
        for name in names:
            try:
                self._methods[name] = self.by.baselines[name].begin(task.settings, first)
            except BrightfieldError as error:
                self.problems.append(f"{name} has no answer to these images. {error}")
                continue
            self._writers[name] = writing.Writer(out / name, task.metadata, overwrite=overwrite, overlays=0)
            self._writers[name].check(task.answer_type)
            self._tables[name] = {}

    def add(
        self,
        name: str,
        image: images.Image,
        seen: images.Image,
        answer: Result,
        truth: Fields | None = None,
        pixel_size_um: float | None = None,
    ) -> dict[str, Canvas]:
        """Answer an image, and compare.

        Args:
            name: name of the image.
            image: (H, W) or (H, W, 3).
            seen: the same as the model saw it, which may be magnified.
            answer: that of the model.
            truth: fields of a record with the truth.
            pixel_size_um: side of a pixel of the image.

        Returns:
            The picture of both answers for each method, by the end of its file name.
        """
        grey = images.to_grey(image)
        grey_seen = images.to_grey(seen) if self.by.sees_magnified else grey
        true = None if truth is None else self.by.truth(Record(name, name, image, truth))
        self._note(name, self.model, answer, grey, None, true)
        pictures = {}
        for method, answered in self._methods.items():
            other = answered(grey_seen)
            if grey_seen.shape != grey.shape:
                other = self.task.answering.to_original_scale(other, grey.shape[:2], grey_seen.shape[:2])
            self._note(name, method, other, grey, answer, true)
            self._writers[method].add(name, image, other, pixel_size_um=pixel_size_um)
            self._tables[method][name] = self.task.rows(other)
            pictures[layout.beside(method)] = side_by_side(image, {self.model: answer, method: other}, true)
        return pictures

    def _note(
        self, name: str, method: str, answer: Result, grey: images.Image, model: Result | None, truth: Result | None
    ) -> None:
        row: dict[str, Any] = {"image": name, "method": method, **self.by.numbers(answer, grey)}
        if model is not None:
            compared = self.by.compared(answer, model)
            row |= {f"{OF_MODEL}{number}": compared[number] for number in self.by.agreement}
        if truth is not None:
            row |= {f"{OF_TRUTH}{number}": value for number, value in self.by.compared(answer, truth).items()}
        self._rows.append(row)

    @property
    def table(self) -> pd.DataFrame:
        """The numbers of each answer to each image: columns image and method, and what the task compares."""
        table = pd.DataFrame(self._rows)
        compared = [name for begin in (OF_MODEL, OF_TRUTH) for name in table.columns if name.startswith(begin)]
        return table[[*(name for name in table.columns if name not in compared), *compared]]

    def finish(self) -> list[Path]:
        """Write the tables of the methods; returns all files in their folders."""
        return [
            path
            for method, writer in self._writers.items()
            for path in writer.finish(self.task.combine(self._tables[method]))
        ]

    def lines(self) -> Iterator[str]:
        """What was compared, and which answer is better, in one or two lines for each method."""
        yield from self.problems
        table = self.table
        for method in self._methods:
            both = {each: table[table["method"] == each] for each in (method, self.model)}
            yield f"Beside each other ({_images(len(both[method]))}): {self._described(both, method)}."
            yield from self._verdict(both, method)

    def _described(self, both: Mapping[str, pd.DataFrame], method: str) -> str:
        numbers = [
            name
            for name in both[method].columns
            if name not in ("image", "method") and not name.startswith((OF_MODEL, OF_TRUTH))
        ]
        parts = [f"{each} {', '.join(self._said(rows, name) for name in numbers)}" for each, rows in both.items()]
        alike = ", ".join(self._said(both[method], f"{OF_MODEL}{name}", name) for name in self.by.agreement)
        return f"{'; '.join(parts)}; one against the other {alike}"

    def _verdict(self, both: Mapping[str, pd.DataFrame], method: str) -> Iterator[str]:
        column = f"{OF_TRUTH}{self.by.scored_by.metric}"
        if column in both[method]:
            true = {each: rows[rows.filter(like=OF_TRUTH).notna().any(axis=1)] for each, rows in both.items()}
            yield f"Against the truth: {self._better(true, method, column, self.by.scored_by, self.by.least_score)}"
        elif self.by.judged_by is not None:
            objective = self.by.judged_by
            yield f"Against the pixels: {self._better(both, method, objective.metric, objective, self.by.least_gain)}"
        else:
            yield "Which of the two is better, the pictures show, or the truth of a few images (`brightfield predict --truth`)."

    def _better(
        self, both: Mapping[str, pd.DataFrame], method: str, column: str, objective: Objective, least: float
    ) -> str:
        """Which answer is better by a number, by how much, and what to do."""
        metric = declared(objective.metric)
        own, model = (self._pooled(both[each], column) for each in (method, self.model))
        unit = f" {metric.unit}" if metric.unit else ""
        value = f"{model:.{metric.decimals}f}{unit}" if np.isfinite(model) else "?"
        signs = [
            objective.rank(a) - objective.rank(b)
            for a, b in zip(*(both[each][column] for each in (method, self.model)), strict=True)
        ]
        in_images = f" (better in {sum(sign > 0 for sign in signs)} of {_images(len(signs))})"
        came = f"{method} has {metric.said(own)} where {self.model} has {value}{in_images}"
        if np.isfinite([own, model]).all() and abs(own - model) <= least:
            return f"{came}, no difference that counts."
        if objective.better(own, model):
            return f"{came}: {self.by.baselines[method].advice}."
        return f"{came}: keep the model." if objective.better(model, own) else f"{came}: neither is better."

    def _said(self, rows: pd.DataFrame, column: str, name: str | None = None) -> str:
        name = name or column
        value = self._pooled(rows, column)
        return f"{value:.0f} {name}" if name in self.by.counts else declared(name).said(value)

    def _pooled(self, rows: pd.DataFrame, column: str) -> float:
        """The sum of a count over images, or the mean of those where it is defined."""
        count = column.removeprefix(OF_MODEL).removeprefix(OF_TRUTH) in self.by.counts
        return float(rows[column].sum() if count else rows[column].mean())


def _images(number: int) -> str:
    return f"{number} image" if number == 1 else f"{number} images"
