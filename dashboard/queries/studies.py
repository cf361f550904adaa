"""Queries of tuning studies. Optuna takes a second to import, so it is imported when the page is opened."""

from __future__ import annotations

from types import ModuleType

import pandas as pd
import streamlit as st

TTL_S = 15  # lifetime of cached results: a running study gets about one trial per minute
NOT_PARAMETERS = ("number", "state", "value", "epochs", "duration_s")


@st.cache_resource(show_spinner="Loading Optuna")
def _studies() -> ModuleType:
    from brightfield.training import studies

    return studies


@st.cache_data(ttl=TTL_S, show_spinner=False)
def tuned() -> list[str]:
    """Names of the models with a study."""
    return list(_studies().studies())


@st.cache_data(ttl=TTL_S, show_spinner="Reading the study")
def trials(model: str) -> pd.DataFrame:
    """One row per trial: number, state, value, epochs, duration_s, then one column per parameter."""
    table = pd.DataFrame(_studies().trials(model))
    for column in NOT_PARAMETERS:
        if column not in table:
            table[column] = None
    return table.astype({"value": float, "duration_s": float})


def parameters(table: pd.DataFrame) -> list[str]:
    """The columns of a table of trials that are parameters."""
    return [name for name in table.columns if name not in NOT_PARAMETERS]


@st.cache_data(ttl=TTL_S, show_spinner=False)
def importances(model: str) -> pd.DataFrame:
    """Columns parameter and importance, the largest first; empty before there are enough trials."""
    found = list(_studies().importances(model).items())
    table = pd.DataFrame(found, columns=["parameter", "importance"])
    return table.sort_values("importance", ascending=False, ignore_index=True)
