"""Movies of beads as ``brightfield tracks`` measured them: its folders, and their tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import streamlit as st

from brightfield.errors import BrightfieldError
from queries import project

LAST = "physics.csv"  # written last: where it is, all files are complete
TRAJECTORIES, DISPLACEMENTS, SPECTRA, STABILITY = "trajectories.csv", "msd.csv", "spectra.csv", "allan.csv"
COLUMNS = {  # that the page shows
    LAST: ("particle", "looks_like", "frames"),
    TRAJECTORIES: ("frame", "x", "y", "particle", "x_um", "y_um"),
    DISPLACEMENTS: ("particle", "lag_s", "msd_um2", "standard_error_um2"),
    SPECTRA: ("particle", "frequency_hz", "power_x_um2_hz", "power_y_um2_hz", "fitted_um2_hz"),
    STABILITY: ("particle", "tau_s", "deviation_um", "low_um", "high_um"),
}
DEEPEST, MOST = 4, 200  # folders below the project's, and how many are listed
LEFT_OUT = {
    "data",
    "mlartifacts",
    "models",
    "ensembles",
    "src",
    "tests",
    "docs",
    "dashboard",
}  # where nobody puts movies, and much lies


@st.cache_data(ttl=project.TTL_S, show_spinner="Looking for tracks")
def folders() -> list[str]:
    """Folders of the project that ``brightfield tracks`` filled, the newest first, as paths from the project's."""
    found = sorted(_found(Path()), key=lambda path: (path / LAST).stat().st_mtime, reverse=True)
    return [str(path) for path in found[:MOST]]


def _found(top: Path) -> Iterator[Path]:
    for here, below, files in os.walk(top):
        depth = len(Path(here).relative_to(top).parts)
        below[:] = [] if depth >= DEEPEST else [name for name in below if name[0] not in "._" and name not in LEFT_OUT]
        if LAST in files:
            yield Path(here)


def table(folder: str, name: str) -> pd.DataFrame:
    """A table of a folder.

    Raises:
        BrightfieldError: it is missing or damaged.
    """
    path = Path(folder) / name
    try:
        return _table(str(path), name, path.stat().st_mtime_ns)
    except OSError as error:
        raise BrightfieldError(f"{path} cannot be read: {error.strerror}. `brightfield tracks` writes it.") from error


@st.cache_data(max_entries=40, show_spinner="Reading tracks")
def _table(path: str, name: str, changed: int) -> pd.DataFrame:
    try:
        found = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise BrightfieldError(f"{path} is no table: {error}. `brightfield tracks` writes it anew.") from error
    if missing := [column for column in COLUMNS[name] if column not in found]:
        raise BrightfieldError(
            f"{path} has no column {missing[0]!r}: it is none of `brightfield tracks`, or of an earlier one."
        )
    return found
