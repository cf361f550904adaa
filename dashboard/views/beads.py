"""Page Beads: how the beads of a movie moved, and what that says of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import streamlit as st

import parts
from figures import motion, style
from figures import residuals as of_residuals
from queries import residuals, tracks
from wording import number

MOVIES, TRUTH = "movies", "against the truth"
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


def against_truth() -> None:
    """Show how far a model's answers are from the truth of the test images, and whether where in a pixel a bead is matters."""
    names = residuals.models()
    if not names:
        parts.nothing_yet("No model of positions has been evaluated yet.", "make repro")
        return
    name = st.selectbox("Model", names, index=len(names) - 1, key="beads-model", bind="query-params", width=420)
    table = residuals.table(name)
    if table.empty:
        st.markdown("It found none of the beads of the test images.")
        return
    known = residuals.summary(table)
    said = f"{int(known['beads'])} beads of the test images, each coordinate **{number(known['rms'])} px** off (root mean square)"
    if not math.isnan(known["ratio"]):
        said += f"; the fit says {number(known['stated'])} px, near the bound: errors are **{known['ratio']:.2f}** times that"
    st.markdown(f"{said}.")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Bias within a pixel", anchor=False)
        figure = of_residuals.bias(residuals.bias(table))
        st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="beads-bias")
        st.caption(
            "Mean error by where in a pixel a bead is, with two standard errors. A wave is a bias of the method."
        )
    with right:
        st.subheader("Error over the bound", anchor=False)
        ratios = (table[["dx", "dy"]].to_numpy() / table[["error_x", "error_y"]].to_numpy()).ravel()
        ratios = ratios[np.isfinite(ratios)]
        if not len(ratios):
            st.markdown("This model states no standard errors.")
        else:
            figure = of_residuals.over_stated(ratios)
            st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="beads-over")
            st.caption(
                "Wider than the line: errors are larger than the fit says, whose standard errors are those of the bound."
            )
    with st.expander("Table"):
        st.dataframe(table, hide_index=True)


parts.head("Beads", "How did the beads of a movie move, and how accurately are beads found?")
way = st.segmented_control(
    "Look at", [MOVIES, TRUTH], default=MOVIES, required=True, key="beads-look", bind="query-params"
)
known = tracks.folders()
if way == TRUTH:
    against_truth()
elif known:
    chosen_folder = st.selectbox("Tracks", known, key="beads-folder", bind="query-params", width=420)
    show(chosen_folder)
else:
    parts.nothing_yet(
        "No movie of this folder has been tracked yet.",
        "brightfield predict beads movie/ -o positions\nbrightfield tracks positions/positions.csv -o tracks --frame-rate 100",
        "These commands find the beads of a movie and follow them:",
    )
