"""The report of a study: numbers, figures, and a page that needs no network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import TrialState

import studied
from brightfield import layout
from brightfield.experiments import runs
from brightfield.tuning import reporting
from brightfield.tuning.figures import FIGURES
from brightfield.tuning.mirror import STUDY_TAG
from brightfield.tuning.session import Request, Session

HOSTILE = "ValueError: </script><script>alert('1')</script> & more"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a study that was confirmed."""
    folder = tmp_path_factory.mktemp("project")
    of = studied.identity()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study = studied.fill(studied.begin(of))
        reporting.write_report(
            layout.study_report(studied.MODEL), study, studied.METRIC, studied.confirm(study, of, 0.05)
        )
    return folder / "reports" / f"{studied.MODEL}.study"


def test_numbers_are_plain_values(report: Path) -> None:
    content = json.loads((report / layout.STUDY).read_text())
    assert content["verdict"] == "better"
    assert content["counts"] == {"complete": 14, "pruned": 8, "failed": 1, "running": 1}
    assert content["epochs"]["saved_by_pruning"] == 49
    assert content["result"]["flattered"] == pytest.approx(0.0848, abs=1e-4)
    assert content["gain"]["low"] < content["gain"]["value"] < content["gain"]["high"] < 0
    assert content["noise"] == 0.005
    assert content["stopped"].startswith("a further trial is expected to gain less")
    assert [row["place"] for row in content["compared"]][-2:] == ["all splits", "test"]
    assert content["changes"]["network.filters"] == [10, 15]
    trials = content["trials"]
    assert [trial["number"] for trial in trials] == list(range(24))
    assert trials[4]["reason"] == studied.REASON
    assert trials[0]["value"] == pytest.approx(0.3484, abs=1e-4)
    assert trials[0]["drawn"] == {"training.learning_rate": 0.004, "network.filters": 10, "training.augment": "flips"}
    assert re.fullmatch(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", trials[0]["started"])
    assert (trials[7]["value"], trials[23]["duration_s"]) == (None, None)


def test_each_figure_is_a_file_of_plotly(report: Path) -> None:
    names = set(FIGURES) - {"front"}
    assert {path.name for path in report.iterdir()} == {
        layout.STUDY,
        layout.STUDY_PAGE,
        *(layout.study_figure(name) for name in names),
    }
    for name in names:
        figure = json.loads((report / layout.study_figure(name)).read_text())
        assert figure["data"]


def test_the_page_loads_nothing_and_holds_plotly_once(report: Path) -> None:
    page = (report / layout.STUDY_PAGE).read_text()
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"<(link|img|iframe|object)\b|@import|url\(", markup)
    assert not re.search(r"<script[^>]*\bsrc=", page)
    assert len(page) < 7_000_000  # plotly.js has 5 MB
    assert page.count("Plotly.newPlot(") >= len(FIGURES) - 1
    assert "Trial 15 is better than beads-unet as it is" in markup
    for name in FIGURES:
        assert (f"<h2>{FIGURES[name].title}</h2>" in markup) == (name != "front")


def test_what_trials_say_cannot_become_markup(project: Path) -> None:
    study = studied.fill(studied.begin(studied.identity()), 12)
    study.add_trial(studied.trial(12, None, TrialState.FAIL, reason=HOSTILE))
    reporting.write_report(project / "report", study, studied.METRIC)
    page = (project / "report" / layout.STUDY_PAGE).read_text()
    assert "<script>alert" not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(&#x27;1&#x27;)" in page


def test_a_young_study_has_a_report(project: Path) -> None:
    study = studied.begin(studied.identity())
    folder = layout.study_report(studied.MODEL)
    reporting.write_report(folder, study, studied.METRIC)
    assert json.loads((folder / layout.STUDY).read_text())["trials"] == []
    study.add_trial(studied.trial(0, None, TrialState.FAIL, epochs=0, took_s=0, reason="too large"))
    reporting.write_report(folder, study, studied.METRIC)
    assert "No trial has ended well yet." in (folder / layout.STUDY_PAGE).read_text()


def test_the_report_is_logged_to_the_run_of_the_study(tracked_project: Path, prepared: Callable[[str], Path]) -> None:
    layout.prepared("denoise").parent.mkdir(parents=True)
    shutil.copytree(prepared("restoration"), layout.prepared("denoise"))
    session = Session(Request("denoise-nlm"))
    reporting.write(session)
    reporting.write(session)  # as after the search and after the confirmation
    run = runs.find("denoise", {STUDY_TAG: session.study.study_name, "brightfield.role": "study"})
    assert run is not None
    logged = {item.path for item in runs.connect().list_artifacts(run.id, reporting.REPORTED)}
    assert {f"{reporting.REPORTED}/{name}" for name in (layout.STUDY, layout.STUDY_PAGE)} <= logged
    assert len(runs.search(task="denoise")) == 1
