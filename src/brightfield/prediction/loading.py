"""The model of a reference, the magnification at which it answers, and its recalibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brightfield import images, layout, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry
from brightfield.inference import bundle, starters
from brightfield.inference.guarantees import Guarantees
from brightfield.inference.predictor import Predictor
from brightfield.prediction import own_scale, recalibration
from brightfield.prediction.own_scale import AUTO, Magnification, Measured
from brightfield.prediction.pixel_sizes import PixelSizes


def bundle_folder(task: str, reference: str) -> Path:
    """The folder of the bundle to which a reference points.

    Args:
        task: the task's name in params.yaml.
        reference: ``starter``, the model that is part of the package; a folder with ``bundle.json``; the name of a local model or
            ensemble; or a reference of the registry: an alias such as ``champion``, a version number, a model's name.

    Raises:
        BrightfieldError: there is no such bundle.
    """
    if reference == layout.STARTER:
        return starters.folder(task)
    candidates = (Path(reference), layout.model(task, reference), layout.ensemble(task, reference))
    for folder in candidates:
        if (folder / layout.BUNDLE).is_file():
            return folder
    try:
        return registry.fetch(task, reference, layout.FETCHED)
    except BrightfieldError as error:
        here = sorted(path.parent.name for path in Path().glob(f"*/{task}/*/{layout.BUNDLE}"))
        ready = f" `--model {layout.STARTER}` needs no training." if task in starters.tasks() else ""
        raise BrightfieldError(f"{error} Trained here: {', '.join(here) or 'none'}.{ready}") from error


def load(task: str, reference: str) -> Predictor:
    """Load the predictor of a reference, with the section ``compute`` of params.yaml.

    Args:
        task: the task's name in params.yaml.
        reference: the model, see :func:`bundle_folder`.

    Raises:
        BrightfieldError: an unknown task or model, or a model of another task.
    """
    settings = params.load()
    params.entry(settings.tasks, task, "task")
    predictor = load_folder(bundle_folder(task, reference), settings.compute)
    if predictor.task_name != task:
        raise BrightfieldError(
            f"{reference!r} is a model of task {predictor.task_name!r}: expected one of {task!r}. Name another model or task."
        )
    return predictor


def load_folder(folder: Path, compute: params.Compute | None = None) -> Predictor:
    """Load the predictor of a bundle's folder, with what is guaranteed of its answers, where that is known.

    Raises:
        BrightfieldError: there is no bundle, or it is damaged, or a file with guarantees is.
    """
    predictor = Predictor.load(folder, compute)
    predictor.guarantees = _guarantees(folder)
    return predictor


def _guarantees(folder: Path) -> Guarantees | None:
    """Those beside a bundle, else those in the report of the same bundle in this project; None without any.

    Raises:
        BrightfieldError: the file is damaged, or lies beside another bundle than that of which it is.
    """
    beside = folder / layout.GUARANTEES
    in_report = layout.report(bundle.describe(folder)["name"]) / layout.GUARANTEES
    path = beside if beside.is_file() else in_report
    if not path.is_file():
        return None
    found = Guarantees.read(path)
    if found.bundle_hash == registry.bundle_hash(folder):
        return found
    if path == in_report:  # of an earlier training
        return None
    raise BrightfieldError(
        f"{path} is of another model than the bundle beside it. Remove it, or fetch the model again."
    )


def load_recalibrated(
    task: str,
    reference: str,
    recalibrate: Path | None,
    pixel_size_um: float | None = None,
    magnify: Magnification | None = None,
    files: Sequence[Path] = (),
    fluorescence: Path | None = None,
) -> tuple[Predictor, str | None, float | Measured | None]:
    """Load a predictor, measure the magnification if that is asked for, and recalibrate if labelled images are given.

    Args:
        task: the task's name in params.yaml.
        reference: the model, see :func:`bundle_folder`.
        recalibrate: labelled images of the acquisition to be predicted (see :mod:`brightfield.prediction.recalibration`).
        pixel_size_um, magnify: as of the images to be predicted (see :func:`brightfield.prediction.predict`).
        files: the images to be predicted, for ``magnify="auto"``.
        fluorescence: that of the images (see :func:`brightfield.prediction.predict`).

    Returns:
        The predictor; a line about the change of its calibration, or None; and the magnification, measured if that was asked for.

    Raises:
        BrightfieldError: as :func:`load`, for missing or too few labelled images, and as :func:`own_scale.measure`.
    """
    predictor = load(task, reference)
    factor = settled(predictor, files, pixel_size_um, magnify, fluorescence)
    if recalibrate is None:
        return predictor, None, factor
    sizes = PixelSizes.of_task(predictor.task, task, pixel_size_um, factor)
    return *recalibration.recalibrated(predictor, recalibrate, sizes), factor


def settled(
    predictor: Predictor,
    files: Sequence[Path],
    pixel_size_um: float | None = None,
    magnify: Magnification | None = None,
    fluorescence: Path | None = None,
) -> float | Measured | None:
    """The magnification as given, measured on some of the files if it is to be; a given pixel size stands over that.

    A starter measures fields and frames unless something else is given: nobody knows whose images it answers.

    Raises:
        BrightfieldError: as :func:`own_scale.measure`, and for an image that cannot be read.
    """
    if magnify is None and own_scale.measures_by_default(predictor):
        magnify = AUTO
    if magnify != AUTO:
        return magnify
    if pixel_size_um is not None:
        return None
    own_scale.check(predictor)
    most = predictor.task.answering.sample
    shown = images.sample(files, most)
    pixels = predictor.task.learning.pixels
    if fluorescence is None:
        return own_scale.measure(predictor, [pixels(Record(each.name, each.name, each.image)) for each in shown])
    lights = images.sample(images.files([fluorescence]), most)
    fields = [{"fluorescence": images.to_grey(light.image)} for light in lights]
    both = zip(shown, fields, strict=False)  # where one lacks its other, predicting says so
    return own_scale.measure(
        predictor, [pixels(Record(each.name, each.name, each.image, light)) for each, light in both]
    )
