"""Runs: chosen, compared, their curves overlaid."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pages import charts, open_page, start, text
from queries import tracking


@pytest.mark.usefixtures("project")
def test_runs_are_filtered() -> None:
    app = open_page("runs")
    assert len(app.dataframe[0].value) == 6
    app.multiselect(key="runs-task").set_value(["beads"]).run()
    assert set(app.dataframe[0].value["task"]) == {"beads"}
    assert list(app.dataframe[0].value["on test"]) == [0.22, 0.24, 0.55]
    app.text_input(key="runs-text").set_value("WIDE").run()
    assert list(app.dataframe[0].value["name"]) == ["beads-unet-wide"]
    app.text_input(key="runs-text").set_value("nothing like it").run()
    assert not app.exception
    assert "No run fits." in text(app)


@pytest.mark.usefixtures("project")
def test_a_link_shows_the_same_runs_compared() -> None:
    app = open_page("runs")
    tick(app, 1, 2)
    names = list(app.dataframe[0].value["name"][1:3])
    ids = app.query_params["runs-compared"]
    assert len(ids) == 2
    other = start()
    other.query_params["runs-compared"] = ids
    other.query_params["runs-text"] = "nothing like it"
    open_page("runs", other)
    assert list(other.dataframe[0].value.columns) == names  # metrics: the list is empty
    assert other.text_input(key="runs-text").value == "nothing like it"


@pytest.mark.usefixtures("project")
def test_pages_of_runs_are_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "PAGE", 4)
    app = open_page("runs")
    assert "Runs 1 to 4, and there are more." in text(app)
    first = list(app.dataframe[0].value["name"])
    tick(app, 0)
    next(button for button in app.button if button.label == "Next").click().run()
    assert "Runs 5 to 6." in text(app)
    second = list(app.dataframe[0].value["name"])
    assert len({*first, *second}) == 6
    tick(app, 1)
    assert list(app.dataframe[1].value.columns) == [first[0], second[1]]  # of both pages
    next(button for button in app.button if button.label == "Back").click().run()
    assert list(app.dataframe[0].value["name"]) == first
    assert list(app.dataframe[1].value.columns) == [second[1], first[0]]


@pytest.mark.usefixtures("project")
def test_runs_are_ordered_where_they_are_kept() -> None:
    app = open_page("runs")
    app.selectbox(key="runs-order").set_value("metrics.test_capped_error_px").run()
    assert list(app.dataframe[0].value["on test"])[:3] == [0.22, 0.24, 0.55]
    app.selectbox(key="runs-order").set_value("name").run()
    assert list(app.dataframe[0].value["name"]) == sorted(app.dataframe[0].value["name"])


def tick(app: AppTest, *rows: int) -> AppTest:
    """Select rows of the list of runs, as the browser reports it."""
    app.session_state[str(app.dataframe[0].key)] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    app.run()
    assert not app.exception, app.exception[0].message
    return app


@pytest.mark.usefixtures("project")
def test_metrics_and_parameters_of_runs_are_compared() -> None:
    app = open_page("runs")
    app.multiselect(key="runs-task").set_value(["beads"]).run()
    tick(app, 0, 1)
    metrics, parameters = app.dataframe[1].value, app.dataframe[2].value
    assert list(metrics.columns) == ["beads-unet-wide", "beads-unet"]
    assert list(metrics.loc["test capped error (px)"]) == [0.22, 0.24]
    assert list(metrics.loc["train loss"]) == pytest.approx([0.2, 0.2])
    assert not [name for name in metrics.index if name.endswith(("low", "high"))]
    assert parameters.index.tolist() == [
        "model.network.filters",
        "model.seed",
        "model.training.learning_rate",
    ]
    assert list(parameters.loc["model.network.filters"]) == ["14", "10"]
    styles = app.dataframe[1].proto.arrow_data.styler.styles
    row = metrics.index.get_loc("test capped error (px)")
    bold = [block for block in styles.split("}") if "font-weight: 700" in block]
    assert any(f"row{row}_col0" in block for block in bold)  # 0.22 px is less than 0.24 px
    assert not any(f"row{row}_col1" in block for block in bold)
    app.toggle(key="runs-equal").set_value(True).run()
    assert "model.dataset" in app.dataframe[2].value.index


@pytest.mark.usefixtures("project")
def test_curves_of_runs_are_overlaid() -> None:
    app = open_page("runs")
    app.multiselect(key="runs-task").set_value(["beads"]).run()
    tick(app, 0, 1)
    assert app.multiselect(key="runs-curves").value == ["train_loss", "validation_capped_error_px"]
    both = charts(app)  # curves, and what is in the tab beside them
    app.multiselect(key="runs-curves").set_value([]).run()
    assert not app.exception
    assert charts(app) == both - 1


@pytest.mark.usefixtures("project")
def test_a_run_without_epochs_has_no_curves() -> None:
    app = open_page("runs")
    app.text_input(key="runs-text").set_value("correlation").run()
    tick(app, 0)
    assert "None of these runs has metrics by epoch." in text(app)
