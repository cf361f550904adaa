"""Every page, on a project that was trained and on a fresh clone, with and without MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield.experiments.runs.connection import VARIABLE
from pages import PAGES, charts, open_page, problems, start


@pytest.mark.usefixtures("project", "confirmed")
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
        "compare": "make repro",
        "shifts": "make repro",
        "confusion": "make repro",
        "beads": "brightfield predict beads movie/",
        "ensembles": "dvc repro ensemble@rbc-ensemble",
        "tuning": "make tune MODEL=rbc-compact TRIALS=20",
        "registry": "dvc repro register@rbc",
        "errors": "make repro",
        "predict": "make repro",
    }
    assert set(commands) == set(PAGES)
    for name, command in commands.items():
        open_page(name, app)
        assert any(command in block.value for block in app.code), name
        assert problems(app) == [], name


@pytest.mark.usefixtures("project", "no_studies")
def test_without_mlflow_one_message_and_what_files_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1")  # nobody listens there
    app = start()
    for name, figures in (("overview", 0), ("runs", 0), ("predict", 0), ("confusion", 3), ("ensembles", 2)):
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
        if name not in ("runs", "beads"):  # they show nothing of params.yaml while there are no runs, and no movies
            assert len(app.error) == 1, name
            assert "taks" in app.error[0].value
