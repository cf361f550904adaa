"""``brightfield locate``: beads found and measured without any training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brightfield.cli.base import ANSWERS, app


@app.command(rich_help_panel=ANSWERS)
def locate(
    paths: Annotated[list[Path], typer.Argument(metavar="FRAMES...", help="Images, stacks or folders of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the answers.")],
    diameter: Annotated[
        float | None,
        typer.Option(min=3, help="Across a bead's image, its rings included, in px [found from the images]."),
    ] = None,
    separation: Annotated[
        float | None, typer.Option(min=1, help="That two beads are at least apart, in px [found from the images].")
    ] = None,
    faintest: Annotated[
        float, typer.Option(min=0.01, max=1, help="Leave out beads of less contrast than this share of the usual one.")
    ] = 0.3,
    first: Annotated[int, typer.Option(min=1, help="Frames from which the beads' profile is learned.")] = 5,
    kinds: Annotated[
        int, typer.Option(min=1, help="Profiles at most, where beads differ by kind or height; 1: all beads alike.")
    ] = 4,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="Several times the frames a second, for several times the error where beads overlap."
        ),
    ] = False,
    overlays: Annotated[int, typer.Option(min=0, help="Frames to draw with their positions.")] = 10,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace answers that are there.")] = False,
) -> None:
    """Find micro-beads at the physical limit, without training: positions.csv with standard errors, and the fitted profile.

    The first frames are searched for round spots and rings, bright or dark; their common profile (brightness by distance from the
    centre) is fitted by least squares. Then every frame is correlated with it, and each bead is fitted to a fraction of a pixel,
    with its neighbours taken away: beads that dim the light of a lamp multiply where they overlap, and those that shine add; which
    of the two holds is measured.

    positions.csv has a row a bead: frame, x, y (px; 0, 0 is the centre of the first pixel), quality (correlation of the fitted
    bead with its pixels, 0 to 1), x_error, y_error (standard errors in px, from the image itself) and image. trackpy links it as it
    is. profile.png shows the profile on the measured pixels: look whether the line runs through them. If not, or if beads are
    missing, give --diameter. Where beads of several kinds, or at several heights, differ by more than the noise, each kind gets a
    profile of its own, up to --kinds, and each bead is fitted by the one that leaves least of its pixels; profile.png shows all.
    """
    from brightfield.beads.locate import locate as locate_beads

    told = locate_beads(
        paths,
        out,
        diameter=diameter,
        separation=separation,
        faintest=faintest,
        first=first,
        kinds=kinds,
        fast=fast,
        overlays=overlays,
        overwrite=overwrite,
    )
    print(told)
