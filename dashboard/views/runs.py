"""Page Runs: find runs among all that were logged, and compare metrics, parameters and curves of several."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import streamlit as st

import parts
from brightfield.experiments import runs
from brightfield.metrics.declarations import BOUNDS
from figures import curves, spread, style
from queries import project, reports, tracking
from wording import DASH, direction, short, unique_labels, words

MOST_COMPARED = 12  # largest number of lines in one panel that are distinguishable
FIRST_CURVES = 4  # largest number of metrics that are shown by default
FIRST_AXES = 5  # of parallel coordinates
ROLES = get_args(runs.Role)
STATUSES = ("FINISHED", "RUNNING", "FAILED", "KILLED")
COMPARED = "runs-compared"  # in the address of the page: ids of the runs that are compared
LIVE_S = 5  # between looks at runs that are going on
AGAINST, BESIDE = "two against each other", "side by side"  # figures of many runs
ORDERS = {"start_time": "newest first", "name": "name"}


def wanted() -> runs.Wanted:
    """What is asked for; the address of the page holds it, so that a link shows the same."""
    tasks = list(project.settings().tasks)
    task, role, status, text, order = st.columns([1.2, 1.8, 1.2, 1.4, 1.4])
    tasks = task.multiselect("Task", tasks, key="runs-task", placeholder="all", bind="query-params")
    roles = role.multiselect(
        "Role",
        ROLES,
        key="runs-role",
        placeholder="all but trials",
        bind="query-params",
        help="A study has many trials.",
    )
    roles = roles or [each for each in ROLES if each != "trial"]
    statuses = status.multiselect(
        "Status", STATUSES, format_func=str.lower, key="runs-status", placeholder="all", bind="query-params"
    )
    found = text.text_input(
        "Text", key="runs-text", placeholder="in name, id or commit", bind="query-params", help="Of ids the beginning."
    )
    objectives = {
        f"metrics.test_{reports.objective(name)[0]}": reports.objective(name)[1] for name in project.settings().tasks
    }
    chosen = order.selectbox("Order", [*ORDERS, *objectives], format_func=_order, key="runs-order", bind="query-params")
    ascending = chosen == "name" or objectives.get(chosen) == "minimize"
    return runs.Wanted(tuple(tasks), tuple(roles), tuple(statuses), found, chosen, ascending)


def _order(column: str) -> str:
    return ORDERS.get(column) or f"best {words(column.removeprefix('metrics.'))}"


def page_of(asked: runs.Wanted) -> tracking.Found:
    """A page of the list, with buttons to the pages beside it."""
    tokens: list[str | None] = st.session_state.get("runs-pages", [])
    if not tokens or st.session_state.get("runs-asked") != asked:
        tokens = [None]
    found = tracking.listed(asked, tokens[-1])
    first = (len(tokens) - 1) * tracking.PAGE
    with st.container(horizontal=True, vertical_alignment="center"):
        last = first + len(found.table)
        shown = f"Runs {first + 1} to {last}" if last > first else "No run fits."
        more = ", and there are more" if found.next else ""
        st.caption(f"{shown}{more}. Select several to compare them.", width="content")
        if len(tokens) > 1 and st.button("Back", icon=":material/chevron_left:", type="tertiary"):
            _go(asked, tokens[:-1])
        if found.next and st.button("Next", icon=":material/chevron_right:", type="tertiary"):
            _go(asked, [*tokens, found.next])
    st.session_state["runs-pages"], st.session_state["runs-asked"] = tokens, asked
    return found


def _go(asked: runs.Wanted, tokens: list[str | None]) -> None:
    st.session_state["runs-pages"], st.session_state["runs-asked"] = tokens, asked
    st.rerun()


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of the list of runs."""
    objectives = {name: reports.objective(name)[0] for name in project.settings().tasks}
    value = pd.Series(float("nan"), index=table.index)
    for task, metric in objectives.items():
        if (column := f"metrics.test_{metric}") in table:
            value = value.mask(table["task"] == task, table[column])
    commit = "tags.mlflow.source.git.commit"
    return pd.DataFrame(
        {
            "name": table["name"],
            "task": table["task"],
            "role": table["role"],
            "status": table["status"].str.lower(),
            "objective": table["task"].map({task: words(metric) for task, metric in objectives.items()}),
            "on test": value,
            "started": table["start_time"],
            "minutes": table["duration_s"] / 60,
            "commit": table[commit].map(short) if commit in table else DASH,
        }
    )


def select(table: pd.DataFrame, asked: runs.Wanted) -> tuple[str, ...]:
    """Show the list of runs, and return the ids of those that are compared: of this page and of others."""
    known = tuple(st.query_params.get_all(COMPARED))
    here = list(table["run_id"])
    place = f"{hash(asked)}-{len(st.session_state['runs-pages'])}"
    event = st.dataframe(
        overview(table),
        key=f"runs-table-{place}",  # a new table for each page, because the selection consists of row numbers
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [here.index(each) for each in known if each in here]}},
        height=min(38 + 35 * len(table), 390),
        placeholder=DASH,
        column_config={
            "name": st.column_config.TextColumn(width="medium"),
            "on test": st.column_config.NumberColumn(format="%.4f"),
            "started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone="UTC"),
            "minutes": st.column_config.NumberColumn(format="%.1f"),
        },
    )
    ticked = [here[row] for row in event.selection.rows if row < len(here)]
    found = (*(each for each in known if each not in here), *ticked)
    if found != known:
        st.query_params[COMPARED] = list(found)
    return found


def columns_of(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Metrics or parameters of the runs, one row each and one column per run (its label), without those that no run has."""
    names = [column for column in table.columns if column.startswith(f"{kind}.")]
    found = table.set_index("label")[names].T.dropna(how="all")
    found.index = pd.Index([name.removeprefix(f"{kind}.") for name in found.index], name=kind)
    return found


def metrics(table: pd.DataFrame) -> None:
    """Show all metrics side by side, the best of each row in bold."""
    found = columns_of(table, "metrics").astype(float)
    found = found[~found.index.str.endswith(tuple(BOUNDS))]
    test = found.index.str.startswith("test_")
    found = pd.concat([found[test], found[~test]])
    ways = [direction(name) for name in found.index]
    best = [
        (row.min() if way == "minimize" else row.max()) if way and row.nunique() > 1 else None
        for way, (_, row) in zip(ways, found.iterrows(), strict=True)
    ]

    def mark(column: pd.Series) -> list[str]:
        bold = "font-weight: 700; background-color: #e4f3ea"
        return [bold if value == b else "" for value, b in zip(column, best, strict=True)]

    shown = found.rename(index=words)
    shown.index.name = None
    st.dataframe(shown.style.apply(mark, axis=0).format("{:.4g}", na_rep=DASH), height=min(38 + 35 * len(shown), 520))
    st.caption("The best value of each row is green; metrics of training and validation are those of the last epoch.")


def parameters(table: pd.DataFrame) -> None:
    """Show parameters side by side, by default without those that are equal in all runs."""
    found = columns_of(table, "params")
    if len(table) > 1 and not st.toggle("Show parameters that are equal", key="runs-equal", bind="query-params"):
        found = found[found.astype(object).fillna("").nunique(axis=1) > 1]
        if found.empty:
            st.markdown("All parameters of these runs are equal.")
            return
    found.index.name = None
    st.dataframe(found.astype(object).fillna(DASH), height=min(38 + 35 * len(found), 520))


def over_epochs(table: pd.DataFrame) -> None:
    """Show curves of several metrics with the runs overlaid."""
    if len(table) > MOST_COMPARED:
        st.caption(f"The first {MOST_COMPARED} of {len(table)} runs.")
        table = table.head(MOST_COMPARED)
    names = [n for n in columns_of(table, "metrics").index if n.startswith(("train_", "validation_", "learning_rate"))]
    if not names:
        st.markdown("None of these runs has metrics by epoch.")
        return
    objectives = {f"validation_{reports.objective(name)[0]}" for name in project.settings().tasks}
    first = [n for n in names if n in objectives or n == "train_loss"][:FIRST_CURVES]
    picked = st.multiselect(
        "Metrics", names, default=first or names[:1], format_func=words, key="runs-curves", bind="query-params"
    )
    going_on = tuple(table.loc[table["status"] == "RUNNING", "run_id"])
    st.fragment(_curves, run_every=LIVE_S if going_on else None)(table, tuple(picked), going_on)


def _curves(table: pd.DataFrame, picked: tuple[str, ...], going_on: tuple[str, ...]) -> None:
    found = tracking.histories(tuple(table["run_id"]), picked, going_on)
    parts.away(found.problem)
    labels = dict(zip(table["run_id"], table["label"], strict=True))
    lines = found.table.assign(run=found.table["run_id"].map(labels))
    if picked and len(lines):
        figure = curves.histories(lines, picked, style.series(table["label"]))
        st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="curves")
    if going_on:
        st.caption(f"Read again every {LIVE_S} s while a run is going on.")


def varying(table: pd.DataFrame) -> list[str]:
    """Columns in which runs differ: parameters, metrics of the test, other metrics; of each those first that most runs have."""
    columns = [str(column) for column in table]
    names = [c for c in columns if c.startswith(("params.", "metrics.")) and not c.endswith(tuple(BOUNDS))]
    able = [name for name in names if table[name].nunique() > 1]
    objectives = {
        f"metrics.test_{reports.objective(task)[0]}" for task in set(table["task"]) & set(project.settings().tasks)
    }

    def place(name: str) -> tuple[bool, bool, bool, int, str]:
        return not name.startswith("params."), "test_" not in name, name not in objectives, -table[name].count(), name

    return sorted(able, key=place)


def together(table: pd.DataFrame, names: list[str]) -> list[str]:
    """The first columns that enough runs have all of: those in the last of them, or half of these."""
    *others, last = names
    rows, found = table[table[last].notna()], list[str]()
    least = max(2, len(rows) // 2)
    for name in others:
        if len(found) < FIRST_AXES - 1 and rows[name].notna().sum() >= least and rows[name].nunique() > 1:
            rows, found = rows[rows[name].notna()], [*found, name]
    return [*found, last]


def label(column: str) -> str:
    """How a column of runs is shown."""
    kind, _, name = column.partition(".")
    return words(name) if kind == "metrics" else name


def spreads(table: pd.DataFrame) -> None:
    """Show any two numbers of the runs against each other, and several side by side."""
    able = varying(table)
    if len(table) < 2 or len(able) < 2:
        st.markdown("Of two runs and more that differ, any two numbers are shown against each other here.")
        return
    metrics_of = [name for name in able if name.startswith("metrics.")]
    last = metrics_of[0] if metrics_of else able[-1]
    first = together(table, [*(name for name in able if name.startswith("params.")), last])
    labels = {name: label(name) for name in able}
    ways = [AGAINST, BESIDE]  # one at a time: the second costs a browser without a graphics card a second
    way = st.segmented_control("Figure", ways, default=AGAINST, required=True, key="runs-figure", bind="query-params")
    if way == BESIDE:
        axes = st.multiselect(
            "Side by side", able, default=first, format_func=label, key="runs-axes", bind="query-params"
        )
        if len(axes) > 1:
            figure = spread.parallel(table, axes, labels, axes[-1])
            st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="parallel")
            st.caption("A line a run, dark where the last axis is large. Draw along an axis to single out runs.")
        return
    left, right = st.columns(2)
    across, up = able.index(first[0]) if len(first) > 1 else 0, able.index(last)
    x = left.selectbox("Across", able, index=across, format_func=label, key="runs-x", bind="query-params")
    y = right.selectbox("Up", able, index=up, format_func=label, key="runs-y", bind="query-params")
    roles = {role: palette[0] for role, palette in style.PALETTES.items()}
    st.plotly_chart(spread.scatter(table, x, y, labels, roles), theme="streamlit", config=style.CONFIG, key="spread")


parts.head("Runs", "What was tried, with which parameters, and with which results?")
asked_for = wanted()
shown = page_of(asked_for)
parts.away(shown.problem)
if shown.table.empty and shown.problem is None and tracking.listed(runs.Wanted()).table.empty:
    parts.nothing_yet("No runs have been logged yet.", "make repro")
    st.stop()
compared = select(shown.table, asked_for) if len(shown.table) else tuple(st.query_params.get_all(COMPARED))
if compared:
    picked_runs = tracking.some(compared).table
    picked_runs = picked_runs.assign(label=unique_labels(picked_runs["name"], picked_runs["run_id"]))
    for tab, show in zip(
        st.tabs(["Metrics", "Parameters", "Curves", "Spread"]), (metrics, parameters, over_epochs, spreads), strict=True
    ):
        with tab:
            show(picked_runs)
elif len(shown.table) > 1:
    st.subheader("The runs of this list", anchor=False)
    spreads(shown.table.assign(label=unique_labels(shown.table["name"], shown.table["run_id"])))
