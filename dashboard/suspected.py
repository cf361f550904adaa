"""Labels that are probably wrong on the page Errors: looked at, and corrected or ticked."""

from __future__ import annotations

import streamlit as st

import parts
from brightfield.errors import BrightfieldError
from microscope import correcting
from queries import evaluated, suspects
from wording import number

PER_PAGE, PER_ROW, SIDE_PX = 12, 4, 300


def show(name: str) -> None:
    """Show the suspected labels of the dataset of a model.

    Args:
        name: of a model that was scored on the dataset.
    """
    dataset = evaluated.entry_of(name).dataset
    table = suspects.found(dataset)
    if table is None:
        parts.nothing_yet(f"The labels of {dataset} have not been judged yet.", f"brightfield labels {dataset}")
        return
    if table.empty:
        st.markdown("No label of the training and the validation split is probably wrong.")
        return
    st.caption(
        f"{len(table)} labels of the training and the validation split that a classifier, trained without the image's own group, "
        "does not believe, by confident learning; the worst first. Choose the class that an image shows, if it is another one."
    )
    correcting.pending(dataset)
    pages = -(-len(table) // PER_PAGE)
    page = st.pagination(pages, key="suspected-page", bind="query-params") if pages > 1 else 1
    some = table.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]
    for first in range(0, len(some), PER_ROW):
        for place, (_, row) in zip(st.columns(PER_ROW), some.iloc[first : first + PER_ROW].iterrows(), strict=False):
            with place, st.container(border=True):
                split, image = str(row["split"]), str(row["id"])
                try:
                    st.image(suspects.picture(name, split, image, SIDE_PX), width="stretch")
                except BrightfieldError as error:
                    st.markdown(f"There is no picture here. {parts.plain(str(error))}")
                    continue
                believed = number(float(row["probability_of_label"]))
                said = f"{split} · {parts.plain(str(row['label']))}, believed to {believed}"
                st.markdown(f"**{parts.plain(image)}** :gray[{said}]")
                correcting.controls(name, split, image)
