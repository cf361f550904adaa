"""``brightfield tracks``: from positions to trajectories, drift and the physics of each bead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import layout
from brightfield.beads.physics import plotting, tables
from brightfield.beads.physics.conditions import Conditions
from brightfield.beads.physics.reading import ERRORS, UNTRACKED, read_positions
from brightfield.beads.trajectories import Sampling, Track
from brightfield.beads.trajectories.drift import SMOOTHING_S, drift, subtract
from brightfield.beads.trajectories.judging import Bead, classify, rms_error_um
from brightfield.beads.trajectories.linking import MEMORY, Linked, link
from brightfield.errors import BrightfieldError
from brightfield.system import progress
from brightfield.system.files import UNWRITABLE, atomic_file

__all__ = ["Analysis", "Conditions", "Sampling", "Settings", "analyse", "tracks"]

PICTURE, LAST = (
    layout.PHYSICS_PICTURE,
    "physics.csv",
)  # physics.csv is written last: where it exists, all files are complete


@dataclass(frozen=True)
class Settings:
    """How positions are analysed.

    Attributes:
        sampling: frame rate and exposure.
        pixel_size_um: side of a pixel.
        conditions: temperature, viscosity, radius.
        max_step_px: largest step of a bead; for this and the next two see :func:`brightfield.beads.trajectories.linking.link`.
        memory: number of frames that a bead may be missing; None: 3.
        shortest: smallest number of frames in which a bead must be seen.
        reference: particles whose motion counts as drift (see :func:`brightfield.beads.trajectories.drift.drift`).
        without_drift: whether drift is subtracted.
        smoothing_s: time over which drift is averaged.
        lowest_hz: lowest frequency used in the fits of spectra.
        trust_errors: use the localisation errors of the table instead of fitting them.
    """

    sampling: Sampling
    pixel_size_um: float
    conditions: Conditions = field(default_factory=Conditions)
    max_step_px: float | None = None
    memory: int | None = None
    shortest: int | None = None
    reference: Sequence[int] | None = None
    without_drift: bool = True
    smoothing_s: float = SMOOTHING_S
    lowest_hz: float = 0.0
    trust_errors: bool = False


@dataclass(frozen=True)
class Analysis:
    """The result of an analysis.

    Attributes:
        table: trajectories; x and y in px as measured, x_um and y_um without drift.
        max_step_px: the largest step allowed in linking; None: the table named the particles.
        strays: number of positions that belong to no trajectory.
        drift: columns frame, x, y in px, and beads; None: no drift was subtracted.
        beads: the result for each bead, by particle number.
    """

    table: pd.DataFrame
    max_step_px: float | None
    strays: int
    drift: pd.DataFrame | None
    beads: dict[int, Bead]


def analyse(positions: pd.DataFrame, settings: Settings) -> Analysis:
    """Link positions, subtract drift, and classify and fit the motion of each bead.

    Args:
        positions: of :func:`brightfield.beads.physics.reading.read_positions`. A column ``particle`` counts as the result of
            linking, unless the settings name a step or a memory.
        settings: all other inputs.

    Raises:
        BrightfieldError: no bead is seen in enough frames, beads are too crowded, or a reference bead does not exist.
    """
    if settings.trust_errors and not set(ERRORS) <= set(positions):
        raise BrightfieldError(
            f"Localisation errors cannot be trusted: the table has no columns {' and '.join(ERRORS)}. Leave --trust-errors out."
        )
    linked, step = _linked(positions, settings)
    if linked.table.empty:
        raise BrightfieldError(
            f"None of {len(positions)} positions belongs to a bead that is seen in enough frames. Give a larger --max-step, a "
            "larger --memory or a smaller --shortest."
        )
    smoothing = max(1, round(settings.smoothing_s * settings.sampling.frame_rate_hz))
    shift = drift(linked.table, settings.reference, smoothing) if settings.without_drift else None
    still = linked.table if shift is None else subtract(linked.table, shift)
    um = {f"{axis}_um": still[axis] * settings.pixel_size_um for axis in ("x", "y")}
    table = linked.table.assign(**um)
    beads = {}
    for particle, rows in progress.track(_by_particle(table), "physics of beads", unit="bead"):
        error = rms_error_um(rows[list(ERRORS)].dropna(), settings.pixel_size_um) if settings.trust_errors else None
        track = Track(rows["frame"].to_numpy(np.int64), rows[["x_um", "y_um"]].to_numpy(np.float64))
        beads[particle] = classify(track, settings.sampling, lowest_hz=settings.lowest_hz, localisation_um=error)
    return Analysis(table, step, linked.strays, shift, beads)


def tracks(path: Path, out: Path, settings: Settings, *, overwrite: bool = False) -> str:
    """Read positions and write trajectories.csv, drift.csv, msd.csv, spectra.csv, allan.csv, physics.png and, last, physics.csv.

    Args:
        path: a CSV of positions.
        out: output folder; created if missing.
        settings: all other inputs.
        overwrite: replace files of the same name.

    Returns:
        A summary for the user, a few lines.

    Raises:
        BrightfieldError: as :func:`analyse`; results exist already; the disk is full or not writable.
    """
    there = [name for name in (*tables.NAMES, PICTURE) if (out / name).exists()]
    if there and not overwrite:
        raise BrightfieldError(
            f"There are results in {out} already, such as {there[0]}. Choose another folder, or give --overwrite."
        )
    analysis = analyse(read_positions(path, settings.pixel_size_um), settings)
    found = tables.all_tables(analysis.table, analysis.drift, analysis.beads, settings)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / LAST).unlink(missing_ok=True)  # its presence says that all files are complete
        with atomic_file(out / PICTURE) as partial:
            plotting.draw(partial, analysis.table, analysis.beads, found)
        for name in tables.NAMES:
            with atomic_file(out / name) as partial:
                found[name].to_csv(partial, index=False, lineterminator="\n")
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise BrightfieldError(
            f"The results could not be written to {out}: {error.strerror or error}. Each file that exists there is complete."
        ) from error
    return _summary(analysis, settings, out)


def _linked(positions: pd.DataFrame, settings: Settings) -> tuple[Linked, float | None]:
    """Trajectories and the largest step allowed, None where the table names the particles."""
    if "particle" in positions and settings.max_step_px is None and settings.memory is None:
        lasting = positions.groupby("particle")["frame"].transform("size") >= (settings.shortest or 1)
        kept = positions[lasting & (positions["particle"] != UNTRACKED)].sort_values(
            ["frame", "particle"], kind="stable", ignore_index=True
        )
        return Linked(kept, float("nan"), len(positions) - len(kept)), None
    memory = MEMORY if settings.memory is None else settings.memory
    linked = link(positions, max_step_px=settings.max_step_px, memory=memory, shortest=settings.shortest)
    return linked, linked.max_step_px


def _by_particle(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """The rows of each particle, in the order of their numbers."""
    particle = table["particle"].to_numpy(np.int64)
    order = np.argsort(particle, kind="stable")
    numbers, starts = np.unique(particle[order], return_index=True)
    rows = np.split(order, starts[1:])
    return [(int(number), table.iloc[those]) for number, those in zip(numbers, rows, strict=True)]


def _summary(analysis: Analysis, settings: Settings, out: Path) -> str:
    """Describe the result in a few lines."""
    kinds = pd.Series([bead.kind for bead in analysis.beads.values()]).value_counts()
    longest = analysis.max_step_px
    step = "by the column particle of the table" if longest is None else f"by steps of at most {longest:.3g} px"
    lines = [
        f"{len(analysis.beads)} beads ({', '.join(f'{count} {kind}' for kind, count in kinds.items())}), linked {step}; "
        f"{analysis.strays} stray positions left out.",
    ]
    if analysis.drift is None:
        why = (
            "as asked"
            if not settings.without_drift
            else "fewer than five beads are seen in 80% of the frames. Name stuck beads with --reference"
        )
        lines.append(f"No drift was subtracted: {why}.")
    else:
        far = analysis.drift[["x", "y"]].iloc[-1] * settings.pixel_size_um
        of = f"the motion of {analysis.drift['beads'].max()} reference beads"
        lines.append(f"Drift of {far['x']:.3g} um in x and {far['y']:.3g} um in y was subtracted: {of}.")
    return "\n".join([*lines, f"{len(tables.NAMES) + 1} files in {out}: {', '.join((PICTURE, *tables.NAMES))}"])
