"""Data: what is in each dataset, and what its audit found."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import parts
from brightfield.data.measuring import COLOUR_RATIOS, MEASURES
from figures import coverage, style
from queries import data, project

COLOURS = {"warning": "color: #9a6700", "problem": "color: #b42318"}  # what found nothing has none


def marked(outcome: object) -> str:
    """The style of a cell with an outcome."""
    return COLOURS.get(str(outcome), "")


def show(name: str) -> None:
    """The splits and checks of one dataset."""
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
        st.caption(f"{found['saturated']:.2%} of all values are at the camera's limit.")
    if found["warnings"]:
        with st.expander(f"Warnings ({len(found['warnings'])})"):
            st.markdown("\n".join(f"- {parts.plain(warning)}" for warning in found["warnings"]))
    covered(name)


def covered(name: str) -> None:
    """What the images of each split are like."""
    table = data.coverage(name)
    if table is None:
        return
    st.subheader("What the training covers", anchor=False)
    figure = coverage.distributions(table, (*MEASURES, *COLOUR_RATIOS))
    st.plotly_chart(figure, theme=None, config=style.CONFIG, key="coverage")
    st.caption(
        "A box a split: light, contrast, noise, focus and density of its images; the band holds 98% of the training images. "
        "`brightfield predict` warns of images that lie outside what a model was trained on."
    )


def checks(table: pd.DataFrame) -> None:
    """The checks as a table, what is not as it should be in colour."""
    config = {
        "name": st.column_config.TextColumn("check"),
        "count": st.column_config.NumberColumn("found", help="images, pairs, groups or masks"),
        "examples": st.column_config.TextColumn("examples", width="large"),
    }
    styled = table.style.map(marked, subset=["outcome"])
    st.dataframe(styled, hide_index=True, column_config=config)
    outcomes = table["outcome"].value_counts()
    st.caption(
        f"{int(outcomes.get('ok', 0))} of {len(table)} checks found nothing. A warning should be known; "
        "a problem stops the pipeline before anything is trained."
    )


parts.head("Data", "What is in each dataset, how is it split, and did its audit find anything?")
known = data.datasets()
if known.empty:
    parts.nothing_yet("No dataset has been prepared yet.", "make repro")
else:
    st.dataframe(known, hide_index=True)
    names = list(project.settings().datasets)
    first = str(known["dataset"].iloc[0])
    chosen = st.segmented_control("Dataset", names, default=first, required=True, key="dataset")
    show(chosen or first)
