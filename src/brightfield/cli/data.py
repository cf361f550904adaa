"""``brightfield import``, ``export``, ``use``, ``data``, ``gallery``, ``match``, ``labels``, ``relabel``, ``next``: own images."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from brightfield.cli.base import DATA, TASK, app

data_app = typer.Typer(
    help="List the datasets of this project, and their versions.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(data_app, name="data", rich_help_panel=DATA)


class Recipe(StrEnum):
    """What `use` can add."""

    own = "own"


@app.command("import", rich_help_panel=DATA)
def import_(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="A task of params.yaml: rbc, beads, bacteria, denoise, ...")
    ],
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A folder with the images, or a TIFF stack (beads); layouts below.")
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the new dataset.")],
    group_pattern: Annotated[
        str | None,
        typer.Option(help="Regular expression; its one (group) is the smear, movie or specimen in a file name."),
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(help="CSV with columns file and group, instead of --group-pattern.")
    ] = None,
    positions: Annotated[
        Path | None,
        typer.Option(help="Tracking: positions as CSV (frame, x, y) or TrackMate spots (CSV, XML)."),
    ] = None,
    connected: Annotated[
        list[int] | None,
        typer.Option(help="Segmentation with class labels: the class whose connected regions are cells. Repeatable."),
    ] = None,
    pixel_size_um: Annotated[
        float | None, typer.Option(min=1e-6, help="Pixel size of these images in um; needed where positions are in um.")
    ] = None,
    noisy: Annotated[
        bool, typer.Option("--noisy", help="Restoration: these are noisy images, and there are no clean ones.")
    ] = False,
    repeats: Annotated[
        bool,
        typer.Option(
            "--repeats", help="Restoration: each folder or stack is one field, taken several times, all noisy."
        ),
    ] = False,
    licence: Annotated[str, typer.Option(help="Licence of the images, stored with the dataset.")] = "",
) -> None:
    """Import your own images as a dataset.

    Every file is checked first; if one fails, nothing is imported. DVC then tracks the dataset, and params.yaml gets its entry. The
    report counts the files: found, taken, left out and why.

    classification: a folder for each class (rbc: good/, bad/; subfolders name the kind of bad) of PNG or TIFF crops, or the
    folder that `predict --sort` wrote: images left in unsure/ are not imported.

    tracking: a folder of frames, a TIFF stack, or a folder of such movies; positions are optional: positions.csv (trackpy),
    or spots.csv, MOVIE_spots.csv, MOVIE.xml (TrackMate) beside them.

    segmentation: folders with image.tif, labels.tif and optionally fluorescence.tif, or parallel folders images/, labels/, at any
    depth; or images of any name with the masks that Cellpose saves beside them (a.tif, a_cp_masks.png).
    Labels: TIFF or PNG (Fiji, Labkit, Cellpose), HDF5 of ilastik (labels.h5), or selections of ImageJ (RoiSet.zip, rois/).

    restoration: a folder of clean images (camera noise is added), or parallel folders clean/ and noisy/. Without clean images:
    the folder noisy/ alone (or --noisy), whose stacks are time-lapses; or repeats/ (or --repeats), in which each stack, or folder
    of images, is one field taken several times.
    """
    from brightfield import layout
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
        noisy=noisy,
        repeats=repeats,
    )
    print(report)
    print(f"Next: `brightfield use {name}` points the models of {task} to this dataset, `dvc repro` trains them.")
    if (layout.starter(task) / layout.BUNDLE).is_file():
        print(
            f"Or `brightfield use {name} --recipe own` adds one that begins with the starter: the best way with few images."
        )


@app.command(rich_help_panel=DATA)
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset of params.yaml.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to create.")],
    to: Annotated[
        str,
        typer.Option(help="Format: tiff; segmentation also ilastik, imagej; tracking also trackpy, trackmate."),
    ] = "tiff",
) -> None:
    """Export a dataset with its labels or positions for another tool. `import` reads the folder back."""
    from brightfield.data import catalogue

    number = catalogue.export(name, out, to)
    print(
        f"Wrote {number} image files to {out}. `brightfield import TASK {out} --groups {out}/groups.csv` reads them back."
    )


@app.command(rich_help_panel=DATA)
def use(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset of params.yaml.")],
    model: Annotated[list[str] | None, typer.Option("--model", help="Change this model only. Repeatable.")] = None,
    recipe: Annotated[
        Recipe | None,
        typer.Option(help="own: instead, add the model that is recommended for your own images, beside the baselines."),
    ] = None,
) -> None:
    """Train the models of a task on another dataset (edits params.yaml).

    With --recipe own the models stay as they are. A new one begins with the starter, learns from DATASET for as long as pays, and
    answers to all flips and quarter turns; the baselines of the task are added for DATASET as well. The champion of the task is
    then chosen among them.
    """
    from brightfield.data import catalogue

    if recipe is not None:
        if model:
            raise typer.BadParameter("--recipe adds models of its own: leave out --model.")
        added = catalogue.use_recipe(dataset)
        for name in added:
            print(f"models.{name}: added")
        print(
            f"`dvc repro {' '.join(f'evaluate@{name}' for name in added)}` runs these alone; `dvc repro` also registers the best."
        )
        return
    for path in catalogue.use(dataset, model or ()):
        print(f"{path}: {dataset}")


@app.command(rich_help_panel=DATA)
def profile(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The profile to put on; without it, what there is.")
    ] = None,
) -> None:
    """Choose how much `dvc repro` trains (edits params.yaml): `full` adds models and epochs, `default` takes them back.

    Entries and values of your own are left as they are.
    """
    from brightfield.params import overlaying

    if name is None:
        put_on = overlaying.in_force() or [overlaying.DEFAULT]
        for each in overlaying.names():
            print(f"{'*' if each in put_on else ' '} {each}: {overlaying.about(each)}")
        return
    for line in overlaying.choose(name):
        print(f"warning: {line}")
    print(f"params.yaml has the profile {name}. `dvc repro` runs what that changed.")


@data_app.command("list")
def data_list(
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List every dataset: origin, splits, size, DVC hash, and the models trained on it."""
    from brightfield.data import listing

    print(listing.as_json() if json else listing.as_text())


@data_app.command()
def history(name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset of params.yaml.")]) -> None:
    """List the versions of an imported dataset: who made each, when and why; * is the one in use."""
    from brightfield.data import versions
    from brightfield.system.tables import text_table

    used = versions.current(name)
    found = versions.history(name)
    if not found:
        print(f"{name} has no versions: the pipeline makes it, from params.yaml.")
        return
    rows = (
        (
            f"{each.number}{'*' if each == used else ''}",
            each.at or "-",
            each.who or "-",
            str(len(each.corrections)),
            each.hash[:8],
            each.why or "-",
        )
        for each in found
    )
    print(text_table(("version", "made", "by", "corrected images", "DVC hash", "why"), rows))


@data_app.command()
def restore(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An imported or corrected dataset.")],
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Number of the version, see `data history`.")],
) -> None:
    """Use another version of a dataset; the others stay and can be restored likewise."""
    from brightfield.data import versions

    print(
        f"{name} is version {versions.restore(name, version).number} now. `dvc repro` trains what learns from it again."
    )


@data_app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="NAME, or NAME@VERSION.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="NAME, or NAME@VERSION.")],
) -> None:
    """Compare two datasets, or two versions of one, image by image: pixels and truth."""
    from brightfield.data import differences

    print(differences.between(first, second))


LIKE = Annotated[
    list[Path] | None, typer.Option("--like", help="Your own frame, stack or folder of frames. Repeatable.")
]


@app.command(rich_help_panel=DATA)
def gallery(
    task: TASK,
    dataset: Annotated[str | None, typer.Option(help="Dataset to draw [that of the task].")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG file to write.")] = Path("gallery.png"),
    like: LIKE = None,
    truth: Annotated[bool, typer.Option("--truth", help="Draw the labels or positions too.")] = False,
) -> None:
    """Draw a contact sheet of a dataset: a row for each split and suite, then your own frames (--like)."""
    from brightfield import images
    from brightfield.data import gallery as sheets

    images.write_png(out, sheets.sheet(task, dataset, like=like or (), truth=truth))
    print("\n".join([str(out), *images.list_images(like or ()).lines()[1:]]))


@app.command(rich_help_panel=DATA)
def match(
    simulation: Annotated[str, typer.Argument(metavar="SIMULATION", help="A simulation of params.yaml to start from.")],
    like: LIKE = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the new simulation and its dataset [SIMULATION-matched].")
    ] = "",
    pixel_size_um: Annotated[
        float | None, typer.Option(min=0.001, help="Pixel size of the frames in um [from their TIFF].")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Number of simulations to try.")] = 60,
) -> None:
    """Fit a simulation to a few frames of your own microscope: noise, light, blur and density."""
    from brightfield import images
    from brightfield.simulate import matching

    new = name or f"{simulation}-matched"
    print(matching.match(simulation, like or (), new, pixel_size_um=pixel_size_um, trials=trials))
    print("\n".join(images.list_images(like or ()).lines()))
    print(f"Added simulations.{new} and datasets.{new} to params.yaml. `dvc repro prepare@{new}` makes the images.")


@app.command(rich_help_panel=DATA)
def labels(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A classification dataset that `dvc repro` has prepared.")
    ],
    folds: Annotated[int, typer.Option(min=2, help="Cross-validation folds; groups stay whole.")] = 4,
    top: Annotated[int, typer.Option(min=1, help="Number of crops on the contact sheet.")] = 50,
) -> None:
    """Find labels that are probably wrong: a ranked list and a contact sheet in reports/labels-NAME."""
    from brightfield.evaluation import label_errors

    print(label_errors.write(name, folds=folds, top=top))


@app.command(rich_help_panel=DATA)
def relabel(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset of params.yaml.")],
    corrections: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON with corrections; forms below.")],
    who: Annotated[str, typer.Option(help="Who corrected it [user and machine].")] = "",
    why: Annotated[str, typer.Option(help="A sentence for `data history`.")] = "",
) -> None:
    """Correct the truth of a dataset: a new version of it, tracked by DVC.

    An imported dataset gets a new version; `data restore` goes back to any. A simulated one stays as it is: corrections make the
    dataset NAME-corrected. No image changes its split. The page Errors of the dashboard writes such files, and saves them itself
    where it was started with `make dashboard CHANGES=1`.

    CSV, for classes of images: columns id and label.

    JSON: {"IMAGE": [{"action": "class", "to": "bad"}], ...}; beads: {"action": "add", "at": [x, y]} and "drop"; cells:
    {"action": "erase", "at": [x, y]}, {"action": "paint", "outline": [[x, y], ...], "to": SPECIES}, {"action": "species",
    "at": [x, y], "to": SPECIES}. Coordinates are in px; (0, 0) is the centre of the first pixel.
    """
    from brightfield.evaluation import relabelling

    print(relabelling.save(name, relabelling.read_file(corrections, name), who=who, why=why))


@app.command("next", rich_help_panel=DATA)
def next_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset that `dvc repro` has prepared.")],
    pool: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Unlabelled images, or folders of them.")],
    count: Annotated[int, typer.Option(min=1, help="Number of images to choose.")] = 50,
    model: Annotated[
        str | None,
        typer.Option(help="Network that learns, where images have more than a class [the first of the task]."),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="How often the curve is measured [10; with networks 2].")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of each training [a quarter of the model's].")] = None,
) -> None:
    """Choose which images to label next, and measure whether that pays.

    Chosen are images on which models disagree, far from what is labelled and from each other. Whether that beats random choice is
    measured on what is labelled already: models learn from growing parts of the training split, chosen and at random, and answer
    the validation split. From the same curve follows what the next hundred labels would buy. Crops take a minute; where images
    have more than a class, networks are trained, twice as many as the progress bar counts.

    Writes reports/next-NAME: next.csv, next.png, curve.csv, verdict.json.
    """
    from brightfield.evaluation import next_labels

    print(next_labels.write(name, pool, count=count, model=model, repeats=repeats, epochs=epochs))
