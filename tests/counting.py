"""A fifth kind of task, which the package does not have: how many dots does an image show?

It stands for what a contributor writes. The parts come in the order of CONTRIBUTING.md, each with the file that it would go to, and
:func:`register` makes the entries of the tables, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from PIL import Image, ImageDraw
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import kinds
from brightfield import architectures, images, params, results, tasks
from brightfield.data import importing
from brightfield.data.importing.checks import Importer, Part, Request
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns, Real, Weights, column, declarations, mean
from brightfield.metrics.declarations import Metric
from brightfield.results.base import BaseResult, Form, KnownTruth, Metadata, expect
from brightfield.results.canvas import TRUE, Canvas, PixelWindow, enlarge, stretch
from brightfield.system.csv_files import read_csv
from brightfield.tasks import Encoded, Objective, Task
from brightfield.tasks.answering import Answering
from brightfield.tasks.learning import Learning, LossFunction
from brightfield.tasks.samples import Samples
from brightfield.tasks.scoring import Scoring

KIND = "counting"

# --- params/tasks.py: the settings, and a line in SETTINGS ---------------------------------------------------------------


class CountingSettings(params.TaskSettings):
    """How many dots does this image show?"""

    size_px: Annotated[int, Field(ge=16)] = 32  # images of another size are resized to this


# --- results/count.py: the type of an answer, and its form; results/__init__.py: a line in FORMS --------------------------


@dataclass(frozen=True)
class Count(BaseResult):
    """How many there are in one image, not negative; a model may answer a fraction."""

    number: float

    def __post_init__(self) -> None:
        expect(self.number >= 0, "a count is not negative", self.number)


def _rows(answer: Count, metadata: Metadata) -> pd.DataFrame:
    del metadata
    return pd.DataFrame({"count": [answer.number]})


def _draw(image: npt.NDArray[Any], answer: Count, truth: Count | None, factor: int) -> Canvas:
    text = f"{answer.number:.1f}" if truth is None else f"{answer.number:.1f} (true {truth.number:.0f})"
    return _written(enlarge(stretch(image), factor), text)


def _plain(answer: Count) -> dict[str, Any]:
    return {"kind": KIND, "count": answer.number}


def _mark_truth(tile: Canvas, truth: KnownTruth, window: PixelWindow) -> Canvas:
    del window
    return _written(tile, str(truth.row["count"])) if "count" in truth.row else tile


def _written(canvas: Canvas, text: str) -> Canvas:
    picture = Image.fromarray(canvas)
    ImageDraw.Draw(picture).text((2, 2), text, fill=TRUE)
    return np.array(picture)


Count.FORM = Form(
    table="counts.csv",
    columns=("image", "count"),
    rows=_rows,
    files={},
    draw=_draw,
    plain=_plain,
    mark_truth=_mark_truth,
)

# --- metrics/declarations.py: lines in METRICS ----------------------------------------------------------------------------

METRICS = {
    "count_error": Metric("count error", "minimize", "dots", 2),
    "count_bias": Metric("count bias", None, "dots", 2),
}

# --- tasks/counting/__init__.py: the task and its three parts; tasks/__init__.py: a line in KINDS -------------------------


class CountingLearning(Learning[CountingSettings, Count]):
    """A number is learnt by its squared error."""

    augmentations: ClassVar[frozenset[str]] = frozenset({"flip", "noise"})

    def truth(self, record: Record) -> Count:
        """Column ``count`` of the index."""
        if "count" not in record.row:
            raise BrightfieldError(f"Image {record.id} has no count (column 'count').")
        return Count(float(str(record.row["count"])))

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """One grey channel, resized to the task's size if it has another."""
        from skimage.transform import resize

        size = (self.settings.size_px, self.settings.size_px)
        grey = images.to_grey(image)
        return grey if grey.shape == size else np.asarray(resize(grey.astype(np.float32), size, anti_aliasing=True))

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """The number, shape (1,)."""
        del encoded
        return torch.tensor([self.truth(record).number])

    def shape(self) -> architectures.Shape:
        """One number."""
        return architectures.Shape(1, 1, self.settings.size_px)

    def loss_function(self, samples: Samples, training: params.Training) -> LossFunction:
        """Mean squared error."""
        del samples, training
        return F.mse_loss


class CountingAnswering(Answering[CountingSettings, Count]):
    """The network's number, not below 0."""

    tileable = False

    def activate(self, output: Tensor) -> Tensor:
        """No count is negative."""
        return output.clamp(min=0)

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Count:
        """The number, of shape (1,)."""
        del encoded
        return Count(float(activated[0]))


class CountingScoring(Scoring[CountingSettings, Count]):
    """How far off counts are, and which way."""

    def statistics(self, predicted: Count, truth: Count) -> dict[str, float]:
        """Both numbers."""
        return {"counted": predicted.number, "present": truth.number}

    def pooled(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """Means over the images."""
        errors = column(columns, "counted") - column(columns, "present")
        return {"count_error": mean(np.abs(errors), weights), "count_bias": mean(errors, weights)}


def _task() -> type[Task[Any, Any]]:
    """The class; an objective can only be named when its metric is declared."""

    class Counting(Task[CountingSettings, Count]):
        """The network answers one number."""

        objective = Objective("count_error")
        answer_type = Count
        learning_class = CountingLearning
        answering_class = CountingAnswering
        scoring_class = CountingScoring

    return Counting


# --- data/importing/counting.py: the importer; data/importing/__init__.py: a line in IMPORTERS ----------------------------

COUNTS = "counts.csv"


def _parts(request: Request) -> list[Part]:
    """Images in a folder, beside a table with the columns image and count."""
    _, files = request.children(request.source, also=lambda path: path.name == COUNTS)
    table = read_csv(request.source / COUNTS, ("image", "count"), text=("image",))
    known = dict(zip(table["image"], table["count"].tolist(), strict=True))
    made = []
    for path in files:
        group = request.group(
            images.stem(path), path.name, r"^(?P<group>[^_]+)_", "the name up to its first underscore"
        )
        record = Record(request.new_id(images.stem(path)), group, images.read(path), {}, {"count": known[path.name]})

        def records(record: Record = record) -> Iterator[Record]:
            yield record

        made.append(Part(path.name, (path,), records, lambda record: {"dots": int(str(record.row["count"]))}))
    return made


IMPORTER = Importer(_parts)

# --- tests/kinds.py: a line in KINDS --------------------------------------------------------------------------------------


def _dots(rng: np.random.Generator, i: int) -> kinds.Made:
    """32x32 uint16: one to three dark dots on a grey ground, in cells of their own."""
    count = 1 + i % 3
    y, x = np.mgrid[:32, :32]
    image = 3000 + rng.normal(0, 30, (32, 32))
    for place in rng.permutation(4)[:count]:
        cy, cx = 8 + 16 * (place // 2) + rng.uniform(-2, 2), 8 + 16 * (place % 2) + rng.uniform(-2, 2)
        image -= 1500 * (np.hypot(y - cy, x - cx) < 3)
    return image.astype(np.uint16), {}, {"count": count}


TINY = kinds.Kind(
    make=_dots,
    settings=CountingSettings(),
    network={"architecture": "convnet", "filters": [4, 8], "dense": [], "dropout": 0.0, "batch_norm": True},
    baseline=None,
    answer=Count,
    output=lambda number: number,
    perfect={"count_error": 0, "count_bias": 0},
    learnt=0.5,
    epochs=10,
    fitted=0.0,
    agree=lambda a, b: abs(a.number - b.number) < 1e-3,
    forbidden="blur",
)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entries of the tables: what CONTRIBUTING.md lists, and nothing else."""
    monkeypatch.setitem(params.SETTINGS, KIND, CountingSettings)
    monkeypatch.setitem(results.FORMS, Count, Count.FORM)
    for name, metric in METRICS.items():
        monkeypatch.setitem(declarations.METRICS, name, metric)
    monkeypatch.setitem(tasks.KINDS, KIND, _task())
    monkeypatch.setitem(importing.IMPORTERS, KIND, IMPORTER)
    monkeypatch.setitem(kinds.KINDS, KIND, TINY)
