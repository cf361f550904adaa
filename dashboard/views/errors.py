"""Page Errors: the worst answers of a model, beside those of another one."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import parts
import suspected
from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import declared
from microscope import correcting, opening
from queries import drafts, errors, evaluated, project
from wording import number, words

PER_PAGE, SIDE_PX = 6, 900  # images on a page, and longest side of a picture
NOBODY, EVERY = "nobody", "all"
TICKED = ("split", "group", errors.ANSWERED)  # what is exported of an image beside its label
ANSWERS, LABELS = "answers", "labels that are probably wrong"
WORST, BETTER, WORSE = "worst first", "where the other is better", "where the other is worse"


def chosen(task: str, names: list[str]) -> tuple[str, str | None]:
    """The model, and the one beside it."""
    left, right, _ = st.columns([1.4, 1.4, 2])
    name = left.selectbox("Model", names, index=len(names) - 1, key=f"errors-model-{task}", bind="query-params")
    others = [NOBODY, *(other for other in names if other != name)]
    other = right.selectbox("Beside", others, key=f"errors-beside-{task}", bind="query-params")
    return name, None if other == NOBODY else other


def narrowed(name: str, task: str) -> tuple[pd.DataFrame, str | None]:
    """The rows of the part of the data, the kinds and the cell of the confusion matrix that are asked for, and that cell."""
    table, confused = errors.scores(name), errors.confused(name)
    titles = {"split": "Part", "kind": "Kind"}
    able = [column for column in titles if column in table and table[column].nunique() > 1]
    places = st.columns([*[2] * len(able), 1.6, 0.01])
    cell = None
    if confused is not None:
        title = "Truth as answer" if confused.is_of_images else "Pixels: truth as answer"
        cells = [EVERY, *confused.cells()]
        found = places[-2].selectbox(title, cells, key=f"errors-cell-{task}", bind="query-params")
        if found != EVERY:
            cell, table = found, errors.scores(name, found)[confused.within(found) > 0]
    for column, place in zip(able, places, strict=False):
        values = sorted(map(str, table[column].dropna().unique()))
        first = ["test"] if column == "split" and "test" in values else []
        picked = place.multiselect(
            titles[column], values, default=first, placeholder="all", key=f"errors-{column}-{task}", bind="query-params"
        )
        if picked:
            table = table[table[column].isin(picked)]
    return table.reset_index(drop=True), cell


def ordered(table: pd.DataFrame, other: pd.DataFrame | None, task: str) -> tuple[pd.DataFrame, str]:
    """The rows in the order that is asked for, and the metric of it."""
    left, right, _ = st.columns([1.4, 2.4, 1])
    able = errors.measures(table)
    metric = left.selectbox("By", able, format_func=words, key=f"errors-by-{task}", bind="query-params")
    if other is None or metric not in other:
        return errors.worst(table, metric), metric
    ways = [WORST, BETTER, WORSE]
    way = right.segmented_control("Order", ways, default=WORST, required=True, key="errors-order", bind="query-params")
    both = errors.apart(table, other, metric)
    if way == WORST:
        return errors.worst(both, metric), metric
    return (both if way == BETTER else both[::-1]), metric


def said(row: pd.Series, metric: str) -> str:
    """What is known of an image, in a line."""
    known = [str(row[name]) for name in ("split", "kind") if name in row and pd.notna(row[name])]
    if errors.TRUTH in row:
        known.append(f"{row[errors.TRUTH]}, answered {row[errors.ANSWERED]}")
    return " · ".join([*known, declared(metric).said(row[metric])])


def gallery(table: pd.DataFrame, metric: str, name: str, other: str | None) -> None:
    """Show a page of images with the answers of one model or two."""
    dataset = evaluated.entry_of(name).dataset
    pages = -(-len(table) // PER_PAGE)
    page = st.pagination(pages, key="errors-page", bind="query-params") if pages > 1 else 1
    some = table.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]
    errors.draw_ahead([name] if other is None else [name, other], some, SIDE_PX)
    for first in range(0, len(some), 1 if other else 2):
        rows = [row for _, row in some.iloc[first : first + (1 if other else 2)].iterrows()]
        for place, row in zip(st.columns(2) if other is None else [st.container()], rows, strict=False):
            with place, st.container(border=True):
                headed(row, metric)
                if drafts.tools(name):
                    correcting.tick(dataset, str(row["id"]), ticked(row))
                pictures(row, metric, [name] if other is None else [name, other])


def ticked(row: pd.Series) -> dict[str, object]:
    """What is exported of an image whose truth is wrong."""
    return {**{column: row[column] for column in TICKED if column in row}, "label": row.get(errors.TRUTH, "")}


def headed(row: pd.Series, metric: str) -> None:
    """Show what is known of an image, and a button that opens it."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(headline(row, metric), width="content")
        opening.button("errors", identity(row))


def identity(row: pd.Series) -> str:
    """The image of a row in the address."""
    return opening.identity(row["split"], row["id"])


def headline(row: pd.Series, metric: str) -> str:
    """The name of an image and what is known of it."""
    return f"**{parts.plain(str(row['id']))}** :gray[{parts.plain(said(row, metric))}]"


def pictures(row: pd.Series, metric: str, names: list[str]) -> None:
    """Show the answers of models to an image beside each other."""
    values = [row[metric], row.get(f"{metric} of other")]
    for place, name, value in zip(st.columns(len(names)), names, values, strict=False):
        shown = errors.picture(name, str(row["split"]), str(row["id"]), SIDE_PX)
        place.image(shown, width="stretch", output_format="PNG")
        if len(names) > 1:
            place.caption(f"{parts.plain(name)}: {number(value)}")


def show(task: str) -> None:
    """Show the worst answers of a model of one task, or where images have labels those that are probably wrong."""
    scored = errors.scored(task)
    if project.classifies(task):
        ways = [ANSWERS, LABELS]
        way = st.segmented_control(
            "Look at", ways, default=ANSWERS, required=True, key="errors-look", bind="query-params"
        )
        if way == LABELS:
            suspected.show(scored[-1])
            return
    name, other = chosen(task, scored)
    if not errors.measures(errors.scores(name)):
        st.markdown("No metric of this task is of one image alone.")
        return
    table, cell = narrowed(name, task)
    table, metric = ordered(table, None if other is None else errors.scores(other, cell), task)
    if table.empty:
        st.markdown("No image is so.")
        return
    st.caption(
        f"{len(table)} images. Crosses, outlines and frames are answers; circles and dashes are the truth. Scores are those of one "
        "image alone."
    )
    try:
        identities = [identity(row) for _, row in table.iterrows()]
        opening.show(
            "errors",
            identities,
            lambda place: headline(table.iloc[place], metric),
            [name] if other is None else [name, other],
            lambda place: ticked(table.iloc[place]),
        )
        gallery(table, metric, name, other)
    except BrightfieldError as error:  # scores are shared without images and models
        st.markdown(f"There are no pictures here. {parts.plain(str(error))}")
    whole = st.expander("Table", key="errors-table", on_change="rerun")
    if whole.open:  # thousands of rows take a browser half a second
        whole.dataframe(table, hide_index=True)


parts.head("Errors", "Which images does a model get wrong, and does another one get them right?")
tasks = [task for task in project.settings().tasks if errors.scored(task)]
if tasks:
    wanted = st.segmented_control(
        "Task", tasks, default=tasks[0], required=True, key="errors-task", bind="query-params"
    )
    show(wanted or tasks[0])
else:
    parts.nothing_yet("No model has been evaluated yet.", "make repro")
