"""``brightfield predict``: apply a model to images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brightfield.cli.base import ANSWERS, TASK, app, given

if TYPE_CHECKING:
    from brightfield.prediction import PredictionSummary

AUTO = "auto"  # that of brightfield.prediction.own_scale, whose import takes long


def _magnification(text: str) -> float | str:
    """A number above 0, or auto.

    Raises:
        typer.BadParameter: the text is neither.
    """
    if text.strip().lower() == AUTO:
        return AUTO
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not (math.isfinite(factor) and factor > 0):
        raise typer.BadParameter(f"got {text!r}: expected a number above 0, or {AUTO}.")
    return factor


@app.command(rich_help_panel=ANSWERS)
def predict(
    task: TASK,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Images, stacks, folders of them, or folders that import takes."),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the answers.")] = None,
    sort: Annotated[
        Path | None,
        typer.Option("--sort", help="Instead of --out, for classification: a new folder for sorted copies; see below."),
    ] = None,
    sure: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="With --sort: least probability that a sorted answer is correct [0.9]."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="champion, another alias or version of the registry, a model's name, a bundle's folder, or starter: the model "
            "that comes with Brightfield and needs no training."
        ),
    ] = "champion",
    recalibrate: Annotated[
        Path | None,
        typer.Option(help="For classification: a few labelled images of the same acquisition, in class folders."),
    ] = None,
    fluorescence: Annotated[
        Path | None,
        typer.Option(help="For segmentation: fluorescence images of the same names, to be measured in every cell."),
    ] = None,
    pixel_size_um: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Pixel size of the images, over that in their files; images of cells are magnified to the training's.",
        ),
    ] = None,
    magnify: Annotated[
        Any,
        typer.Option(
            parser=_magnification,
            metavar="FACTOR|auto",
            help="Magnification before prediction (not for restoration), or auto, to measure it; see below.",
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            metavar="METHODS",
            help="Classical methods to answer beside the model, with commas: otsu (bacteria), locate (beads), nlm (denoise).",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="With --beside: labels or clean images of the same names, or positions.csv, by which both are scored."
        ),
    ] = None,
    overlays: Annotated[
        int | None,
        typer.Option(min=0, help="Number of images to draw with their answers [all; of crops the first 20]."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace existing answers; with --sort, the whole sorted folder."),
    ] = False,
) -> None:
    """Predict images: label TIFF and region table, positions CSV, labels CSV or denoised TIFF, and overlay PNGs.

    A folder stands for its images; files of other tools and earlier answers beside them are left out and counted, a file that is
    named is always taken. A folder that `brightfield import` takes stands for the images in it (class folders, images/ with
    labels/, folders of movies, noisy/ with clean/); their truth is left out and counted. Where images come from several folders,
    or two have one name, the column source of the tables names the file, and so the class folder.

    With --sort OUT the images of a classification are copied instead, byte for byte and under their names: into a folder for
    each class (rbc: OUT/good, OUT/bad), or into OUT/unsure if the calibrated probability that the answer is correct is less than
    --sure, or if the answer is doubtful. A lower --sure leaves fewer images to check and more wrong
    labels; 0 sorts every image by its answer alone. OUT/sorted.csv lists the images, the least certain first, and
    OUT/least-certain.png shows those. Move the images of OUT/unsure into the right folders; then `brightfield import rbc OUT
    --name NAME` imports the folder, without the images that are still in OUT/unsure.

    A model of bacteria expects cells of the width in its training data. Images of another magnification are scaled to it by the
    pixel size in their files (OME, ImageJ, Micro-Manager, TIFF resolution); --pixel-size-um stands over it. For another species
    with cells half as wide, give --magnify 2. Answers have the pixels of the original images.

    --magnify auto measures the width of the cells, on a few images that stand for all, and brings it to what the model knows. Give
    it the images of one acquisition at a time. Where cells are not found for sure, it says so and changes nothing. --pixel-size-um
    stands over it. With --model starter it is the default unless a number or a pixel size is given. Of beads, which have any width,
    it takes the size at which the model agrees most with itself: 1 to 0.25 times that of the frames.

    Crops of blood cells are taken as they come, resized to the size of the training's. With --pixel-size-um or --magnify a crop is
    scaled so that the cell is as wide as in the training, then cut, or filled up with the colour of its border; with --magnify auto
    only where cells are more than 1.35 times wider or narrower than the model knows.

    --beside METHODS answers by classical methods, too, which need no training: a picture of both answers for each image, the table
    beside.csv, the method's own answers in the folder OUT/METHOD, and a line that says how far both agree. With --truth FOLDER, or
    the truth in a folder that an import takes, it says which of the two is better and by how much. Beads are checked without
    truth: which positions explain more of the light.

    The column doubt of the tables is the expected error of each answer, 0 to 1: a model that answers badly disagrees with itself
    on a slightly changed view of the image. Where it is large, outside is 1, and a warning says what differs from the training
    and what helps. The column distance is how far the image lies from the training data; of an ensemble, disagreement is how far
    its members are apart.

    Where a model has guarantees (those that were evaluated have), tables and files say what an answer leaves open: the column set
    ("good", "bad", "good or bad"), radius_px around each bead, count_low and count_high of the cells in a field, and
    <image>_margin.tif, 255 where an outline may lie. Each is true of 90% of images like those of the model's validation split; a
    line says how often it was on its test images and on the worst suite. It does not hold for images that are marked outside.

    With another stain, lamp or camera, probabilities are miscalibrated. --recalibrate FOLDER corrects them with about 15 labelled
    images per class (rbc: FOLDER/good, FOLDER/bad) of the same acquisition. Choose them at random, not the clearest ones. Their
    number per class does not matter: the share of positive images is assumed to be that of the model's validation split.
    """
    of_out = {"--fluorescence": fluorescence, "--beside": beside, "--truth": truth, "--overlays": overlays}
    _check_together(out, sort, sure, of_out)
    if truth is not None and beside is None:
        raise typer.BadParameter("--truth belongs to --beside: name a classical method that is scored as well.")
    if sort is not None:
        from brightfield.prediction import sorting

        chosen = given(sure=sure, recalibrate=recalibrate, pixel_size_um=pixel_size_um, magnify=magnify)
        print(sorting.sort(task, paths, sort, reference=model, overwrite=overwrite, **chosen))
    if out is not None:
        from brightfield import prediction

        chosen = given(
            pixel_size_um=pixel_size_um,
            magnify=magnify,
            recalibrate=recalibrate,
            fluorescence=fluorescence,
            beside=beside,
            truth=truth,
            overlays=overlays,
        )
        _show(prediction.predict(task, paths, out, reference=model, overwrite=overwrite, **chosen), out)


def _show(summary: PredictionSummary, out: Path) -> None:
    """Print what was written into ``out``, and what is to be known of it."""
    if summary.recalibrated:
        print(summary.recalibrated)
    for line in summary.notes:
        print(line)
    if summary.guaranteed:
        print(summary.guaranteed)
    if summary.warning:
        print(f"warning: {summary.warning}")
    for line in summary.beside:
        print(line)
    tables = ", ".join(sorted({path.name for path in summary.files if path.suffix == ".csv"}))
    print(f"{len(summary.files)} files in {out}: {tables}")
    for line in summary.listing.lines() if summary.listing else ():
        print(line)


def _check_together(out: Path | None, sort: Path | None, sure: float | None, of_out: Mapping[str, object]) -> None:
    """Raise typer.BadParameter for options that exclude each other; ``of_out`` are the options of --out."""
    if (out is None) == (sort is None):
        raise typer.BadParameter("Give either --out, a folder for answers, or --sort, a folder for sorted copies.")
    for name, value in of_out.items():
        if sort is not None and value is not None:
            raise typer.BadParameter(f"{name} belongs to --out, and not to sorted copies.")
    if sort is None and sure is not None:
        raise typer.BadParameter("--sure belongs to --sort.")
