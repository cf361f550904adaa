"""``brightfield import``, ``export``, ``use``, ``data list``, ``gallery``, ``match``, ``labels``: a lab's own images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brightfield.cli.base import DATA, TASK, app

data_app = typer.Typer(help="Look at the datasets there are.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data", rich_help_panel=DATA)


@app.command("import", rich_help_panel=DATA)
def import_(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="An entry of `tasks`: rbc, beads, bacteria, denoise, ...")
    ],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder, or for beads a TIFF stack; see below.")],
    name: Annotated[str, typer.Option("--name", help="What the dataset will be called.")],
    group_pattern: Annotated[
        str | None,
        typer.Option(help="Regular expression whose one group finds the smear, movie or specimen in a file's name."),
    ] = None,
    groups: Annotated[Path | None, typer.Option(help="Instead: a CSV with columns file and group.")] = None,
    positions: Annotated[
        Path | None,
        typer.Option(help="For tracking: a CSV with columns frame, x, y, or spots of TrackMate (CSV, XML)."),
    ] = None,
    connected: Annotated[
        list[int] | None,
        typer.Option(help="For labels that are classes of pixels: the class whose separate regions are the cells."),
    ] = None,
    pixel_size_um: Annotated[
        float | None, typer.Option(min=1e-6, help="Of these images, where positions are in micrometres.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the images; kept with them.")] = "",
) -> None:
    """Bring in your own images: checked first, all or nothing, tracked by DVC, entered in params.yaml.

    classification: a folder for each class (rbc: good/, bad/; subfolders name the kind of bad) of PNG or TIFF crops, or the
    folder of `predict --sort`: what is left in its unsure/ is left out.

    tracking: a folder of frames, a TIFF stack, or a folder of such movies; positions are optional: positions.csv (trackpy),
    or spots.csv, MOVIE_spots.csv, MOVIE.xml (TrackMate) beside them.

    segmentation: folders with image.tif, labels.tif and optionally fluorescence.tif, or parallel folders images/, labels/.
    Labels: TIFF or PNG (Fiji, Labkit, Cellpose), HDF5 of ilastik (labels.h5), or selections of ImageJ (RoiSet.zip, rois/).

    restoration: a folder of clean images (camera noise is added), or parallel folders clean/ and noisy/.
    """
    from brightfield.data import catalogue

    report = catalogue.add(
        task,
        source,
        name,
        group_pattern=group_pattern,
        groups_csv=groups,
        positions=positions,
        connected=connected or (),
        pixel_size_um=pixel_size_um,
        licence=licence,
    )
    print(report)
    print(f"Next: `brightfield use {name}` points the models of {task} to it, `dvc repro` trains them.")


@app.command(rich_help_panel=DATA)
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An entry of `datasets`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder.")],
    to: Annotated[
        str,
        typer.Option(help="tiff; for segmentation also ilastik, imagej; for tracking also trackpy, trackmate."),
    ] = "tiff",
) -> None:
    """Write the images of a dataset with their labels or positions for another tool; `import` takes the folder back."""
    from brightfield.data import catalogue

    number = catalogue.export(name, out, to)
    print(
        f"{number} files of images in {out}; `brightfield import TASK {out} --groups {out}/groups.csv` takes them back."
    )


@app.command(rich_help_panel=DATA)
def use(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="An entry of `datasets`.")],
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be given again.")] = None,
) -> None:
    """Point the models of a dataset's task to it (in params.yaml)."""
    from brightfield.data import catalogue

    for path in catalogue.use(dataset, model or ()):
        print(f"{path}: {dataset}")


@data_app.command("list")
def data_list(
    json: Annotated[bool, typer.Option("--json", help="For machines: everything that is known, as JSON.")] = False,
) -> None:
    """Every dataset: where it comes from, how it is split, its size, its DVC hash and the models that learn from it."""
    from brightfield.data import listing

    print(listing.as_json() if json else listing.as_text())


LIKE = Annotated[
    list[Path] | None, typer.Option("--like", help="A frame of your own, a stack or a folder; may be given again.")
]


@app.command(rich_help_panel=DATA)
def gallery(
    task: TASK,
    dataset: Annotated[str | None, typer.Option(help="One of its datasets, if not the task's own.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PNG to write.")] = Path("gallery.png"),
    like: LIKE = None,
    truth: Annotated[bool, typer.Option("--truth", help="Draw what is known to be true.")] = False,
) -> None:
    """Draw a contact sheet of a dataset, a row for each split and suite, with frames of your own below if they are given."""
    from brightfield import images
    from brightfield.data import gallery as sheets

    images.write_png(out, sheets.sheet(task, dataset, like=like or (), truth=truth))
    print(out)


@app.command(rich_help_panel=DATA)
def match(
    simulation: Annotated[str, typer.Argument(metavar="SIMULATION", help="An entry of `simulations`.")],
    like: LIKE = None,
    name: Annotated[str, typer.Option("--name", help="What the new simulation and its dataset will be called.")] = "",
    pixel_size_um: Annotated[
        float | None, typer.Option(min=0.001, help="Of the frames, if their TIFF does not tell it.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Simulations to try.")] = 60,
) -> None:
    """Simulate what your own microscope shows: noise, light, blur and density fitted to a few frames of it."""
    from brightfield.simulate import matching

    new = name or f"{simulation}-matched"
    print(matching.match(simulation, like or (), new, pixel_size_um=pixel_size_um, trials=trials))
    print(f"params.yaml has simulations.{new} and datasets.{new} now; `dvc repro prepare@{new}` makes the images.")


@app.command(rich_help_panel=DATA)
def labels(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A prepared entry of `datasets`, of classification.")],
    folds: Annotated[int, typer.Option(min=2, help="Parts of whole groups; each is judged by the others.")] = 4,
    top: Annotated[int, typer.Option(min=1, help="Crops on the contact sheet.")] = 50,
) -> None:
    """List the labels that are probably wrong into reports/labels-NAME, the most suspect first."""
    from brightfield.evaluation import label_errors

    print(label_errors.write(name, folds=folds, top=top))
