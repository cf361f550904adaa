"""Page Runs: find runs, and compare metrics, parameters and curves of several."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import parts
from brightfield.metrics.declarations import BOUNDS
from figures import curves, style
from queries import project, reports, tracking
from wording import DASH, direction, short, unique_labels, words

MOST_COMPARED = 12  # largest number of lines in one panel that are distinguishable
FIRST_CURVES = 4  # largest number of metrics that are shown by default


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """The runs that match the filters."""
    task, role, status, text = st.columns([1.2, 1.4, 1.2, 1.6])
    choices = {
        column: place.multiselect(
            label, sorted(table[column].dropna().unique()), key=f"runs-{column}", placeholder="all"
        )
        for column, label, place in (("task", "Task", task), ("role", "Role", role), ("status", "Status", status))
    }
    wanted = text.text_input("Text", key="runs-text", placeholder="in name, id or commit").strip().lower()
    for column, values in choices.items():
        if values:
            table = table[table[column].isin(values)]
    if wanted:
        searched = table["name"] + " " + table["run_id"] + " " + table["tags.mlflow.source.git.commit"].fillna("")
        table = table[searched.str.lower().str.contains(wanted, regex=False)]
    return table.reset_index(drop=True)


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of the list of runs."""
    objectives = {name: reports.objective(name)[0] for name in project.settings().tasks}
    value = pd.Series(float("nan"), index=table.index)
    for task, metric in objectives.items():
        if (column := f"metrics.test_{metric}") in table:
            value = value.mask(table["task"] == task, table[column])
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
            "commit": table["tags.mlflow.source.git.commit"].map(short),
        }
    )


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Show the list of runs, and return the selected rows."""
    filters = "-".join(str(st.session_state.get(f"runs-{k}")) for k in ("task", "role", "status", "text"))
    event = st.dataframe(
        overview(table),
        key=f"runs-table-{filters}",  # a new table for each filter, because the selection consists of row numbers
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height=min(38 + 35 * len(table), 390),
        placeholder=DASH,
        column_config={
            "name": st.column_config.TextColumn(width="medium"),
            "on test": st.column_config.NumberColumn(format="%.4f"),
            "started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone="UTC"),
            "minutes": st.column_config.NumberColumn(format="%.1f"),
        },
    )
    return table.iloc[event.selection.rows]


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
    if len(table) > 1 and not st.toggle("Show parameters that are equal", key="runs-equal"):
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
    picked = st.multiselect("Metrics", names, default=first or names[:1], format_func=words, key="runs-curves")
    found = tracking.histories(tuple(table["run_id"]), tuple(picked))
    parts.away(found.problem)
    labels = dict(zip(table["run_id"], table["label"], strict=True))
    lines = found.table.assign(run=found.table["run_id"].map(labels))
    if picked and len(lines):
        figure = curves.histories(lines, picked, style.series(table["label"]))
        st.plotly_chart(figure, theme=None, config=style.CONFIG, key="curves")


parts.head("Runs", "What was tried, with which parameters, and with which results?")
everything = tracking.all_runs()
parts.away(everything.problem)
if everything.table.empty:
    if everything.problem is None:
        parts.nothing_yet("No runs have been logged yet.", "make repro")
    st.stop()
left = chosen(everything.table)
st.caption(f"{len(left)} of {len(everything.table)} runs, newest first. Select several to compare them.")
picked_runs = select(left) if len(left) else left
if len(picked_runs):
    picked_runs = picked_runs.assign(label=unique_labels(picked_runs["name"], picked_runs["run_id"]))
    for tab, show in zip(st.tabs(["Metrics", "Parameters", "Curves"]), (metrics, parameters, over_epochs), strict=True):
        with tab:
            show(picked_runs)
