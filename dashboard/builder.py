"""An ensemble built by hand on the page Ensembles: members and weights are chosen, and what they score is shown at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

import parts
from brightfield.errors import BrightfieldError
from figures import scores, style
from queries import mixing, project, reports
from wording import in_tables, interval, number, words

if TYPE_CHECKING:
    from brightfield.tasks.answering import Way

WAYS = {"mean": "weighted mean", "median": "median", "vote": "majority vote"}
PER_ROW = 4  # weights beside each other
SAID = "mix-said"  # in the session: what saving came to


def show() -> None:
    """Choose a task, members, weights and how answers are combined; show the gain, and the ways to keep it."""
    able = {task: names for task in project.settings().tasks if (names := mixing.able(task))}
    if not able:
        parts.nothing_yet("No network has been evaluated yet, so that there is nothing to mix.", "make repro")
        return
    tasks = list(able)
    task = (
        st.segmented_control("Task", tasks, default=tasks[0], required=True, key="mix-task", bind="query-params")
        or tasks[0]
    )
    members = st.multiselect("Members", able[task], default=able[task], key=f"mix-members-{task}", bind="query-params")
    if not members:
        st.markdown("Choose at least one member.")
        return
    ways = mixing.ways(task, tuple(members))
    way: Way = "mean"
    if len(ways) > 1:
        way = (
            st.segmented_control(
                "Combined by",
                ways,
                default=ways[0],
                required=True,
                format_func=lambda each: WAYS[each],
                key=f"mix-way-{task}",
                bind="query-params",
            )
            or ways[0]
        )
    weights = weighed(task, members) if way == "mean" and len(members) > 1 else tuple((name, 1.0) for name in members)
    on_validation(task, weights, way)
    keep(task, weights, way)


def weighed(task: str, members: list[str]) -> mixing.Weights:
    """Ask for the weight of each member."""
    found = []
    for first in range(0, len(members), PER_ROW):
        for place, name in zip(st.columns(PER_ROW), members[first : first + PER_ROW], strict=False):
            weight = place.number_input(
                f"Weight of {name}", 0.01, 100.0, 1.0, 0.25, key=f"mix-weight-{task}-{name}", bind="query-params"
            )
            found.append((name, float(weight)))
    return tuple(found)


def on_validation(task: str, weights: mixing.Weights, way: Way) -> None:
    """Show the gain on the validation split, and on the test split only where that is asked for."""
    metric, direction = reports.objective(task)
    gains("validation", mixing.rows(task, weights, way, "validation"), metric, direction)
    asked = st.toggle(
        "Score on the test split",
        key="mix-test",
        help="Choose on the validation split: each look at the test split while one chooses makes its score too good.",
    )
    if asked:
        gains("test", mixing.rows(task, weights, way, "test"), metric, direction)


def gains(split: str, rows: pd.DataFrame, metric: str, direction: str) -> None:
    """Show what a mixture scores on a split, and gains over its members."""
    mixture, others = rows[rows["name"] == mixing.MIXTURE].iloc[0], rows[rows["name"] != mixing.MIXTURE]
    st.subheader(f"On the {split} split", anchor=False)
    best = others.sort_values("value", ascending=direction == "minimize", kind="stable").iloc[0]
    gain = scores.oriented(others[others["name"] == best["name"]], direction).iloc[0]
    sure = "which is more than chance" if gain["low"] > 0 else "which may be chance" if gain["high"] >= 0 else "worse"
    st.markdown(
        f"{words(metric)} **{number(mixture['value'])}**; beside its best member {parts.plain(str(best['name']))} "
        f"{number(gain['gain'], signed=True)} :gray[({interval(gain['low'], gain['high'])})], {sure}."
    )
    colours = style.colours(project.models())
    st.plotly_chart(
        scores.gains(others, colours, metric, direction),
        theme="streamlit",
        config=style.CONFIG,
        key=f"mix-gains-{split}",
    )
    with st.expander("Table"):
        st.dataframe(
            scores.oriented(rows, direction).rename(columns={"value": words(metric)}),
            hide_index=True,
            column_config={
                column: st.column_config.NumberColumn(format=in_tables(metric))
                for column in (words(metric), "gain", "low", "high")
            },
        )


def keep(task: str, weights: mixing.Weights, way: Way) -> None:
    """Show the mixture as an entry of params.yaml, and where that is allowed save and build it."""
    st.subheader("Keep it", anchor=False)
    said = st.session_state.pop(SAID, None)
    if said:
        show_it, text = said
        show_it(parts.plain(text))
    name = st.text_input("Name", f"{task}-by-hand", max_chars=60, key=f"mix-name-{task}").strip()
    content = mixing.entry(task, weights, way)
    st.code(mixing.as_yaml(name, content), language="yaml")
    if name in project.settings().ensembles:
        st.markdown(f"params.yaml has `ensembles.{parts.plain(name)}`.")
        if project.may_change():
            st.button("Build and register", type="primary", key="mix-build", on_click=lambda: _build(name, task))
        else:
            st.code(f"dvc repro ensemble@{name}", language="bash")
    elif project.may_change():
        st.button("Save to params.yaml", type="primary", key="mix-save", on_click=lambda: _save(name, content))
    else:
        st.caption(
            "Add these lines to params.yaml; `dvc repro` builds, scores and registers it then. Started with "
            "`make dashboard CHANGES=1`, this page does so itself."
        )


def _save(name: str, content: dict[str, object]) -> None:
    try:
        mixing.save(name, content)
        st.session_state[SAID] = st.success, f"{name} is in params.yaml. Build it now, or with `dvc repro`."
    except BrightfieldError as error:
        st.session_state[SAID] = st.error, str(error)


def _build(name: str, task: str) -> None:
    with st.status("Building", expanded=True) as status:
        try:
            done = ""
            for done in mixing.build(name, task):
                st.write(done)
            status.update(label="Built", state="complete")
            st.cache_data.clear()
            st.session_state[SAID] = st.success, f"{name} was built and scored. {done}."
        except BrightfieldError as error:
            st.session_state[SAID] = st.error, str(error)
