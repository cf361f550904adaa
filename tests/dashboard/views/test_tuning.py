"""Studies."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

import studied
from pages import charts, open_page, problems, text


@pytest.mark.usefixtures("project", "confirmed")
def test_a_study_that_found_something_better() -> None:
    app = open_page("tuning")
    assert "Trial 15 is better than beads\\-unet as it is" in app.success[0].value
    assert "it flattered itself by 0\\.0848 px" in app.success[0].value
    assert "On the test split" in app.success[0].value
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {
        "Complete": "14",
        "Given up": "8",
        "Failed": "1",
        "Running": "1",
        "Epochs saved": "49 (24%)",
        "Search": "18 min",
        "Training again": "12 min",
        "Seed noise": "0.005 px",
    }
    assert charts(app) == 4  # best, history, importances, slices
    assert [each.value for each in app.subheader] == [
        "Best against the entry as it is",
        "What the best setting changes",
        "History",
        "Importance of parameters",
        "A closer look",
    ]
    assert "Stopped: a further trial" in text(app)
    assert app.code[0].value == "brightfield adopt beads-unet\nmake tune MODEL=beads-unet TRIALS=40"
    assert problems(app) == []


@pytest.mark.usefixtures("project", "confirmed")
@pytest.mark.parametrize("which", ["contour", "parallel", "rank", "epochs", "workers"])
def test_a_closer_look(which: str) -> None:
    app = open_page("tuning")
    app.segmented_control(key="figure").set_value(which).run()
    assert not app.exception
    assert charts(app) == 4


@pytest.mark.usefixtures("project", "searched")
def test_a_search_alone_proves_nothing() -> None:
    app = open_page("tuning")
    assert "Not proved yet" in app.info[0].value
    assert charts(app) == 3
    assert app.code[0].value == "make tune MODEL=beads-unet TRIALS=40"


@pytest.mark.usefixtures("project")
def test_a_gain_that_chance_explains(searched: optuna.Study) -> None:
    studied.confirm(searched, studied.identity(), 0.001, noise=0.01)
    app = open_page("tuning")
    assert "No setting is shown to be better" in app.info[0].value
    assert "--force" in app.code[0].value.splitlines()[1]


@pytest.mark.usefixtures("project", "no_studies")
def test_a_front() -> None:
    studied.fill(studied.begin(studied.identity(), studied.TWO_AIMS))
    app = open_page("tuning")
    assert "on the front of quality and time" in app.info[0].value
    assert charts(app) == 4  # front, history, importances, slices
    assert (
        "brightfield adopt beads-unet --trial 1 --force" in app.code[0].value
    )  # 0 is on the front, and the entry as it is


@pytest.mark.usefixtures("project", "no_studies")
def test_a_study_whose_trials_failed_shows_why() -> None:
    study = studied.begin(studied.identity())
    study.add_trial(studied.trial(0, None, TrialState.FAIL, epochs=0, reason="out of memory"))
    app = open_page("tuning")
    assert "No trial of this study has a value yet" in text(app)
    assert list(app.dataframe[0].value["reason"]) == ["out of memory"]
    assert problems(app) == []


@pytest.mark.usefixtures("project")
def test_an_older_study_can_be_chosen(searched: optuna.Study) -> None:
    newer = studied.fill(studied.begin(studied.identity(data="other")), 6)
    app = open_page("tuning")
    box = app.selectbox(key="study-beads-unet")
    assert [option.partition(",")[0] == "newest" for option in box.options] == [True, False]
    assert "6 trials, changed: data" in box.options[0]
    assert {metric.label: metric.value for metric in app.metric}["Complete"] == "3"
    box.set_value(searched.study_name).run()
    assert {metric.label: metric.value for metric in app.metric}["Complete"] == "14"
    assert newer.study_name != searched.study_name
