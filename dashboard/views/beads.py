"""Page Beads: how the beads of a movie moved, and what that says of them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import parts
from figures import motion, style
from queries import tracks
from wording import number

SHOWN = 6  # beads at first: those seen in most frames
UNITS = {  # columns of physics.csv that everybody looks at: title, and by what the number is multiplied
    "diffusion_um2_s": ("D (\N{MICRO SIGN}m\N{SUPERSCRIPT TWO}/s)", 1),
    "localisation_error_um": ("error of a position (nm)", 1000),
    "corner_hz": ("corner (Hz)", 1),
    "stiffness_pn_um": ("stiffness (pN/\N{MICRO SIGN}m)", 1),
}
FIGURES = {  # tab: table, figure, what it shows
    "Trajectories": (
        tracks.TRAJECTORIES,
        motion.trajectories,
        "About the mean of each bead, without drift; y points down.",
    ),
    "Displacements": (
        tracks.DISPLACEMENTS,
        motion.displacements,
        "Mean squared displacement with standard errors. Lines: the fitted model. Free beads rise, trapped ones level off.",
    ),
    "Spectra": (
        tracks.SPECTRA,
        motion.spectra,
        "Power spectrum of a coordinate, one-sided, the mean of x and y. Lines: the fitted trap.",
    ),
    "Stability": (
        tracks.STABILITY,
        motion.stability,
        "Overlapping Allan deviation: how much a position still changes when averaged over a time. Where it rises, drift begins.",
    ),
    "Within a pixel": (
        tracks.TRAJECTORIES,
        motion.phases,
        "Where beads roam over several pixels, all places within one are as frequent (dots). Peaks are a bias of the localisation; "
        "a bead that hardly moves has a peak of its own.",
    ),
}


def beads(physics: pd.DataFrame) -> list[int]:
    """Show what was measured of each bead; returns those that are chosen."""
    rows = {
        "bead": physics["particle"].tolist(),
        "looks like": physics["looks_like"].tolist(),
        "frames": physics["frames"].tolist(),
    }
    for column, (title, factor) in UNITS.items():
        if column in physics:
            rows[title] = [_with_interval(row, column, factor) for _, row in physics.iterrows()]
    event = st.dataframe(
        pd.DataFrame(rows), hide_index=True, on_select="rerun", selection_mode="multi-row", key="beads-table"
    )
    picked = [int(physics["particle"].iloc[i]) for i in event.selection.rows]
    most = physics.sort_values("frames", ascending=False, kind="stable")["particle"].head(SHOWN)
    if not picked and len(physics) > SHOWN:
        st.caption(f"Drawn are the {SHOWN} beads seen in most frames of {len(physics)}. Tick others to see them.")
    return picked or sorted(map(int, most))


def _with_interval(row: pd.Series, column: str, factor: float) -> str:
    """A number with its interval; a dash where it is not known."""
    value, low, high = (factor * row.get(f"{column}{end}", float("nan")) for end in ("", "_low", "_high"))
    within = "" if pd.isna(low) or pd.isna(high) else f" ({number(low)} to {number(high)})"
    return f"{number(value)}{within}"


def show(folder: str) -> None:
    """Show the beads of one folder."""
    physics = tracks.table(folder, tracks.LAST)
    if physics.empty:
        st.markdown("No bead was seen for long enough.")
        return
    chosen = beads(physics)
    colours = {particle: style.MEMBERS[i % len(style.MEMBERS)] for i, particle in enumerate(chosen)}
    for tab, (name, draw, what) in zip(st.tabs(list(FIGURES)), FIGURES.values(), strict=True):
        with tab:
            figure = draw(tracks.table(folder, name), colours)
            st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key=f"beads-{draw.__name__}")
            st.caption(what)


parts.head("Beads", "How did the beads of a movie move, and what does that say of them?")
known = tracks.folders()
if known:
    chosen_folder = st.selectbox("Tracks", known, key="beads-folder", bind="query-params", width=420)
    show(chosen_folder)
else:
    parts.nothing_yet(
        "No movie of this folder has been tracked yet.",
        "brightfield predict beads movie/ -o positions\nbrightfield tracks positions/positions.csv -o tracks --frame-rate 100",
        "These commands find the beads of a movie and follow them:",
    )
