"""Queries of MLflow: runs, their curves, and champions. If it does not answer, the result is an empty table with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry, runs
from brightfield.experiments.runs.connection import sqlite_path
from queries import project, reports

TTL_S = 60  # lifetime of cached results
PAGE = 100  # runs in a table
VERSIONS = ("version", "model", "role", "aliases", "run_id", "created", "data_hash", "value", "low", "high")
CHAMPIONS = ("task", "model", "version", "role", "since", "run_id", "data_hash", "value", "low", "high", "why")


@dataclass(frozen=True)
class Found:
    """A table, the problem if it is incomplete, and by what the next page of it is asked for, if there is one."""

    table: pd.DataFrame
    problem: str | None = None
    next: str | None = None


# in the background, because MLflow takes some time
@st.cache_data(ttl=TTL_S, max_entries=200, show_spinner="Asking MLflow for runs", refresh_mode="background")
def listed(wanted: runs.Wanted, token: str | None = None, most: int | None = None) -> Found:
    """A page of the runs that are asked for, see :func:`brightfield.experiments.runs.page`; ``most``: other than ``PAGE``."""

    def ask() -> Found:
        found = runs.page(wanted, most or PAGE, token)
        return Found(found.table, next=found.next)

    return _ask_for(ask, list(runs.queries.FIRST_COLUMNS))


@st.cache_data(ttl=TTL_S, max_entries=200, show_spinner="Asking MLflow for runs")
def some(run_ids: tuple[str, ...]) -> Found:
    """These runs, in this order, without those that there are none of."""
    return _ask(lambda: runs.by_id(run_ids), list(runs.queries.FIRST_COLUMNS))


def histories(run_ids: tuple[str, ...], metrics: tuple[str, ...], going_on: tuple[str, ...] = ()) -> Found:
    """Curves of metrics: columns run_id, metric, step, value; those of runs that are going on as they are now."""
    columns = ["run_id", "metric", "step", "value"]
    curves: list[pd.DataFrame] = []
    for run_id in run_ids:
        for metric in metrics:
            found = _read_history(run_id, metric) if run_id in going_on else _history(run_id, metric)
            if found.problem:
                return Found(pd.DataFrame(columns=columns), found.problem)
            curves.append(found.table.assign(run_id=run_id, metric=metric)[columns])
    return Found(pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=columns))


@st.cache_data(ttl=TTL_S, max_entries=2000, show_spinner=False)
def _history(run_id: str, metric: str) -> Found:
    return _read_history(run_id, metric)


def _read_history(run_id: str, metric: str) -> Found:
    return _ask(lambda: runs.history(run_id, metric), ["step", "value"])


@st.cache_data(ttl=TTL_S, show_spinner="Asking the registry for champions")
def champions() -> Found:
    """One row per task with a champion: model, version, role, since (UTC), run_id, data_hash, value with low and high, and why.

    The champions come from the registry, or without it from ``registry/<task>.json``, written by the last ``dvc repro``. The
    value is that of the report, or of the champion's run if the model was trained again since its promotion.
    """
    found = _ask(_registered, list(CHAMPIONS))
    return Found(_from_files(), found.problem) if found.problem else found


@st.cache_data(ttl=TTL_S, show_spinner=False)
def decisions(task: str) -> Found:
    """The log of decisions about a task, newest first, see :func:`brightfield.experiments.registry.decisions`."""
    return _ask(lambda: registry.decisions(task), list(registry.DECISION_COLUMNS))


@st.cache_data(ttl=TTL_S, show_spinner="Asking the registry for versions")
def versions(task: str) -> Found:
    """All versions of a task, newest first: see :func:`brightfield.experiments.registry.versions`, with value, low and high.

    These are of the objective on the test split, when the version was scored: from its run.
    """

    def ask() -> pd.DataFrame:
        table = registry.versions(task)
        scored = runs.by_id(tuple(table["run_id"].dropna().unique())).set_index("run_id")
        metric, _ = reports.objective(task)
        for key, end in {"value": "", "low": "_low", "high": "_high"}.items():
            column = f"metrics.test_{metric}{end}"
            known = scored[column] if column in scored else pd.Series(dtype=float)
            table[key] = table["run_id"].map(known).astype(float)
        return table

    return _ask(ask, [*VERSIONS])


@st.cache_data(ttl=TTL_S, show_spinner=False)
def card(task: str, number: int) -> str:
    """The model card of a version, without what would load from elsewhere; empty where it has none, or MLflow does not answer."""
    try:
        return registry.card(task, number).replace("![", r"\![")
    except BrightfieldError:
        return ""


def _registered() -> pd.DataFrame:
    rows = [_champion(version) for task in project.settings().tasks if (version := registry.champion(task))]
    return pd.DataFrame(rows, columns=list(CHAMPIONS))


def _champion(version: registry.Version) -> dict[str, Any]:
    promotion = version.promotion or {}
    return {
        "task": version.task,
        "model": version.model,
        "version": version.number,
        "role": version.role,
        "since": promotion.get("at"),
        "run_id": version.run_id,
        "data_hash": version.data_hash,
        **(_reported(version.task, version.model) if _is_here(version) else _logged(version)),
        "why": promotion.get("why", ""),
    }


def _is_here(version: registry.Version) -> bool:
    """Whether the model in the project's folder is the champion itself, not one that was trained later."""
    place = project.folder(version.task, version.model, version.role)
    try:
        return bool(registry.bundle_hash(place) == version.bundle_hash)
    except BrightfieldError:
        return False


def _reported(task: str, model: str) -> dict[str, float]:
    table = reports.on_test(task)
    table = table[table["model"] == model]
    return {key: float(table[key].iloc[0]) if len(table) else float("nan") for key in ("value", "low", "high")}


def _logged(version: registry.Version) -> dict[str, float]:
    metric, _ = reports.objective(version.task)
    row = some((version.run_id,)).table
    names = {"value": "", "low": "_low", "high": "_high"}
    columns = {key: f"metrics.test_{metric}{end}" for key, end in names.items()}
    return {k: float(row[c].iloc[0]) if len(row) and c in row else float("nan") for k, c in columns.items()}


def _from_files() -> pd.DataFrame:
    rows = []
    known = project.models().set_index("name")["role"]
    for task in project.settings().tasks:
        path = layout.registration(task)
        if path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            model = content["champion"]["model"]
            about = {"task": task, **content["champion"], "role": known.get(model, "member"), "since": None}
            rows.append(
                {**about, "run_id": "", "data_hash": None, **_reported(task, model), "why": content.get("why", "")}
            )
    return pd.DataFrame(rows, columns=list(CHAMPIONS))


def _ask(question: Callable[[], pd.DataFrame], columns: list[str]) -> Found:
    return _ask_for(lambda: Found(question()), columns)


def _ask_for(question: Callable[[], Found], columns: list[str]) -> Found:
    """The answer to a question, or an empty table and the reason. A query must not create a database."""
    try:
        database = sqlite_path(runs.tracking_uri())
        if database is not None and not database.is_file():
            return Found(pd.DataFrame(columns=columns))
        return question()
    except BrightfieldError as error:
        return Found(pd.DataFrame(columns=columns), str(error))
