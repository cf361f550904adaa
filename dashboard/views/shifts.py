"""Page Shifts: scores of each model on test images that differ from training in one property."""

from __future__ import annotations

import streamlit as st

import parts
from figures import conditions, shifts, style
from queries import project, reports
from wording import direction, in_tables, words

MEANING = {
    "focus": "another focus than in training",
    "density": "more crowded than in training",
    "light": "another amount of light than in training",
    "camera": "another camera than in training",
}


CONDITIONS = {
    "cover": "Cover is the share of the pixels that belong to cells.",
    "focus_um": "Focus is the distance of the focal plane from the sample, to either side.",
}
RECALIBRATED_HELP = (
    "Temperature and bias of the probabilities are fitted again on 32 labelled images of each part, like `brightfield predict "
    "--recalibrate`; every image is scored with a model that was recalibrated on others."
)


def show(task: str) -> None:
    """Show all models of one task."""
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    metric = left.selectbox(
        "Metric", reports.metrics(task), format_func=words, key=f"shifts-metric-{task}", bind="query-params"
    )
    recalibrated = not reports.on_suites(task, metric, reports.RECALIBRATED)[0].empty and right.toggle(
        "Recalibrated on a few images", help=RECALIBRATED_HELP, key=f"shifts-recalibrated-{task}", bind="query-params"
    )
    table, names = reports.on_suites(task, metric, reports.RECALIBRATED if recalibrated else reports.AS_THEY_ARE)
    towards = direction(metric) or "maximize"
    ceilings = reports.ceilings(task, metric)
    colours = style.colours(project.models())
    figure = shifts.lines(table, names, colours, metric, towards, ceilings)
    st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="shifts")
    meant = "; ".join(f"**{parts.plain(name)}**: {MEANING[name]}" for name in names if name in MEANING)
    limit = " Dashes: the best that any model could reach, because labels are random." if ceilings else ""
    st.caption(
        f"Bars are intervals over groups. Left of the line is the test split, which is like training. {meant}.{limit}"
    )
    st.subheader("Cost of each shift", anchor=False)
    st.caption(
        f"{words(metric)} on the test split, then the difference on each suite; zero means no effect of the shift."
    )
    formats = {names[0]: st.column_config.NumberColumn(format=in_tables(metric))}
    formats |= {name: st.column_config.NumberColumn(format=in_tables(metric, signed=True)) for name in names[1:]}
    st.dataframe(shifts.gaps(table, names), hide_index=True, column_config=formats)
    by_guarantee(task)
    by_kind(task, metric, towards)
    by_condition(task)


def by_guarantee(task: str) -> None:
    """Show how often what is guaranteed of answers was true on each part, where anything is guaranteed."""
    table = reports.guarantees(task)
    if table.empty:
        return
    st.subheader("Guarantees", anchor=False)
    declared = reports.guaranteed(project.settings().tasks[task].kind)
    promised = float(table["promised"].iloc[0])
    for name in dict.fromkeys(table["guarantee"]):
        rows = table[table["guarantee"] == name]
        size = f"{declared[name].size} on test"
        shown = shifts.coverages(rows, size)
        formats = dict.fromkeys(shown.columns[1:-1], st.column_config.NumberColumn(format="percent"))
        formats |= {size: st.column_config.NumberColumn(format="%.2f")}
        st.caption(f"Promised: {declared[name].said(promised)} ({declared[name].where} of `brightfield predict`).")
        st.dataframe(shown, hide_index=True, column_config=formats, key=f"shifts-guarantee-{task}-{name}")
    weak = "" if set(table["over"]) == {"groups"} else " Validation has too few groups to promise it of new groups."
    st.caption(
        f"Limits come from the validation split. Nothing is promised of shifted images: the suites show it.{weak}"
    )


def by_kind(task: str, metric: str, towards: str) -> None:
    """Show a metric on the test images of each kind (such as a level of light), where the dataset has kinds."""
    table, names = reports.on_kinds(task, metric)
    if table.empty:
        return
    st.subheader("By kind of test image", anchor=False)
    colours = style.colours(project.models())
    figure = shifts.lines(table, names, colours, metric, towards, first_apart=False)
    st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="kinds")
    st.caption("Test split, with the number of images of each kind in brackets. Bars are intervals over groups.")


def by_condition(task: str) -> None:
    """Show the metrics of single images against a condition such as cover or focus, where the dataset has it."""
    table = reports.by_condition(task)
    if table.empty:
        return
    st.subheader("Single images by condition", anchor=False)
    left, right, _ = st.columns([1, 1, 2])
    condition = left.selectbox(
        "Condition",
        list(dict.fromkeys(table["condition"])),
        format_func=words,
        key=f"shifts-condition-{task}",
        bind="query-params",
    )
    metric = right.selectbox(
        "Metric of each image",
        list(dict.fromkeys(table["metric"])),
        format_func=words,
        key=f"shifts-image-metric-{task}",
        bind="query-params",
    )
    chosen = table[(table["condition"] == condition) & (table["metric"] == metric)].drop(
        columns=["condition", "metric"]
    )
    chosen = chosen.rename(columns={"at": "condition"})
    figure = conditions.scatter(chosen, style.colours(project.models()), condition, metric)
    st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="conditions")
    st.caption(f"Images of the test split and of all suites. {CONDITIONS.get(condition, '')} Lines connect medians.")


parts.head("Shifts", "Which model still works when focus, density, light or camera differ from training?")
tasks = [task for task in project.settings().tasks if len(reports.on_suites(task)[1]) > 1]
if tasks:
    chosen = st.segmented_control(
        "Task", tasks, default=tasks[0], required=True, key="shifts-task", bind="query-params"
    )
    show(chosen or tasks[0])
else:
    parts.nothing_yet("No model has been scored on a shift suite yet.", "make repro")
