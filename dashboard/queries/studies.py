"""Queries of tuning studies. Optuna takes a second to import, so it is imported when the page is opened."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from wording import DASH

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from brightfield.tuning.figures import About
    from brightfield.tuning.studies import Known
    from brightfield.tuning.summary import Summary

TTL_S = 10  # lifetime of cached results: so often a page looks again while a study runs


@st.cache_resource(show_spinner="Loading Optuna")
def _tuning() -> Any:
    from brightfield.tuning import figures, summary

    return SimpleNamespace(figures=figures, summary=summary)


@st.cache_resource(show_spinner=False)
def _light() -> Any:
    """What there is of studies, without what draws them."""
    from brightfield.tuning import studies

    return studies


@st.cache_data(ttl=TTL_S, show_spinner=False)
def tuned() -> list[str]:
    """Names of the models with a study."""
    return list(_light().names())


@st.cache_data(ttl=TTL_S, show_spinner=False)
def of_model(model: str) -> list[Known]:
    """The studies of a model, the newest first."""
    return list(_light().of_model(model))


def _opened(model: str, name: str) -> tuple[Any, Any]:
    """A study, and its confirmation or None."""
    studies = _light()
    study = studies.existing(model, name)
    return study, studies.confirmation(studies.here(), study)


@st.cache_data(ttl=TTL_S, show_spinner="Reading the study")
def trials(model: str, name: str) -> pd.DataFrame:
    """One row per trial, see :func:`brightfield.tuning.trial_tables.table`."""
    from brightfield.tuning import trial_tables

    return trial_tables.trials(model, name)


@dataclass(frozen=True)
class Found:
    """What a study says.

    Attributes:
        summary: its numbers.
        sentences: the verdict, and what else is known, in words.
        numbers: what is counted and measured: pairs of a name and what is shown.
        changes: columns parameter, the entry as it is, the best setting: what differs; empty before there is a best.
        settings: columns trial, mean (of the objective), gain, low, high, trainings: what was trained again, the best first; empty
            before.
    """

    summary: Summary
    sentences: list[str]
    numbers: list[tuple[str, str]]
    changes: pd.DataFrame
    settings: pd.DataFrame


@st.cache_data(ttl=TTL_S, show_spinner="Reading the study")
def found(model: str, name: str, metric: str) -> Found:
    """What a study says.

    Args:
        model: that is tuned.
        name: of the study.
        metric: its objective.
    """
    tuning = _tuning()
    study, confirmation = _opened(model, name)
    summary = tuning.summary.of(study, metric, confirmation)
    sentences, numbers = tuning.summary.sentences(summary), tuning.summary.counted(summary)
    return Found(summary, sentences, numbers, _changes(summary), _settings(summary))


def _changes(summary: Summary) -> pd.DataFrame:
    rows = [(name, _short(standard), _short(best)) for name, (standard, best) in summary.changes.items()]
    return pd.DataFrame(rows, columns=["parameter", "the entry as it is", "the best setting"])


def _short(value: object) -> str:
    return DASH if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _settings(summary: Summary) -> pd.DataFrame:
    # settings were trained on unlike splits, so the mean of each is what its gain adds to that of the entry as it is
    result = summary.result
    rows = [{**gain, "mean": result["standard"] + gain["value"]} for gain in result.get("gains", ())]
    table = pd.DataFrame(rows, columns=["name", "mean", "value", "low", "high", "trainings"])
    table = table.sort_values("value", ascending=summary.direction == "minimize", ignore_index=True)
    return table.rename(columns={"name": "trial", "value": "gain"})


def figure(model: str, name: str, metric: str, which: str) -> go.Figure | None:
    """A figure of a study, drawn anew when the study has changed; None while there are too few trials for it.

    Args:
        model: that is tuned.
        name: of the study.
        metric: its objective.
        which: a key of :func:`about`.
    """
    return _figure(model, name, metric, which, _progress(model, name))


@st.cache_data(ttl=TTL_S, show_spinner=False)
def _progress(model: str, name: str) -> tuple[int, ...]:
    """Numbers that change whenever a figure of a study does."""
    study, confirmation = _opened(model, name)
    counts: list[int] = [len(study.user_attrs)]
    for each in (study, confirmation):
        trials = [] if each is None else each.get_trials(deepcopy=False)
        ended = sum(trial.state.is_finished() for trial in trials)
        counts += [len(trials), ended, sum(len(trial.intermediate_values) for trial in trials)]
    return tuple(counts)


@st.cache_resource(max_entries=4, show_spinner=False)
def _figures(model: str, name: str, metric: str, progress: tuple[int, ...]) -> Any:
    """All figures of a study share the importance of parameters, which takes longest."""
    study, confirmation = _opened(model, name)
    return _tuning().figures.Figures(study, metric, confirmation)


@st.cache_data(max_entries=32, show_spinner="Drawing")
def _figure(model: str, name: str, metric: str, which: str, progress: tuple[int, ...]) -> go.Figure | None:
    return _figures(model, name, metric, progress).draw(which)


def about() -> dict[str, About]:
    """Title and caption of each figure."""
    return dict(_tuning().figures.FIGURES)
