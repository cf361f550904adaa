"""Every page, on a project that was trained and on a fresh clone, with and without MLflow."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from streamlit.testing.v1 import AppTest

from brightfield.runs.connection import VARIABLE
from queries import studies

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
PAGES = ("overview", "data", "runs", "shifts", "confusion", "ensembles", "tuning", "predict")


@pytest.fixture
def fake_studies(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """One study of ``beads-unet``, whose objective is to be minimised."""
    trials = pd.DataFrame(
        {
            "number": range(6),
            "state": ["complete", "pruned", "complete", "complete", "failed", "complete"],
            "value": [0.5, 0.9, 0.4, 0.3, None, 0.6],
            "epochs": [5, 1, 5, 5, 0, 5],
            "duration_s": [60.0] * 6,
            "training.learning_rate": [0.001, 0.002, 0.003, 0.004, 0.005, 0.006],
            "network.filters": [6, 8, 10, 12, 14, 16],
        }
    )
    fake = SimpleNamespace(
        studies=lambda: ["beads-unet"],
        trials=lambda model: trials,
        importances=lambda model: {"training.learning_rate": 0.9, "network.filters": 0.1},
    )
    monkeypatch.setattr(studies, "_tuning", lambda: fake)
    return trials


@pytest.fixture
def no_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna and Lightning stay unloaded."""
    monkeypatch.setattr(studies, "_tuning", lambda: SimpleNamespace(studies=list))


def start() -> AppTest:
    """The app before its first run, which costs most of a second: tests of several pages share one."""
    return AppTest.from_file(str(APP), default_timeout=60)


def open_page(name: str, app: AppTest | None = None) -> AppTest:
    """A page; the overview is opened first, if at all: it is where an app begins."""
    app = start() if app is None else app
    if name != PAGES[0]:
        app.switch_page(f"views/{name}.py")
    app.run()
    assert not app.exception, f"{name}: {app.exception[0].message}"
    return app


def problems(app: AppTest) -> list[str]:
    return [element.value for element in [*app.error, *app.warning]]


def text(app: AppTest) -> str:
    """All that is written."""
    return "\n".join(element.value for element in [*app.title, *app.subheader, *app.markdown, *app.caption, *app.code])


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


# --- on every page ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project", "fake_studies")
def test_a_full_project_shows_no_problem() -> None:
    app = start()
    for name in PAGES:
        open_page(name, app)
        assert app.title[0].value == name.capitalize()
        assert app.markdown[0].value.endswith("?]"), name  # the sentence that says what the page answers
        assert problems(app) == [], name


@pytest.mark.usefixtures("empty", "no_studies")
def test_an_empty_project_says_what_to_run() -> None:
    app = start()
    commands = {
        "overview": "make repro",
        "data": "make repro",
        "runs": "make repro",
        "shifts": "make repro",
        "confusion": "make repro",
        "ensembles": "dvc repro ensemble@rbc-ensemble",
        "tuning": "make tune MODEL=rbc-compact TRIALS=20",
        "predict": "make repro",
    }
    for name, command in commands.items():
        open_page(name, app)
        assert any(command in block.value for block in app.code), name
        assert problems(app) == [], name


@pytest.mark.usefixtures("project", "no_studies")
def test_without_mlflow_one_message_and_what_files_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1")  # nobody listens there
    app = start()
    for name, figures in (("overview", 3), ("runs", 0), ("predict", 0), ("confusion", 3), ("ensembles", 2)):
        open_page(name, app)
        messages = [message for message in problems(app) if "does not answer" in message]
        assert len(messages) == len(problems(app)) == (1 if name in ("overview", "runs", "predict") else 0), name
        assert charts(app) == figures, name
    open_page("predict", app)
    app.segmented_control(key="predict-task").set_value("bacteria").run()
    assert app.selectbox(key="predict-model-bacteria").options[-1] == "bacteria-watershed"


@pytest.mark.usefixtures("no_studies")
def test_wrong_parameters_are_one_message(empty: Path) -> None:
    (empty / "params.yaml").write_text("taks: {}\n", encoding="utf-8")
    app = start()
    for name in PAGES:
        open_page(name, app)
        if name != "runs":  # it shows nothing of params.yaml while there are no runs
            assert len(app.error) == 1, name
            assert "taks" in app.error[0].value


# --- each page --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_overview_shows_champions_beside_baselines() -> None:
    app = open_page("overview")
    assert charts(app) == 3  # nothing of denoise was evaluated
    shown = [(metric.label, metric.value) for metric in app.metric]
    assert shown[3:6] == [("Champion", "0.220"), ("Best single model", "0.220"), ("Baseline", "0.550")]
    assert shown[0] == ("Champion", "\u2013")
    written = text(app)
    assert r"**beads\-unet\-wide**" in written
    assert "version 1 · since" in written
    assert "95 % interval 0.200 to 0.240" in written
    assert "commit `c0ffee0` with uncommitted changes" in written
    assert "test data `0123456`" in written
    assert "Nothing has been trained" in written

    assert len(app.get("image")) == 3
    assert app.selectbox(key="example").value == "beads-unet-wide"  # a champion
    assert "denoise-unet" not in app.selectbox(key="example").options


@pytest.mark.usefixtures("project")
def test_datasets_and_their_checks() -> None:
    app = open_page("data")
    datasets, checks, splits = (frame.value for frame in app.dataframe)
    assert datasets["dataset"].tolist() == ["rbc", "beads"]
    assert datasets["images"].tolist() == [12, 12]
    assert datasets["classes"].tolist() == ["6 bad, 6 good", ""]
    assert datasets["warnings"].tolist() == [2, 0]
    found = checks.set_index("name")
    assert found.loc["no near copies between groups", "outcome"] == "warning"
    assert "image0 and image5 (train, test; correlation" in found.loc["no near copies between groups", "examples"]
    assert found.loc["no saturated image", "count"] == 1
    assert splits.set_index("split").loc["train", "groups"] == 4
    assert "8 of 10 checks found nothing" in text(app)
    app.segmented_control(key="dataset").set_value("beads").run()
    assert not app.exception
    assert set(app.dataframe[1].value["outcome"]) == {"ok"}
    app.segmented_control(key="dataset").set_value("denoise").run()
    assert any("dvc repro prepare@denoise" in block.value for block in app.code)


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
    assert "0 of 6 runs" in text(app)


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
    assert charts(app) == 1
    app.multiselect(key="runs-curves").set_value([]).run()
    assert not app.exception
    assert charts(app) == 0


@pytest.mark.usefixtures("project")
def test_a_run_without_epochs_has_no_curves() -> None:
    app = open_page("runs")
    app.text_input(key="runs-text").set_value("correlation").run()
    tick(app, 0)
    assert "None of these runs logged anything by epoch." in text(app)


@pytest.mark.usefixtures("project")
def test_confusion_of_another_task_and_other_models() -> None:
    app = open_page("confusion")
    assert app.multiselect(key="confusion-rbc").value == ["rbc-features", "rbc-convnet", "rbc-ensemble"]
    assert charts(app) == 3  # matrices, recalls, and the kinds that one of them tells
    table = app.dataframe[0].value.set_index(["class", "model"])
    assert table.loc[("bad", "rbc-features"), "recall"] == pytest.approx(0.70)
    assert table.loc[("bad", "rbc-features"), "precision"] == pytest.approx(70 / 90)
    assert table.loc[("good", "rbc-features"), "in truth"] == 200
    app.segmented_control(key="confusion-unit").set_value("Counts").run()
    app.segmented_control(key="confusion-task").set_value("bacteria").run()
    assert not app.exception
    assert charts(app) == 2
    assert app.multiselect(key="confusion-bacteria").value == ["bacteria-watershed", "bacteria-unet"]
    app.multiselect(key="confusion-bacteria").set_value([]).run()
    assert "Choose a model." in text(app)


@pytest.mark.usefixtures("project")
def test_an_ensemble_and_its_gain() -> None:
    app = open_page("ensembles")
    app.segmented_control(key="ensemble").set_value("beads-ensemble").run()
    assert not app.exception
    assert charts(app) == 2
    assert [(m.label, m.value) for m in app.metric] == [("soft vote", "0.190"), ("greedy", "0.200")]
    table = app.dataframe[0].value.set_index("name")
    assert table.loc["beads-correlation", "gain"] == pytest.approx(0.35)  # an error that is smaller is a gain
    assert table.loc["beads-correlation", "gain, low"] == pytest.approx(0.32)
    assert "greedy selection" in text(app)
    app.segmented_control(key="ensemble").set_value("denoise-ensemble").run()
    assert any("dvc repro ensemble@denoise-ensemble" in block.value for block in app.code)


@pytest.mark.usefixtures("project", "fake_studies")
def test_a_study() -> None:
    app = open_page("tuning")
    assert charts(app) == 3
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {"Best capped error (px)": "0.300", "Complete": "4", "Pruned": "1", "Failed": "1", "Minutes": "6.0"}
    assert "make tune MODEL=beads-unet TRIALS=20" in app.code[0].value
    assert "brightfield tune adopt beads-unet" in app.code[0].value


@pytest.mark.usefixtures("project")
def test_predict(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(20_000, 300, (80, 100))
    image[20:40, 20:40] = image[50:70, 60:80] = 5_000
    tifffile.imwrite(tmp_path / "cells.tif", image.astype(np.uint16), photometric="minisblack")
    app = open_page("predict")
    app.segmented_control(key="predict-task").set_value("bacteria").run()
    model = app.selectbox(key="predict-model-bacteria")
    assert model.options[0] == "champion: bacteria-watershed, version 1"
    content = (tmp_path / "cells.tif").read_bytes()
    app.file_uploader(key="upload-bacteria").set_value(
        [("cells.tif", content, "image/tiff"), ("bad.png", b"no", "image/png")]
    ).run()
    assert not app.exception, app.exception[0].message
    assert len(app.error) == 1
    assert r"bad\.png cannot be read" in app.error[0].value
    tables = [frame.value for frame in app.dataframe]
    assert len(tables[0]) == 2  # regions
    assert tables[1]["cells"].tolist() == [2]
    assert "**cells** · 100 x 80 px · uint16" in text(app)
    labels = [button.label for button in app.download_button]
    assert labels == [
        "regions.csv",
        "images.csv",
        "Everything (zip)",
        "labels (TIFF)",
        "classes (TIFF)",
        "overlay (PNG)",
    ]


@pytest.mark.usefixtures("project")
def test_predict_without_a_usable_bundle() -> None:
    app = open_page("predict")
    app.segmented_control(key="predict-task").set_value("beads").run()
    app.selectbox(key="predict-model-beads").set_value("beads-unet").run()
    app.file_uploader(key="upload-beads").set_value([("a.png", b"x", "image/png")]).run()
    assert not app.exception
    assert len(app.error) == 1


# --- shifts -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_show_what_each_suite_costs() -> None:
    app = open_page("shifts")
    assert list(app.segmented_control(key="shifts-task").options) == ["rbc", "bacteria"]  # beads have no suites
    assert charts(app) == 1
    table = app.dataframe[0].value
    assert list(table.columns) == ["model", "test", "camera", "focus"]
    assert list(table["model"]) == ["rbc-ensemble", "rbc-compact", "rbc-convnet", "rbc-features"]
    assert table["focus"].tolist() == pytest.approx([-0.1] * 4)
    assert table["camera"].tolist() == pytest.approx([0.0] * 4)


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_show_the_objective_by_kind_where_one_is_told() -> None:
    app = open_page("shifts")
    assert "By kind of test image" not in [heading.value for heading in app.subheader]
    app.segmented_control(key="shifts-task").set_value("bacteria").run()
    assert not app.exception
    assert charts(app) == 2
    assert "By kind of test image" in [heading.value for heading in app.subheader]


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_of_another_metric_recalibrated_where_probabilities_are() -> None:
    app = open_page("shifts")
    toggle = app.toggle(key="shifts-recalibrated-rbc")
    assert not toggle.value
    assert any("best that any model could reach" in caption.value for caption in app.caption)
    toggle.set_value(True).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["model"]) == ["rbc-compact", "rbc-convnet"]  # the others were not recalibrated
    assert table["focus"].tolist() == pytest.approx([0.0, 0.0])
    app.selectbox(key="shifts-metric-rbc").set_value("other").run()
    assert app.dataframe[0].value["test"].tolist() == pytest.approx([0.7, 0.7])
    app.segmented_control(key="shifts-task").set_value("bacteria").run()
    assert not app.exception
    assert not app.toggle
