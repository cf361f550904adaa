"""``brightfield tracks``: from positions to trajectories and physics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brightfield.cli.base import ANSWERS, app


@app.command(rich_help_panel=ANSWERS)
def tracks(
    positions: Annotated[
        Path, typer.Argument(metavar="POSITIONS.csv", help="Table of one movie with columns frame, x, y (px).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for the results.")],
    frame_rate: Annotated[
        float | None, typer.Option(metavar="HZ", min=0, help="Frames per second [from the column time_s].")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(metavar="UM", min=0, help="Size of a pixel [from the column pixel_size_um].")
    ] = None,
    exposure: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="Exposure time of a frame [the whole frame].")
    ] = None,
    max_step: Annotated[
        float | None, typer.Option(metavar="PX", min=0, help="Largest step between frames [from the positions].")
    ] = None,
    memory: Annotated[
        int | None, typer.Option(metavar="FRAMES", min=0, help="A bead may be missing for so many frames [3].")
    ] = None,
    shortest: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Ignore beads seen in fewer frames [10].")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="3,7", help="Particles stuck to the glass; their motion is the drift.")
    ] = None,
    no_drift: Annotated[bool, typer.Option("--no-drift", help="Do not subtract drift.")] = False,
    drift_smoothing: Annotated[
        float, typer.Option(metavar="S", min=0, help="Time over which drift is smoothed.")
    ] = 1.0,
    lowest: Annotated[
        float, typer.Option(metavar="HZ", min=0, help="Lowest frequency that the fits of spectra use.")
    ] = 0.0,
    trust_errors: Annotated[
        bool,
        typer.Option("--trust-errors", help="Take localisation errors from x_error and y_error (px); do not fit them."),
    ] = False,
    temperature: Annotated[float, typer.Option(metavar="CELSIUS", help="Temperature of the sample.")] = 25.0,
    viscosity: Annotated[float | None, typer.Option(metavar="MPA_S", min=0, help="Viscosity in mPa s [water].")] = None,
    radius: Annotated[
        float | None,
        typer.Option(metavar="UM", min=0, help="Radius of the beads: gives stiffness from their drag as well."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")] = False,
) -> None:
    """Link positions of beads, subtract drift, and measure diffusion constants and the stiffness of optical traps.

    POSITIONS.csv is what `brightfield predict beads movie/ -o FOLDER` writes, or a table of trackpy, TrackMate (spots) or ImageJ
    (results, in pixels). A column particle, or TrackMate's TRACK_ID without branches, is used as it is, unless --max-step or
    --memory is given. Without --max-step, the largest step is five standard deviations of the steps
    between nearest neighbours in consecutive frames (more over gaps), and never more than the distance between beads.

    physics.csv has one row per particle and says what each looks like: free (diffusion constant), trapped (corner frequency and
    stiffness), stuck (white noise only), unclear (free, or in a trap too weak for so short a movie) or short (fewer than 20
    frames). Column names end in their unit; 95% intervals end in _low and _high. Stiffness needs only --temperature. With --radius
    it is also computed from the drag, and the diffusion constant expected by Stokes stands beside the measured one. The other files
    are trajectories.csv (x and y in px as measured, x_um and y_um without drift), drift.csv, msd.csv, spectra.csv, allan.csv and a
    figure, physics.png.

    Drift is the common motion of all beads that are seen throughout, if there are five or more. With n beads this also removes one
    n-th of each bead's own motion. Better: look at a first run, then name particles that are stuck to the glass with --reference. A
    trap whose corner lies above a fifth of the frame rate looks like noise: its intervals are wide, unless --trust-errors gives the
    size of the noise. --lowest 1 leaves slow drift out of the fits.
    """
    from brightfield.beads import physics
    from brightfield.beads.physics.recording import recording
    from brightfield.beads.trajectories import Sampling

    if frame_rate == 0 or pixel_size == 0 or max_step == 0:
        raise typer.BadParameter("--frame-rate, --pixel-size and --max-step are above 0.")
    found = recording(positions, frame_rate, pixel_size)
    if exposure is not None and exposure * found.frame_rate_hz > 1 + 1e-9:
        raise typer.BadParameter(f"--exposure is at most a frame, {1 / found.frame_rate_hz:g} s, got {exposure:g} s.")
    settings = physics.Settings(
        sampling=Sampling(found.frame_rate_hz, exposure),
        pixel_size_um=found.pixel_size_um,
        conditions=physics.Conditions(temperature, viscosity, radius),
        max_step_px=max_step,
        memory=memory,
        shortest=shortest,
        reference=None if reference is None else _numbers(reference),
        without_drift=not no_drift,
        smoothing_s=drift_smoothing,
        lowest_hz=lowest,
        trust_errors=trust_errors,
    )
    print(physics.tracks(positions, out, settings, overwrite=overwrite))
    if frame_rate is None:
        print(f"Frame rate: {found.frame_rate_hz:.4g} Hz, as the table states (column time_s).")
    if pixel_size is None:
        print(f"Pixel size: {found.pixel_size_um:.4g} um, as the table states (column pixel_size_um).")


def _numbers(text: str) -> list[int]:
    """From 3,7; raises typer.BadParameter for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"--reference takes particles such as 3,7, got {text!r}.")
    return [int(part) for part in parts]
