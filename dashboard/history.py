"""The versions of a dataset on the page Data: who made each and why, the way back, and what differs between two."""

from __future__ import annotations

import streamlit as st

import parts
from brightfield.data import versions
from brightfield.errors import BrightfieldError
from queries import data, project

SAID = "history-said"  # in the session: what going back came to


def show(name: str) -> None:
    """Show the versions of a dataset, where it has some, and compare it with others."""
    table = data.history(name)
    if len(table):
        st.subheader("Versions", anchor=False)
        _versions(name)
    others = data.comparable(name)
    if len(others) > 1:
        st.subheader("Difference", anchor=False)
        _difference(name, others)


def _versions(name: str) -> None:
    said = st.session_state.pop(SAID, None)
    if said:
        show_it, text = said
        show_it(parts.plain(text))
    table = data.history(name)
    may = project.may_change() and len(table) > 1
    event = st.dataframe(
        table,
        hide_index=True,
        key=f"versions-{name}-{len(table)}",
        on_select="rerun" if may else "ignore",
        selection_mode="single-row",
        column_config={"made": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone="UTC")},
    )
    if not may:
        if len(table) > 1:
            st.caption(f"`brightfield data restore {parts.plain(name)} VERSION` goes back to any of them.")
        return
    rows = event.selection.rows  # type: ignore[union-attr]
    if rows:
        number = int(table.iloc[rows[0]]["version"])
        st.button(f"Use version {number}", key="history-restore", on_click=lambda: _restore(name, number))
    else:
        st.caption("Select a version to go back to it. The others stay.")


def _restore(name: str, number: int) -> None:
    try:
        versions.restore(name, number)
        text = f"{name} is version {number} now. `dvc repro` trains and scores what learns from it again."
        st.session_state[SAID] = st.success, text
    except BrightfieldError as error:
        st.session_state[SAID] = st.error, str(error)


def _difference(name: str, others: list[str]) -> None:
    left, right, _ = st.columns([1.4, 1.4, 2])
    first = left.selectbox("Between", others, key=f"data-first-{name}", bind="query-params")
    second = right.selectbox(
        "and",
        [each for each in others if each != first],
        index=None,
        placeholder="nothing",
        key=f"data-second-{name}",
        bind="query-params",
    )
    if first is None or second is None:
        return
    found = data.difference(first, second)
    sizes = f"{parts.plain(first)} has {found.images[0]} images, {parts.plain(second)} {found.images[1]}"
    st.markdown(f"{sizes}; **{found.same}** are the same, truth included, and **{len(found.table)}** differ.")
    if len(found.table):
        st.dataframe(found.table, hide_index=True)
