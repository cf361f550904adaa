"""The command line: ``brightfield --help``."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from brightfield.errors import BrightfieldError

app = typer.Typer(
    help="Manage experiments with deep-learning models on microscope images.",
    epilog="The stages (simulate ... register) are what `dvc repro` calls; you rarely call them by hand.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
STAGES, DATA, ANSWERS, REGISTRY = "Stages of the pipeline", "Your own data", "Answers", "Registry"
NAME = Annotated[str, typer.Argument(metavar="NAME", help="An entry of params.yaml.")]
BOOTSTRAP = Annotated[int | None, typer.Option(help="Instead of evaluation.bootstrap.")]
CONFIDENCE = Annotated[float | None, typer.Option(help="Instead of evaluation.confidence.")]
SEED = Annotated[int | None, typer.Option(help="Instead of evaluation.seed.")]


tune_app = typer.Typer(help="Tune a model's numbers with Optuna.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tune_app, name="tune")
data_app = typer.Typer(help="Look at the datasets there are.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data", rich_help_panel=DATA)


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command."""
    context.obj = debug


# Rooms are imported when a command needs them: `brightfield --help` must not wait for torch.
@app.command(rich_help_panel=STAGES)
def simulate(name: NAME) -> None:
    """Simulate an entry of `simulations` into data/raw/NAME."""
    from brightfield.stages import simulate as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def prepare(name: NAME) -> None:
    """Audit and split an entry of `datasets` into data/prepared/NAME."""
    from brightfield.stages import prepare as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def train(name: NAME) -> None:
    """Train an entry of `models` into models/TASK/NAME."""
    from brightfield.stages import train as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def evaluate(name: NAME, bootstrap: BOOTSTRAP = None, confidence: CONFIDENCE = None, seed: SEED = None) -> None:
    """Score an entry of `models` into predictions/TASK/NAME and reports/NAME."""
    from brightfield.stages import evaluate as stage

    stage.run(name, _given(bootstrap=bootstrap, confidence=confidence, seed=seed))


@app.command(rich_help_panel=STAGES)
def ensemble(name: NAME, bootstrap: BOOTSTRAP = None, confidence: CONFIDENCE = None, seed: SEED = None) -> None:
    """Build an entry of `ensembles` into ensembles/TASK/NAME and reports/NAME."""
    from brightfield.stages import ensemble as stage

    stage.run(name, _given(bootstrap=bootstrap, confidence=confidence, seed=seed))


@app.command(rich_help_panel=STAGES)
def register(
    name: NAME,
    bootstrap: BOOTSTRAP = None,
    confidence: CONFIDENCE = None,
    seed: SEED = None,
    promote: Annotated[str | None, typer.Option(help="Instead of evaluation.promote.")] = None,
) -> None:
    """Publish the models of an entry of `tasks`, and move its alias `champion` to what is better."""
    from brightfield.stages import register as stage

    stage.run(name, _given(bootstrap=bootstrap, confidence=confidence, seed=seed, promote=promote))


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
    from brightfield import datasets

    report = datasets.add(
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
    from brightfield import datasets

    number = datasets.export(name, out, to)
    print(
        f"{number} files of images in {out}; `brightfield import TASK {out} --groups {out}/groups.csv` takes them back."
    )


@app.command(rich_help_panel=DATA)
def use(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="An entry of `datasets`.")],
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be given again.")] = None,
) -> None:
    """Point the models of a dataset's task to it (in params.yaml)."""
    from brightfield import datasets

    for path in datasets.use(dataset, model or ()):
        print(f"{path}: {dataset}")


@data_app.command("list")
def data_list(
    json: Annotated[bool, typer.Option("--json", help="For machines: everything that is known, as JSON.")] = False,
) -> None:
    """Every dataset: where it comes from, how it is split, its size, its DVC hash and the models that learn from it."""
    from brightfield import listing

    print(listing.as_json() if json else listing.as_text())


LIKE = Annotated[
    list[Path] | None, typer.Option("--like", help="A frame of your own, a stack or a folder; may be given again.")
]


@app.command(rich_help_panel=DATA)
def gallery(
    task: Annotated[str, typer.Argument(metavar="TASK", help="An entry of `tasks`.")],
    dataset: Annotated[str | None, typer.Option(help="One of its datasets, if not the task's own.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PNG to write.")] = Path("gallery.png"),
    like: LIKE = None,
    truth: Annotated[bool, typer.Option("--truth", help="Draw what is known to be true.")] = False,
) -> None:
    """Draw a contact sheet of a dataset, a row for each split and suite, with frames of your own below if they are given."""
    from brightfield import gallery as sheets
    from brightfield import images

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
    from brightfield import matching

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
    from brightfield import suspects

    print(suspects.write(name, folds=folds, top=top))


@app.command(rich_help_panel=ANSWERS)
def predict(
    task: Annotated[str, typer.Argument(metavar="TASK", help="An entry of `tasks`.")],
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
    pixel_size_um: Annotated[float | None, typer.Option(min=0, help="If it is not the task's own.")] = None,
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

    Under another stain, lamp or camera probabilities are off. With --recalibrate FOLDER (rbc: FOLDER/good, FOLDER/bad, about 15
    labelled images each, of the images to be answered or of their like) they are shifted to what is right there.
    """
    if (out is None) == (sort is None):
        raise typer.BadParameter("Give one of --out and --sort: a folder for answers, or one for sorted copies.")
    if sort is not None:
        if pixel_size_um is not None:
            raise typer.BadParameter("--pixel-size-um belongs to --out: nothing is measured in images that are sorted.")
        from brightfield import sorting

        given = _given(sure=sure, recalibrate=recalibrate)
        print(sorting.sort(task, paths, sort, reference=model, overwrite=overwrite, **given))
        return
    if sure is not None:
        raise typer.BadParameter("--sure belongs to --sort.")
    assert out is not None
    from brightfield import predicting

    written = predicting.predict(
        task,
        paths,
        out,
        reference=model,
        overwrite=overwrite,
        pixel_size_um=pixel_size_um,
        recalibrate=recalibrate,
    )
    print(
        f"{len(written)} files in {out}: " + ", ".join(sorted({path.name for path in written if path.suffix == ".csv"}))
    )


@tune_app.command("run")
def tune_run(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="An entry of `models` that has one in `spaces`.")],
    trials: Annotated[int, typer.Option(min=1, help="Finished trials to reach, those of earlier calls included.")] = 20,
) -> None:
    """Run or go on with a study (TPE, pruned each epoch); Ctrl+C stops it, the same command goes on."""
    from brightfield import tuning

    tuning.tune(model, trials)


@tune_app.command("adopt")
def tune_adopt(model: Annotated[str, typer.Argument(metavar="MODEL", help="A model that was tuned.")]) -> None:
    """Write the best trial into params.yaml as MODEL-tuned."""
    from brightfield import tuning

    name = tuning.adopt(model)
    print(f"params.yaml has models.{name} now; `dvc repro` trains it.")


@app.command(rich_help_panel=REGISTRY)
def champions() -> None:
    """The champion of every task, and how it became one."""
    from brightfield import champions as table

    print(table.as_text())


@app.command(rich_help_panel=REGISTRY)
def rollback(task: Annotated[str, typer.Argument(metavar="TASK", help="An entry of `tasks`.")]) -> None:
    """Make the previous champion of a task champion again; a second time undoes it."""
    from brightfield import registry

    version = registry.roll_back(task)
    print(f"{task}: champion is {version.model} (version {version.number}) again")


@app.command(rich_help_panel=REGISTRY)
def sync() -> None:
    """Bring to MLflow what it lacks of models, reports and champions (after `dvc pull`, or when its database was lost)."""
    from brightfield import champions as table
    from brightfield import params
    from brightfield.stages import register as stage

    for task in params.load().tasks:
        stage.run(task)
    print(table.as_text())


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def main() -> None:
    """Run a command; an error that the user can mend is one message, never a traceback (unless ``--debug``)."""
    debug = "--debug" in sys.argv
    try:
        app()
    except BrightfieldError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
