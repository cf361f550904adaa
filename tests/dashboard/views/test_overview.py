"""Champions."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield.experiments.runs.connection import VARIABLE
from pages import open_page, text


@pytest.mark.usefixtures("project")
def test_overview_shows_champions_beside_baselines() -> None:
    app = open_page("overview")
    assert len(app.get("bidi_component")) == 3  # nothing of denoise was evaluated
    shown = [(metric.label, metric.value) for metric in app.metric]
    assert shown[3:6] == [("Champion", "0.220"), ("Best single model", "0.220"), ("Baseline", "0.550")]
    assert shown[0] == ("Champion", "\u2013")
    written = text(app)
    assert r"**beads\-unet\-wide**" in written
    assert "version 1 · since" in written
    assert "0.200 to 0.240" in written
    assert "commit `c0ffee0` with uncommitted changes" in written
    assert "test data `0123456`" in written
    assert "Nothing has been trained" in written
    assert [expander.label for expander in app.expander] == [
        "2 things need attention",
        "2 decisions about the champion, 1 of them on the same test images",
        "1 decision about the champion",
    ]
    assert r"One training failed within the last 7 days, denoise\-unet last\." in written
    assert r"**refused\: beads\-unet \(version " in written
    assert r"Capped error 0\.24 px against 0\.22\." in written

    assert len(app.get("image")) == 3
    assert app.selectbox(key="example").value == "beads-unet-wide"  # a champion
    assert "denoise-unet" not in app.selectbox(key="example").options


def test_reports_that_only_the_tracking_server_has_are_fetched(
    empty: Path, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"sqlite:///{(filled / 'mlflow.db').as_posix()}")
    app = open_page("overview")
    assert not app.get("bidi_component")
    assert "Not on this machine: the reports of" in text(app)
    app.button(key="fetch-reports").click().run()
    assert not app.exception
    assert "Not on this machine" not in text(app)
    assert len(app.get("bidi_component")) == 2  # beads and bacteria
