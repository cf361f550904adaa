"""What DVC compares: a few scores, confusion matrices as rows, curves."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from brightfield import layout
from brightfield.evaluation import comparable

METRICS = {"test": {"auc": {"value": 0.9, "low": 0.8, "high": None}, "brier": {"value": 0.1, "low": 0.0, "high": 0.2}}}


def test_the_objective_and_its_interval_are_the_scores(project: Path, tmp_path: Path) -> None:
    comparable.write_report("rbc-convnet", "auc", METRICS, tmp_path)
    assert json.loads(layout.scores("rbc-convnet").read_text()) == {"auc": 0.9, "auc_low": 0.8, "auc_high": None}
    assert layout.confusion("rbc-convnet").read_text() == "actual,predicted\n"  # answers that are no classes


def test_a_confusion_matrix_has_a_row_for_each_time(project: Path, tmp_path: Path) -> None:
    (tmp_path / "confusion.json").write_text('{"classes": ["bad", "good, or so"], "counts": [[2, 1], [0, 3]]}')
    comparable.write_report("rbc-convnet", "auc", METRICS, tmp_path)
    rows = pd.read_csv(layout.confusion("rbc-convnet"))
    counted = pd.crosstab(rows["actual"], rows["predicted"])
    assert counted.to_numpy().tolist() == [[2, 1], [0, 3]]
    assert list(counted) == ["bad", "good, or so"]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[9_000, 1_000], [1, 2]], [[90, 10], [33, 67]]),
        ([[1_000_000, 1_000_000, 1_000_000], [0, 0, 0], [5, 0, 0]], [[34, 33, 33], [0, 0, 0], [100, 0, 0]]),
    ],
)
def test_many_counts_are_written_in_per_cent_of_each_class(counts: list[list[int]], expected: list[list[int]]) -> None:
    classes = [str(i) for i in range(len(counts))]
    rows = list(comparable.confusion_rows(classes, counts))
    assert [[rows.count((a, p)) for p in classes] for a in classes] == expected


def test_a_curve_is_the_history_with_the_objective_last(project: Path) -> None:
    history = pd.DataFrame(
        {"epoch": [0, 1], "train_loss": [1.0, 0.5], "validation_auc": [0.6, 0.7], "validation_f1": [0.1, 0.2]}
    )
    comparable.write_curve("rbc-convnet", "auc", history)
    written = pd.read_csv(layout.curve("rbc-convnet"))
    assert list(written) == [*history, "objective"]
    assert list(written["objective"]) == [0.6, 0.7]
    comparable.write_curve("rbc-features", "auc", pd.DataFrame({"epoch": []}))
    assert layout.curve("rbc-features").read_text() == "epoch,objective\n"
