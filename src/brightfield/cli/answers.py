"""``brightfield predict``: ask a model about images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from brightfield.cli.base import ANSWERS, TASK, app, given


@app.command(rich_help_panel=ANSWERS)
def predict(
    task: TASK,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, stacks or folders of them.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the answers.")] = None,
    sort: Annotated[
        Path | None,
        typer.Option(
            "--sort", help="Instead of --out, for classification: a new folder for copies, sorted; see below."
        ),
    ] = None,
    sure: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="With --sort: the chance of being right that an answer must have [0.9]."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="champion, another alias or version of the registry, a model's name, or a bundle's folder."),
    ] = "champion",
    recalibrate: Annotated[
        Path | None,
        typer.Option(help="For classification: a few labelled images of the same acquisition, in class folders."),
    ] = None,
    fluorescence: Annotated[
        Path | None,
        typer.Option(help="For segmentation: an image of the same name for each, to be measured in every cell."),
    ] = None,
    pixel_size_um: Annotated[
        float | None,
        typer.Option(
            min=0, help="If it is not the task's own; images of bacteria are magnified to that for the model."
        ),
    ] = None,
    magnify: Annotated[
        float | None,
        typer.Option(min=0, help="For segmentation: how many times larger the model is to see the images; see below."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace answers that are there; with --sort, all that was sorted there."),
    ] = False,
) -> None:
    """Answer images: label TIFF and region table, positions CSV, labels CSV or denoised TIFF, and an overlay PNG each.

    With --sort OUT the images of a classification are copied instead, byte for byte and under their names: into a folder for
    each class (rbc: OUT/good, OUT/bad), and into OUT/unsure where the calibrated chance that the answer is right is less than
    --sure, or where an image lies outside what the model was trained on. A lower --sure leaves fewer to look at and more wrong
    labels; 0 sorts every image by its answer alone. OUT/sorted.csv lists them, the least certain first, and
    OUT/least-certain.png shows those. Move what is in OUT/unsure to where it belongs, and `brightfield import rbc OUT --name
    NAME` takes the folder as it is; what is left in OUT/unsure is left out.

    A model of bacteria knows cells of the width it was trained on. Images of another magnification are brought to it: say how large
    their pixels are (--pixel-size-um), or, where cells of another kind are half as wide, --magnify 2. Answers have the pixels of
    the images themselves.

    Under another stain, lamp or camera probabilities are off. With --recalibrate FOLDER (rbc: FOLDER/good, FOLDER/bad, about 15
    labelled images each, of the images to be answered or of their like) they are shifted to what is right there. Take them as they
    come, not the clearest; how many of each there are does not matter, the share of good ones is held to be that of the model's
    validation split.
    """
    of_out = {"--pixel-size-um": pixel_size_um, "--magnify": magnify, "--fluorescence": fluorescence}
    _check_together(out, sort, sure, of_out)
    if sort is not None:
        from brightfield.prediction import sorting

        chosen = given(sure=sure, recalibrate=recalibrate)
        print(sorting.sort(task, paths, sort, reference=model, overwrite=overwrite, **chosen))
    if out is not None:
        from brightfield import prediction

        chosen = given(pixel_size_um=pixel_size_um, magnify=magnify, recalibrate=recalibrate, fluorescence=fluorescence)
        summary = prediction.predict(task, paths, out, reference=model, overwrite=overwrite, **chosen)
        if summary.recalibrated:
            print(summary.recalibrated)
        if summary.warning:
            print(f"warning: {summary.warning}")
        tables = ", ".join(sorted({path.name for path in summary.files if path.suffix == ".csv"}))
        print(f"{len(summary.files)} files in {out}: {tables}")


def _check_together(out: Path | None, sort: Path | None, sure: float | None, of_out: Mapping[str, object]) -> None:
    """Raise typer.BadParameter for options that do not go together; ``of_out`` are those that belong to --out."""
    if (out is None) == (sort is None):
        raise typer.BadParameter("Give one of --out and --sort: a folder for answers, or one for sorted copies.")
    for name, value in of_out.items():
        if sort is not None and value is not None:
            raise typer.BadParameter(f"{name} belongs to --out: nothing is measured in images that are sorted.")
    if sort is None and sure is not None:
        raise typer.BadParameter("--sure belongs to --sort.")
