"""A machine that trained nothing, beside a tracking server that knows what others trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.experiments.runs.connection import VARIABLE
from queries import project, remote, reports, tracking


@pytest.fixture
def away(empty: Path, filled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml alone, which asks the store of another project."""
    monkeypatch.setenv(VARIABLE, f"sqlite:///{(filled / 'mlflow.db').as_posix()}")
    return empty


def test_reports_of_others_are_brought_and_read_as_if_they_were_here(away: Path) -> None:
    champions = tracking.champions().table
    assert sorted(remote.missing(champions)) == ["bacteria-watershed", "beads-unet-wide"]
    assert reports.on_test("beads").empty
    assert sorted(remote.fetch()) == ["bacteria-watershed", "beads-unet", "beads-unet-wide"]
    assert project.report("beads-unet-wide") == layout.fetched_report("beads-unet-wide")
    assert not layout.report("beads-unet-wide").exists()  # what the pipeline makes is left alone
    project.st.cache_data.clear()
    assert sorted(reports.on_test("beads")["model"]) == ["beads-unet", "beads-unet-wide"]
    assert remote.missing(champions) == []
    assert list(remote.fetch()) == []


def test_a_report_of_this_project_stands_over_a_fetched_one(away: Path) -> None:
    list(remote.fetch())
    layout.report("beads-unet").mkdir(parents=True)
    (layout.report("beads-unet") / layout.METRICS).write_text("{}")
    assert project.report("beads-unet") == layout.report("beads-unet")


def test_a_run_without_a_report_is_said(away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brightfield.experiments.registry.fetching.EVALUATION", "nothing")
    with pytest.raises(BrightfieldError, match="cannot be downloaded.*Was it evaluated"):
        list(remote.fetch())
    assert not (layout.FETCHED / "reports").exists() or not list((layout.FETCHED / "reports").glob("*/*"))
