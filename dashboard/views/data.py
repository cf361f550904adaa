"""Page Data: the contents of each dataset, and the results of its audit."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import history
import parts
from brightfield.data.measuring import ALONE, COLOUR_RATIOS, MEASURES
from figures import coverage, maps, style
from microscope import view
from queries import closeup, data, project

COLOURS = {"warning": "color: #9a6700", "problem": "color: #b42318"}  # an outcome "ok" has none


def marked(outcome: object) -> str:
    """The style of a cell with an outcome."""
    return COLOURS.get(str(outcome), "")


def show(name: str) -> None:
    """Show the splits and checks of one dataset."""
    found = data.audit(name)
    if found is None:
        parts.nothing_yet(f"{name} has not been prepared yet.", f"dvc repro prepare@{name}")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Checks", anchor=False)
        table = data.checks(found)
        if table.empty:
            parts.nothing_yet("This dataset was audited by an older version.", f"dvc repro prepare@{name}")
        else:
            checks(table)
    with right:
        st.subheader("Splits", anchor=False)
        st.dataframe(data.splits(name, found), hide_index=True)
        st.caption(f"{found['saturated']:.2%} of all pixel values are saturated.")
    if found["warnings"]:
        with st.expander(f"Warnings ({len(found['warnings'])})"):
            st.markdown("\n".join(f"- {parts.plain(warning)}" for warning in found["warnings"]))
    examples(name)
    covered(name)
    mapped(name)
    history.show(name)


def examples(name: str) -> None:
    """Show some images of each split with their truth."""
    sheet = data.gallery(name)
    if sheet is not None:
        with st.expander("Images", expanded=True):
            st.image(sheet, width="stretch")
            st.caption("Evenly spaced images of each split with their truth; of large ones the middle.")


def mapped(name: str) -> None:
    """Show the map of the images, where it is asked for, and the image that is clicked on."""
    if not data.is_here(name):
        return
    st.subheader("Map of the images", anchor=False)
    if not st.toggle("Draw it", key=f"data-map-{name}", bind="query-params"):
        st.caption(
            "Images that look alike lie near each other: groups apart, odd ones and test images unlike the training's are seen. "
            "It takes up to a minute, once."
        )
        return
    table = data.embedding(name)
    if table.empty:
        st.markdown("There are too few images for a map.")
        return
    able = [
        column for column in (data.CLASS, "kind", "split", "group") if column in table and table[column].nunique() > 1
    ]
    by = st.segmented_control(
        "Colour by", able, default=able[0], required=True, key=f"data-by-{name}", bind="query-params"
    )
    event = st.plotly_chart(
        maps.images(table, by or able[0]),
        theme="streamlit",
        config=style.CONFIG,
        key=f"map-{name}",
        on_select="rerun",
        selection_mode="points",
    )
    st.caption(
        "By t-SNE of what an encoder of photographs sees: near means alike; the distance between groups and the axes mean nothing. "
        "Click on a point to look at its image."
    )
    points = event.selection.points
    if points:
        row = table.iloc[int(points[0]["customdata"])]
        view.show(closeup.of_data(name, str(row["split"]), str(row["id"])), "data-microscope", data.pixel_size_um(name))


def covered(name: str) -> None:
    """Show the properties of the images of each split."""
    table = data.coverage(name)
    if table is None:
        return
    st.subheader("Range of the training data", anchor=False)
    figure = coverage.distributions(table, (*MEASURES, *ALONE, *COLOUR_RATIOS))
    st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="coverage")
    st.caption(
        "One box per split: light, contrast, noise, focus and density of its images. The band contains 98% of the training images. "
        "`brightfield predict` names what differs most from the training data where its answers are doubtful."
    )


def checks(table: pd.DataFrame) -> None:
    """Show the checks as a table, warnings and problems in colour."""
    config = {
        "name": st.column_config.TextColumn("check"),
        "count": st.column_config.NumberColumn("found", help="images, pairs, groups or masks"),
        "examples": st.column_config.TextColumn("examples", width="large"),
    }
    styled = table.style.map(marked, subset=["outcome"])
    st.dataframe(styled, hide_index=True, column_config=config)
    outcomes = table["outcome"].value_counts()
    st.caption(
        f"{int(outcomes.get('ok', 0))} of {len(table)} checks found nothing. Warnings are for information; "
        "a problem stops the pipeline before the training."
    )


parts.head("Data", "What does each dataset contain, how is it split, and did its audit find anything?")
known = data.datasets()
if known.empty:
    parts.nothing_yet("No dataset has been prepared yet.", "make repro")
else:
    st.dataframe(known, hide_index=True)
    names = list(project.settings().datasets)
    first = str(known["dataset"].iloc[0])
    chosen = st.segmented_control("Dataset", names, default=first, required=True, key="dataset", bind="query-params")
    show(chosen or first)
