"""Labels that are probably wrong, as ``brightfield labels`` found them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import canonical
from queries import evaluated, project

TEXT = ("id", "group", "split", "label")


def found(dataset: str) -> pd.DataFrame | None:
    """The suspected labels of a dataset, the worst first, see :mod:`brightfield.evaluation.label_errors`; None before a search.

    Raises:
        BrightfieldError: the list is damaged.
    """
    path = layout.report(f"labels-{dataset}") / layout.LABEL_ERRORS
    return _found(str(path.absolute()), path.stat().st_mtime_ns) if path.is_file() else None


@st.cache_data(max_entries=20, show_spinner=False)
def _found(path: str, changed: int) -> pd.DataFrame:
    table = canonical(Path(path), ("id", "split", "label", "suspected"), TEXT)
    read = pd.read_csv(table, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    return read[read["suspected"] == 1].reset_index(drop=True)


def picture(name: str, split: str, image: str, side: int) -> bytes:
    """An image of the dataset of a model, as PNG.

    Raises:
        BrightfieldError: it is not there any more.
    """
    return _picture(name, split, image, side, evaluated.version_of_data(name))


@st.cache_data(max_entries=500, show_spinner=False)
def _picture(name: str, split: str, image: str, side: int, changed: int) -> bytes:
    from brightfield.results import canvas

    known = evaluated.split_of(name, split)
    pixels = np.asarray(known.images[evaluated.place_of(known, image)].image)
    if not pixels.size:
        raise BrightfieldError(f"The image {image} is empty.")
    return project.small_png(canvas.stretch(pixels), side)
