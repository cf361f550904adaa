"""The figures of a study: drawn as soon as there is enough, left out before."""

from __future__ import annotations

import json

import optuna
import pytest
from optuna.trial import TrialState

import studied
from brightfield.tuning import figures
from brightfield.tuning.figures import FIGURES, Figures

pytestmark = pytest.mark.usefixtures("project")
ALWAYS = {"history", "importances", "slices", "contour", "parallel", "rank", "workers", "timeline"}


def drawn(study: optuna.Study, confirmation: optuna.Study | None = None) -> set[str]:
    return set(Figures(study, studied.METRIC, confirmation).all())


def test_a_finished_study_has_all_but_the_front() -> None:
    of = studied.identity()
    study = studied.fill(studied.begin(of))
    assert drawn(study) == ALWAYS | {"epochs"}
    assert drawn(study, studied.confirm(study, of, 0.05)) == set(FIGURES) - {"front"}


def test_a_front_has_its_own() -> None:
    study = studied.fill(studied.begin(studied.identity(), studied.TWO_AIMS))
    figure = Figures(study, studied.METRIC).draw("front")
    assert figure is not None
    by_name = {trace.name: trace for trace in figure.data}
    assert sorted(by_name["the front"].x) == sorted(trial.values[0] for trial in study.best_trials)
    assert by_name["the entry as it is"].x[0] == study.trials[0].values[0]


@pytest.mark.parametrize("count", range(7))
def test_young_studies_draw_what_they_can(count: int) -> None:
    study = studied.begin(studied.identity())
    for number in range(count):
        state = (TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE)[number % 3]
        parameters = {"training.learning_rate": 10 ** -(2 + number / 4), "network.filters": 6 + number}
        study.add_trial(
            studied.trial(number, [0.3 + number] if number % 3 == 2 else None, state, parameters, number % 3)
        )
    found = drawn(study)
    assert ("history" in found) == (count > 2)
    assert ("slices" in found) == (count > 5)
    assert "importances" not in found


def test_equal_trials_are_no_error() -> None:
    study = studied.begin(studied.identity())
    for number in range(6):
        study.add_trial(studied.trial(number, [0.3]))
    assert drawn(study) == {"history", "epochs", "workers", "timeline"}


def test_one_parameter_is_sliced_and_not_paired() -> None:
    study = studied.begin(studied.identity())
    for number in range(6):
        study.add_trial(studied.trial(number, [0.3 + number / 10], parameters={"network.filters": 6 + number}))
    assert drawn(study) & {"slices", "contour", "rank", "parallel"} == {"slices"}


def test_history_has_those_that_were_given_up_and_the_entry_as_it_is() -> None:
    figure = Figures(studied.fill(studied.begin(studied.identity())), studied.METRIC).draw("history")
    assert figure is not None
    traces = {trace.name: trace for trace in figure.data if trace.showlegend is not False}
    assert list(traces) == ["complete", "best so far", "given up", "the entry as it is"]
    assert list(traces["given up"].x) == [2, 5, 8, 11, 14, 17, 20]  # trial 7 has no value
    assert min(traces["complete"].y) == list(traces["best so far"].y)[-1]
    assert figure.layout.title.text is None


def test_slices_mark_the_best_and_name_choices_plainly() -> None:
    study = studied.fill(studied.begin(studied.identity()))
    found = Figures(study, studied.METRIC)
    figure = found.draw("slices")
    assert figure is not None
    assert found.best is not None
    rings = [trace for trace in figure.data if trace.marker.symbol == "circle-open"]
    assert sorted(str(trace.x[0]) for trace in rings) == sorted(str(value) for value in found.best.params.values())
    chosen = next(axis for axis in figure.select_xaxes() if axis.type == "category")
    assert list(chosen.categoryarray) == ["flips", "turns", "none"]
    titles = {axis.title.text for axis in figure.select_xaxes()}
    assert titles == {"learning_rate", "filters", "augment", "turn_degrees"}
    tops = [axis.domain[1] for axis in figure.select_yaxes()]
    assert sorted(tops) == [pytest.approx(0.43), 1, 1, 1]  # three in the first row


@pytest.mark.parametrize("which", ["contour", "rank"])
def test_each_pair_is_drawn_once(which: str) -> None:
    figure = Figures(studied.fill(studied.begin(studied.identity())), studied.METRIC).draw(which)
    assert figure is not None
    seen = [axis for axis in figure.select_xaxes() if axis.visible is not False]
    down = [axis for axis in figure.select_yaxes() if axis.visible is not False]
    pairs = {frozenset((x.title.text, y.title.text)) for x, y in zip(seen, down, strict=True)}
    assert len(pairs) == len(seen) == 3
    assert all(len(pair) == 2 for pair in pairs)
    used = {trace.xaxis or "x" for trace in figure.data}
    assert len(used) == 3


def test_many_epochs_are_few_traces() -> None:
    figure = Figures(studied.fill(studied.begin(studied.identity())), studied.METRIC).draw("epochs")
    assert figure is not None
    lines = {trace.name: trace for trace in figure.data}
    assert set(lines) == {"given up", "complete", "running", "the entry as it is", "the best"}
    assert list(lines["running"].x) == [1, 2, 3, 4, None]
    assert sum(value is None for value in lines["given up"].y) == 7


def test_a_worker_that_is_gone_does_not_stretch_the_timeline() -> None:
    figure = Figures(studied.fill(studied.begin(studied.identity())), studied.METRIC).draw("workers")
    assert figure is not None
    running = next(trace for trace in figure.data if trace.name == "running")
    assert max(running.x) <= 120_000  # milliseconds; the trial began long ago


def test_dark_lines_are_good_whatever_the_direction() -> None:
    scales = []
    for direction in ("minimize", "maximize"):
        for second in ({}, {"milliseconds": "minimize"}):
            aims = {studied.METRIC: direction, **second}
            study = studied.fill(studied.begin(studied.identity(aims=aims), aims))
            figure = Figures(study, studied.METRIC).draw("contour")
            assert figure is not None
            contour = next(trace for trace in figure.data if trace.type == "contour")
            scales.append(bool(contour.reversescale))
    assert scales == [True, True, False, False]


def test_figures_are_json_and_small() -> None:
    found = Figures(studied.fill(studied.begin(studied.identity())), studied.METRIC).all()
    for figure in found.values():
        text = figure.to_json()
        assert json.loads(text)["layout"]["height"] > 100
        assert len(text) < 200_000


def test_names_are_short_where_they_stay_unlike() -> None:
    assert figures.short(["a.rate", "b.rate", "b.depth"]) == {
        "a.rate": "a.rate",
        "b.rate": "b.rate",
        "b.depth": "depth",
    }
