"""Page Confusion: which classes several models confuse."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

import parts
from figures import matrices, style
from queries import errors, project, reports

SHOWN_AT_FIRST = 3
NOBODY = "nothing"  # is subtracted
COUNTS, SHARES = "Counts", "Row %"


def supports(table: pd.DataFrame, models: list[str], classes: list[str]) -> pd.DataFrame:
    """Recall, precision and number of each class, one row per class and model."""
    rows = []
    for model in models:
        counts = matrices.square(table[table["model"] == model], "count", classes)
        right, truth, answered = (
            pd.Series(v, index=classes) for v in (counts.to_numpy().diagonal(), counts.sum(axis=1), counts.sum())
        )
        rows.append(
            pd.DataFrame(
                {
                    "class": classes,
                    "model": model,
                    "recall": right / truth,
                    "precision": right / answered,
                    "in truth": truth,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def by_classes(table: pd.DataFrame, models: list[str]) -> dict[tuple[str, ...], list[str]]:
    """Models grouped by their classes, the fewest classes first, because a model may have a scheme of its own."""
    found: dict[tuple[str, ...], list[str]] = {}
    for model in models:
        found.setdefault(tuple(table.loc[table["model"] == model, "truth"].unique()), []).append(model)
    return dict(sorted(found.items(), key=lambda entry: len(entry[0])))


def open_cell(task: str, event: Any) -> None:
    """Show the images of the cell that was clicked, on the page Errors."""
    points = event.selection.points
    if not points:
        return
    model, truth, answered = points[0]["customdata"][:3]
    if model not in errors.scored(task):
        st.markdown(f"{parts.plain(model)} has no scores of single images here. `make repro` makes them.")
        return
    asked = {"task": task, f"model-{task}": model, f"cell-{task}": errors.cell(truth, answered)}
    st.switch_page("views/errors.py", query_params={f"errors-{key}": value for key, value in asked.items()})


def show(task: str) -> None:
    """Show the matrices of one task."""
    table = reports.confusions(task)
    names = list(table["model"].unique())
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    models = left.multiselect(
        "Models", names, default=names[-SHOWN_AT_FIRST:], key=f"confusion-{task}", bind="query-params"
    )
    unit = right.segmented_control("Show", [SHARES, COUNTS], default=SHARES, key="confusion-unit", bind="query-params")
    reference = left.selectbox(
        "Minus",
        [NOBODY, *names],
        key=f"confusion-minus-{task}",
        bind="query-params",
        help="Show differences to this model",
    )
    if not models:
        st.markdown("Choose a model.")
        return
    shown = [name for name in models if name in names]
    schemes = by_classes(table, shown)
    for place, (classes, alike) in enumerate(schemes.items()):
        alike_to = {tuple(table.loc[table["model"] == reference, "truth"].unique())} if reference != NOBODY else set()
        minus = reference if classes in alike_to else None  # of other classes there is no difference
        others = [model for model in alike if model != minus]
        if not others:
            continue
        figure = matrices.confusions(table, others, classes, counts=unit == COUNTS, reference=minus)
        event = st.plotly_chart(
            figure,
            theme="streamlit",
            config=style.CONFIG,
            key=f"matrices-{place}",
            on_select="rerun",
            selection_mode="points",
        )
        open_cell(task, event)
    st.caption(
        "Test split. Rows are the truth; the colour is the share of the true class, on one scale for all matrices. "
        "A click on a cell shows its images."
        if reference == NOBODY
        else f"Test split. Rows are the truth; numbers are percentage points more than {parts.plain(reference)}. Blue is better: "
        "more that is right, less that is confused. A click on a cell shows its images."
    )
    st.subheader("Recall of each class", anchor=False)
    for place, (classes, alike) in enumerate(schemes.items()):
        figure = matrices.recalls(table, alike, classes, style.colours(project.models()))
        st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key=f"recalls-{place}")
    by_kind(task, shown)
    with st.expander("Table"):
        share = st.column_config.NumberColumn(format="percent")
        columns = {"recall": share, "precision": share, "in truth": st.column_config.NumberColumn(format="localized")}
        figures = pd.concat(
            [supports(table, alike, list(classes)) for classes, alike in schemes.items()], ignore_index=True
        )
        st.dataframe(figures, hide_index=True, column_config=columns)


def by_kind(task: str, models: list[str]) -> None:
    """Show the share of correct answers by kind of image, where the dataset has kinds."""
    table = reports.kinds(task)
    table = table[table["model"].isin(models)]
    if table.empty:
        return
    st.subheader("Correct answers by kind", anchor=False)
    figure = matrices.shares(table, models, style.colours(project.models()))
    st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="kinds")
    st.caption(
        "Test split: share of good images answered as good, and of bad images answered as bad. Bars are intervals over groups."
    )


parts.head("Confusion", "Which classes are confused, and which model confuses them least?")
tasks = [task for task in project.settings().tasks if len(reports.confusions(task))]
if tasks:
    chosen = st.segmented_control(
        "Task", tasks, default=tasks[0], required=True, key="confusion-task", bind="query-params"
    )
    show(chosen or tasks[0])
else:
    parts.nothing_yet("No model of a task with classes has been evaluated yet.", "make repro")
