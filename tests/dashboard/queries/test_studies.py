"""Tuning studies, asked through the functions of ``brightfield.tuning``."""

from __future__ import annotations

import pytest
import streamlit as st

import studied
from queries import studies


@pytest.mark.usefixtures("empty")
def test_a_fresh_clone_has_no_studies() -> None:
    assert studies.tuned() == []
    assert studies.of_model("beads-unet") == []


@pytest.mark.usefixtures("empty")
def test_what_a_study_says() -> None:
    of = studied.identity()
    study = studied.fill(studied.begin(of))
    studied.confirm(study, of, 0.05)
    assert studies.tuned() == [studied.MODEL]
    (known,) = studies.of_model(studied.MODEL)
    assert known.name == study.study_name
    assert len(studies.trials(studied.MODEL, known.name)) == 24
    found = studies.found(studied.MODEL, known.name, studied.METRIC)
    assert found.summary.verdict == "better"
    assert found.sentences[0].startswith("Trial 15 is better")
    assert ("complete", "14") in found.numbers
    assert found.settings["trial"].iloc[0] == "15"
    assert list(found.settings["gain"]) == sorted(found.settings["gain"])  # an error: the most negative is the best
    assert found.settings["mean"].notna().all()
    changed = found.changes.set_index("parameter")
    assert list(changed.loc["network.filters"]) == ["10", "15"]
    assert changed.loc["training.turn_degrees", "the entry as it is"] == "\N{EN DASH}"


@pytest.mark.usefixtures("empty")
def test_figures_are_drawn_when_there_is_enough() -> None:
    study = studied.begin(studied.identity())
    assert studies.figure(studied.MODEL, study.study_name, studied.METRIC, "history") is None
    studied.fill(study)
    st.cache_data.clear()  # as the button Reload does, or ten seconds
    assert set(studies.about()) >= {"best", "history", "importances"}
    assert studies.figure(studied.MODEL, study.study_name, studied.METRIC, "slices") is not None
