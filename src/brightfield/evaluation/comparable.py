"""What `dvc metrics diff`, `dvc exp show` and `dvc plots diff` compare of experiments: few scores, a curve, a confusion matrix.

The whole of a report is too much for a table of experiments; it stays in ``reports/<name>`` and in MLflow.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brightfield import layout
from brightfield.system.files import write_json

if TYPE_CHECKING:
    import pandas as pd

CONFUSION = "confusion.json"  # of a report
MOST_ROWS = 5000  # of a confusion matrix: what is counted in millions (pixels) is written in per cent


def write_report(name: str, objective: str, metrics: Mapping[str, Any], report: Path) -> None:
    """``scores/<name>.json`` and ``confusions/<name>.csv`` of a model or an ensemble.

    Args:
        name: its entry of params.yaml.
        objective: the metric that decides; the file holds its value on the test split, and the bounds of its interval.
        metrics: what ``metrics.json`` holds.
        report: the folder of the report, with ``confusion.json`` where answers are classes.
    """
    scored = metrics["test"][objective]
    scores = {objective: scored["value"], f"{objective}_low": scored["low"], f"{objective}_high": scored["high"]}
    _folder(layout.scores(name))
    write_json(layout.scores(name), scores)
    known = report / CONFUSION
    counted = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {"classes": [], "counts": []}
    _write_rows(layout.confusion(name), ("actual", "predicted"), confusion_rows(counted["classes"], counted["counts"]))


def write_curve(name: str, objective: str, history: pd.DataFrame) -> None:
    """``curves/<name>.csv``: the history, a row an epoch, with the objective on the validation split in a column ``objective``.

    A baseline has no epochs: its file has no rows, and DVC shows no curve.
    """
    curve = history.assign(objective=history.get(f"validation_{objective}", []))
    _folder(layout.curve(name))
    curve.to_csv(layout.curve(name), index=False, lineterminator="\n")


def confusion_rows(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Iterator[tuple[str, str]]:
    """A confusion matrix as DVC's template counts it: (actual, predicted), a row for each time.

    Args:
        classes: their names.
        counts: how often each class (outer) was answered as each (inner). More than ``MOST_ROWS`` in all are written as a hundred
            rows for each class that there is, rounded so that they are a hundred.
    """
    if sum(map(sum, counts)) > MOST_ROWS:
        counts = [_hundred(row) for row in counts]
    for actual, row in zip(classes, counts, strict=True):
        for predicted, count in zip(classes, row, strict=True):
            yield from [(actual, predicted)] * count


def _hundred(row: Sequence[int]) -> list[int]:
    """Counts as whole per cent of their sum: the largest remainders are rounded up."""
    total = sum(row)
    if not total:
        return [0] * len(row)
    whole = [100 * count // total for count in row]
    by_remainder = sorted(range(len(row)), key=lambda i: (-(100 * row[i] % total), i))
    for i in by_remainder[: 100 - sum(whole)]:
        whole[i] += 1
    return whole


def _write_rows(path: Path, header: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    _folder(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _folder(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
