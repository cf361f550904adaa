"""Tuning studies."""

from __future__ import annotations

import pandas as pd
import pytest

from figures import studies
from figures.style import GOOD

TRIALS = pd.DataFrame(
    {
        "number": [0, 1, 2, 3, 4],
        "state": ["complete", "pruned", "complete", "complete", "running"],
        "value": [0.5, 0.1, 0.4, 0.7, None],
        "rate": [0.1, 0.2, 0.3, 0.4, 0.5],
        "flip": [True, False, True, True, False],
    }
)


@pytest.mark.parametrize(("direction", "best"), [("maximize", [0.5, 0.5, 0.7]), ("minimize", [0.5, 0.4, 0.4])])
def test_best_so_far_leaves_out_pruned_trials(direction: str, best: list[float]) -> None:
    table = studies.best_so_far(TRIALS, direction)
    assert list(table["number"]) == [0, 2, 3]
    assert list(table["best"]) == best


def test_history_marks_states() -> None:
    figure = studies.history(TRIALS, "auc", "maximize")
    assert {trace.name: list(trace.x) for trace in figure.data} == {
        "complete": [0, 2, 3],
        "pruned": [1],
        "best so far": [0, 2, 3],
    }
    assert figure.layout.yaxis.title.text == "AUC"


@pytest.mark.parametrize(("direction", "number", "rate"), [("maximize", 3, 0.4), ("minimize", 2, 0.3)])
def test_slices_mark_the_best(direction: str, number: int, rate: float) -> None:
    figure = studies.slices(TRIALS, ["rate", "flip"], "auc", direction, logarithmic={"rate"})
    best = [trace for trace in figure.data if trace.name == "best"]
    assert [list(trace.x) for trace in best] == [[rate], ["True"]]
    assert list(best[0].customdata) == [number]
    assert best[0].marker.color == GOOD
    assert (figure.layout.xaxis.type, figure.layout.xaxis2.type) == ("log", None)
    assert [list(trace.x) for trace in figure.data if trace.name == "pruned"] == [[0.2], ["False"]]


def test_slices_without_a_complete_trial() -> None:
    figure = studies.slices(TRIALS[TRIALS["state"] == "pruned"], ["rate"], "auc", "minimize")
    assert {trace.name: len(trace.x) for trace in figure.data} == {"pruned": 1, "complete": 0, "best": 0}
