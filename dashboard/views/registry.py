"""Page Registry: the versions of each task, which one is in use and why, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

import parts
from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.evaluation import promotion
from queries import project, reports, tracking
from wording import DASH, in_tables, interval, short, words

Said = tuple[Callable[[str], object], str]  # what a change came to, and how that is shown

MOST_DECISIONS = 20  # that are shown at once
SAID = "registry-said"  # in the session: what the last change came to


def listed(table: pd.DataFrame, metric: str) -> pd.Series | None:
    """Show the versions, and return the one that is selected: at first the champion, else the newest."""
    first = next((i for i, names in enumerate(table["aliases"]) if "champion" in names.split(", ")), 0)
    bounds = [interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)]
    shown = pd.DataFrame(
        {
            "version": table["version"],
            "alias": table["aliases"],
            "model": table["model"],
            "role": table["role"],
            words(metric): table["value"],
            "interval": bounds,
            "registered": table["created"],
            "data": table["data_hash"].map(short),
        }
    )
    event = st.dataframe(
        shown,
        key=f"versions-{table['version'].max()}",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [first]}},
        height=min(38 + 35 * len(table), 390),
        placeholder=DASH,
        column_config={
            words(metric): st.column_config.NumberColumn(format=in_tables(metric)),
            "registered": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone="UTC"),
        },
    )
    st.caption("Scores are those on the test split on the day of the registration. Select a version to read its card.")
    rows = event.selection.rows
    return table.iloc[rows[0]] if rows else None


def log(task: str) -> None:
    """Show the decisions about the champion, newest first."""
    table = tracking.decisions(task).table
    if table.empty:
        st.markdown("Nothing has been decided yet.")
        return
    looks = table["look"].dropna()
    if len(looks):
        st.caption(f"{int(looks.max())} of them looked at the same test images: each look tells a little less.")
    for entry in table.head(MOST_DECISIONS).to_dict("records"):
        parts.decision(entry)
    if len(table) > MOST_DECISIONS:
        st.caption(f"`brightfield champions --why` shows all {len(table)}.")


def card(task: str, version: pd.Series) -> None:
    """Show what is known of a version."""
    text = tracking.card(task, int(version["version"]))
    if text:
        st.markdown(text)
        st.download_button(
            layout.CARD, text, f"{task}-{version['version']}.md", "text/markdown", icon=":material/download:"
        )
    else:
        st.markdown("This version has no model card: those that `dvc repro` registers have one.")


def changes(task: str, version: pd.Series) -> None:
    """Buttons that change the champion; without permission how to get them."""
    names = version["aliases"].split(", ")
    what = f"version {version['version']} ({version['model']})"
    is_champion = "champion" in names
    if not project.may_change():
        asks = (
            ""
            if is_champion
            else f"`brightfield promote {task} {version['version']}` asks the gate whether it may be champion. "
        )
        st.caption(f"{asks}Started with `make dashboard CHANGES=1` this page has buttons that change the champion.")
        return
    left, middle, right = st.columns([2, 3, 1.4], vertical_alignment="bottom")
    reason = middle.text_input("Why without the gate", key="registry-reason", placeholder="empty: the gate decides")
    if left.button(f"Make {what} champion", disabled=is_champion, type="primary"):
        _change(lambda: _promoted(task, int(version["version"]), reason.strip() or None))
    if right.button("Roll back", help="The champion before this one is champion again; doing it twice undoes it."):
        _change(lambda: _rolled_back(task))


def _promoted(task: str, number: int, reason: str | None) -> Said:
    decided = promotion.promote(project.settings(), task, str(number), force=reason)
    champion = decided.champion
    if decided.moved:
        return st.success, f"Version {champion.number} ({champion.model}) is champion now."
    return st.info, f"Refused; version {champion.number} ({champion.model}) is champion still. {decided.why}"


def _rolled_back(task: str) -> Said:
    restored = promotion.roll_back(project.settings(), task)
    return st.success, f"Version {restored.number} ({restored.model}) is champion again."


def _change(change: Callable[[], Said]) -> None:
    with st.spinner("Both are scored on today's test images and suites"):
        try:
            st.session_state[SAID] = change()
        except BrightfieldError as error:
            st.session_state[SAID] = (st.error, str(error))
    st.cache_data.clear()
    st.rerun()


def show(task: str) -> None:
    """Show the versions of one task."""
    found = tracking.versions(task)
    parts.away(found.problem)
    if found.table.empty:
        if found.problem is None:
            parts.nothing_yet(f"No version of {task} has been registered yet.", f"dvc repro register@{task}")
        return
    if SAID in st.session_state:
        show_as, said = st.session_state.pop(SAID)
        show_as(parts.plain(said))
    metric, _ = reports.objective(task)
    version = listed(found.table, metric)
    if version is None:
        log(task)
        return
    changes(task, version)
    of_version, of_task = st.tabs([f"Card of version {version['version']}", "Decisions"])
    with of_version:
        card(task, version)
    with of_task:
        log(task)


parts.head("Registry", "Which versions are there, which one is in use, and why?")
names = list(project.settings().tasks)
chosen = st.segmented_control("Task", names, default=names[0], required=True, key="registry-task", bind="query-params")
show(chosen or names[0])
