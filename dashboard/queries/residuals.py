"""How far answers of positions are from the truth, bead by bead, on the test images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from queries import errors, evaluated, project

SPLIT = "test"
COLUMNS = ("image", "x", "y", "dx", "dy", "error_x", "error_y")


def models() -> list[str]:
    """Models and ensembles that answer positions and were scored."""
    return [name for task in project.settings().tasks if project.locates(task) for name in errors.scored(task)]


def table(name: str) -> pd.DataFrame:
    """The beads of the test images that a model found.

    Returns:
        A row a bead that is matched with a true one: image, x and y of the truth, dx and dy of the answer from there, and error_x
        and error_y, the standard errors that the answer states (those of the fit, near the Cramer-Rao bound), nan where it states
        none; all in px.

    Raises:
        BrightfieldError: the images, and the answers or the model, are not here.
    """
    return _table(name, evaluated.versions(name, SPLIT))


@st.cache_data(max_entries=20, show_spinner="Measuring residuals")
def _table(name: str, changed: tuple[int, ...]) -> pd.DataFrame:
    known, scoring = evaluated.split_of(name, SPLIT), evaluated.task_of(name).scoring
    parts = []
    for image in known.images.index["id"]:
        found = scoring.residuals(*evaluated.answer(name, SPLIT, str(image)))
        parts.append(pd.DataFrame(found, columns=list(COLUMNS[1:])).assign(image=str(image)))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))


def summary(residuals: pd.DataFrame) -> Mapping[str, float]:
    """In numbers.

    Returns:
        ``beads``; ``rms``, the root mean square error of a coordinate (px); ``stated``, that of the stated standard errors (px);
        ``ratio``, that of errors over stated ones, 1 where these are right.
    """
    off, stated = residuals[["dx", "dy"]].to_numpy(float), residuals[["error_x", "error_y"]].to_numpy(float)
    known = np.isfinite(stated)
    rms = float(np.sqrt(np.mean(off**2))) if off.size else float("nan")
    of_stated = float(np.sqrt(np.mean(stated[known] ** 2))) if known.any() else float("nan")
    ratio = float(np.sqrt(np.mean((off[known] / stated[known]) ** 2))) if known.any() else float("nan")
    return {"beads": float(len(residuals)), "rms": rms, "stated": of_stated, "ratio": ratio}


def bias(residuals: pd.DataFrame, bins: int = 10) -> pd.DataFrame:
    """The mean residual by where in a pixel a bead is.

    Returns:
        Columns coordinate (x or y), phase (px from the centre of the pixel, the middle of a bin, -0.5 to 0.5), mean, error
        (standard error of the mean; nan of a single bead) and beads.
    """
    rows = []
    for coordinate in ("x", "y"):
        place = residuals[coordinate].to_numpy(float)
        phase = place - np.round(place)
        number = np.minimum(((phase + 0.5) * bins).astype(int), bins - 1)
        off = residuals[f"d{coordinate}"].to_numpy(float)
        for i in range(bins):
            here = off[number == i]
            if len(here):
                error = here.std(ddof=1) / np.sqrt(len(here)) if len(here) > 1 else np.nan
                rows.append((coordinate, (i + 0.5) / bins - 0.5, here.mean(), error, len(here)))
    return pd.DataFrame(rows, columns=["coordinate", "phase", "mean", "error", "beads"])
