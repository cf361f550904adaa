"""``brightfield locate``: beads found and measured without any training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brightfield.cli.base import ANSWERS, app


@app.command(rich_help_panel=ANSWERS)
def locate(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FRAMES...", help="Frames of one movie: images, stacks or folders of them.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    diameter: Annotated[
        float | None,
        typer.Option(min=3, help="Diameter of a bead's image in px, rings included [measured]."),
    ] = None,
    separation: Annotated[
        float | None, typer.Option(min=1, help="Least distance between two beads in px [from the profile].")
    ] = None,
    faintest: Annotated[
        float,
        typer.Option(min=0.01, max=1, help="Ignore beads whose contrast is below this fraction of the typical one."),
    ] = 0.3,
    first: Annotated[int, typer.Option(min=1, help="Number of frames from which the bead profile is learned.")] = 5,
    kinds: Annotated[
        int, typer.Option(min=1, help="Most profiles, if beads differ in kind or height; 1: all beads share one.")
    ] = 4,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Several times faster; errors are several times larger where beads overlap."),
    ] = False,
    pixel_size_um: Annotated[
        float | None, typer.Option(min=1e-6, help="Pixel size, over that in the files; a column of positions.csv.")
    ] = None,
    overlays: Annotated[int, typer.Option(min=0, help="Number of frames to draw with their positions.")] = 10,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")] = False,
) -> None:
    """Locate micro-beads without training, near the physical limit: positions with standard errors.

    The first frames that show something are searched for round spots and rings, bright or dark. Their common profile (brightness
    against distance from the centre) is fitted by least squares. Where the beads found leave much light unexplained, centres of
    rings that overlap are searched at several radii, and the answer that explains the frames best is used. Every frame is then
    correlated with the profile, and each bead is fitted to a fraction of a pixel with its neighbours subtracted. Overlapping beads
    multiply in transmitted light and add in fluorescence; which of the two applies is measured.

    positions.csv has one row per bead: frame, x, y (px; 0, 0 is the centre of the first pixel), quality (correlation of the fitted
    bead with its pixels, 0 to 1), x_error, y_error (standard errors in px, from the image itself) and image. trackpy links it as it
    is. profile.png shows the profile on the measured pixels: check that the line runs through them. If it does not, or if beads are
    missing, give --diameter. If beads differ in kind or height by more than the noise, each kind gets its own profile, up to
    --kinds, and each bead is fitted with the profile that leaves the smallest residual; profile.png shows all of them.

    Before anything is written, the positions are checked against the frames: how much of the light above noise they explain, and
    what is left over the noise (chi-square: 1 where only noise is left). Positions that lie close together, fit poorly and explain
    little are refused unless --diameter is given. Frames without any bead are refused.
    """
    from brightfield.beads.locate import locate as locate_beads

    summary = locate_beads(
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
        pixel_size_um=pixel_size_um,
    )
    print(summary)
