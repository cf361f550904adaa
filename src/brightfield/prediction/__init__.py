"""``brightfield predict``: write the answers to images as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import images, layout, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry
from brightfield.inference import starters
from brightfield.inference.predictor import Predictor
from brightfield.prediction import doubting, inputs, own_scale, recalibration
from brightfield.prediction.beside import Besides, chosen, first_images, truth_reader
from brightfield.prediction.own_scale import AUTO, Magnification, Measured
from brightfield.prediction.pixel_sizes import PixelSizes
from brightfield.results import Result, writing
from brightfield.results.stated import Stated
from brightfield.system import progress

CROPS_DRAWN = 20  # crops come by the thousand, and one tells little by itself: `--sort` shows them together


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
    predictor = Predictor.load(bundle_folder(task, reference), settings.compute)
    if predictor.task_name != task:
        raise BrightfieldError(
            f"{reference!r} is a model of task {predictor.task_name!r}: expected one of {task!r}. Name another model or task."
        )
    return predictor


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
        pixel_size_um, magnify: as of the images to be predicted (see :func:`predict`).
        files: the images to be predicted, for ``magnify="auto"``.
        fluorescence: that of the images (see :func:`predict`).

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


@dataclass(frozen=True)
class PredictionSummary:
    """The result of predicting several images.

    Attributes:
        files: all files that were written.
        compared: column image, and outside, doubt, distance and farthest (see :func:`brightfield.prediction.doubting.compared`);
            one row per image; no rows if nothing is known of them.
        recalibrated: a line about the change of the calibration, if the model was recalibrated.
        listing: the files that were found, taken and left out; None where images did not come from files.
        notes: lines on pixel sizes, and on what of the files was not read.
        beside: lines on classical answers beside the model's, if they were asked for.
        warning: a line about doubtful answers, if there are any.
    """

    files: list[Path]
    compared: pd.DataFrame
    recalibrated: str | None = None
    listing: images.Listing | None = None
    notes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    warning: str | None = None


class FolderPrediction:
    """Predicts image after image and writes the answers into a folder; no image stays in memory.

    Args:
        predictor: the model.
        out: output folder (see :mod:`brightfield.results.writing`).
        pixel_size_um: side of a pixel of all images in micrometres; None: as the file of each states, else that of the task.
        magnify: magnification of the images before prediction, given or measured (:func:`settled`); answers are scaled back to the
            images' own pixels. None: where the task is ``magnifiable``, to the pixel size of the training; of crops only from
            ``pixel_size_um``, not from files.
        overwrite: replace existing answers.
        beside: names of classical methods of the task, whose answers are written and drawn beside the model's.
        first: the first images, (H, W) each, from which such methods may learn.
        called: what the model is called beside them; None: as its bundle is.
        overlays: largest number of images to draw with their answers; None: all, of crops the first ``CROPS_DRAWN``.

    Raises:
        BrightfieldError: the task does not support magnification, or has no such method.
    """

    def __init__(
        self,
        predictor: Predictor,
        out: Path,
        *,
        pixel_size_um: float | None = None,
        magnify: float | Measured | None = None,
        overwrite: bool = False,
        beside: Sequence[str] = (),
        first: Sequence[images.Image] = (),
        called: str | None = None,
        overlays: int | None = None,
    ) -> None:
        self.predictor = predictor
        task = predictor.task
        self.sizes = PixelSizes.of_task(task, predictor.task_name, pixel_size_um, magnify)
        if overlays is None and task.answering.takes_crops:
            overlays = CROPS_DRAWN
        self._writer = writing.Writer(out, task.metadata, overwrite=overwrite, overlays=overlays)
        self._writer.check(task.answer_type)
        self._besides: Besides | None = None
        if beside:
            name = called or predictor.members[0].bundle.name
            self._besides = Besides(task, name, beside, first, out, overwrite=overwrite)
        self._rows: dict[str, pd.DataFrame] = {}
        self._sources: dict[str, str] = {}
        self._stated = Stated(pixel_size_um)
        self._far: list[pd.DataFrame] = []
        self._agreements: list[tuple[float, ...]] = []

    def __len__(self) -> int:
        """Number of images that were predicted."""
        return len(self._rows)

    def add(
        self,
        name: str,
        image: images.Image,
        fluorescence: images.Image | None = None,
        source: str | None = None,
        header: images.Header | None = None,
        time_s: float | None = None,
        truth: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Predict one image and write its files.

        Args:
            name: name of the image.
            image: (H, W) or (H, W, 3).
            fluorescence: (H, W) of the same field: an input of models that take it, and measured in each cell.
            source: the file of the image, for a column ``source`` of the tables, where the name does not tell it.
            header: what the file of the image says beside its pixels.
            time_s: seconds from the first frame of the movie; None: unknown.
            truth: fields of a record with the truth, against which the model and the methods beside it are scored.

        Raises:
            BrightfieldError: the task does not accept the image, or its answer cannot be written.
        """
        if fluorescence is not None and fluorescence.shape != image.shape[:2]:
            raise BrightfieldError(
                f"The fluorescence of {name} has shape {fluorescence.shape}, its image {image.shape[:2]}: expected the same."
            )
        header = header or images.Header()
        size_um, magnification = self.sizes.of(name, header.pixel_size_um)
        result, seen, agreements = self._answer(name, image, fluorescence, magnification)
        self._writer.add(name, image, result, fluorescence, pixel_size_um=size_um)
        if self._besides is not None:
            for end, picture in self._besides.add(name, image, seen, result, truth, size_um).items():
                self._writer.add_picture(f"{name}_{end}", picture)
        self._stated.add(name, header, time_s)
        self._rows[name] = self.predictor.task.rows(result)
        if source is not None:
            self._sources[name] = source
        # what fills up a crop is no part of it
        compared_as = image if self.predictor.task.answering.takes_crops else seen
        if (far := self.predictor.compare([compared_as])) is not None:
            self._far.append(far)
        self._agreements += agreements

    def _answer(
        self, name: str, image: images.Image, fluorescence: images.Image | None, magnification: float | None
    ) -> tuple[Result, images.Image, list[tuple[float, ...]]]:
        """The answer to an image, the image as the model saw it, and how far the model agrees with itself on it."""
        channels = {"image": image} if fluorescence is None else {"image": image, "fluorescence": fluorescence}
        answering = self.predictor.task.answering
        if magnification is not None:
            channels = {channel: answering.magnified(pixels, magnification) for channel, pixels in channels.items()}
        seen = channels.pop("image")
        pixels = self.predictor.task.learning.pixels(Record(name, name, seen, channels))
        (result,), agreements = self.predictor.judge([pixels])
        if seen.shape != image.shape:
            result = answering.to_original_scale(result, image.shape[:2], seen.shape[:2])
        return result, seen, agreements or []

    def finish(self) -> PredictionSummary:
        """Write the tables; columns ``outside``, ``doubt`` and ``distance`` say how much the answers are to be doubted.

        The columns ``pixel_size_um`` and ``time_s`` are there where files state them.
        """
        table = self.predictor.task.combine(self._rows)
        far = pd.concat(self._far, ignore_index=True) if self._far else None
        compared = doubting.compared(far, self._agreements, self.predictor)
        if compared is None:
            compared = pd.DataFrame(columns=["image", *doubting.COLUMNS])
        else:
            compared.insert(0, "image", list(self._rows))
            known = [column for column in ("image", "outside", "doubt", "distance") if column in compared]
            table = table.merge(compared[known], on="image", how="left")
        table = self._stated.in_columns(table)
        notes, warning = (*self.sizes.lines(), *self._stated.notes()), doubting.warning(compared, self.predictor)
        if self._besides is None:
            return PredictionSummary(self._writer.finish(table, self._sources), compared, notes=notes, warning=warning)
        others = self._besides.finish()
        files = self._writer.finish(table, self._sources, {layout.BESIDE: self._besides.table})
        beside = tuple(self._besides.lines())
        return PredictionSummary([*others, *files], compared, notes=notes, beside=beside, warning=warning)


def predict(
    task: str,
    paths: Sequence[Path],
    out: Path,
    *,
    reference: str = "champion",
    overwrite: bool = False,
    pixel_size_um: float | None = None,
    magnify: Magnification | None = None,
    recalibrate: Path | None = None,
    fluorescence: Path | None = None,
    beside: str | None = None,
    truth: Path | None = None,
    overlays: int | None = None,
) -> PredictionSummary:
    """Predict all images of the paths and write the answers into ``out``.

    Where images come from several folders, or two have one name, the column ``source`` of the tables names the file of each; in
    class folders it names the class.

    Args:
        task: the task's name in params.yaml.
        paths: images, stacks, folders of them, or folders as an import takes them (see :func:`inputs.given`).
        out: output folder.
        reference: the model (see :func:`bundle_folder`).
        overwrite: replace existing answers.
        pixel_size_um: side of a pixel in micrometres; None: as the file of each image states, else that of the task.
        magnify: magnification of the images before prediction (see :class:`FolderPrediction`); ``"auto"``: measured, by the width
            of what some of the images show.
        recalibrate: labelled images of the same acquisition.
        fluorescence: a folder (or one file) with a fluorescence image of the same name for each image.
        beside: classical methods, separated by commas, whose answers are written and drawn beside the model's.
        truth: with ``beside``, a folder or file with the truth of some images, against which both are scored: labels or clean
            images of the same names, or ``positions.csv``; None: that which lies beside the images in the layout of an import.
        overlays: largest number of images to draw with their answers (see :class:`FolderPrediction`).

    Raises:
        BrightfieldError: an unknown task, model or method, an image that cannot be read, or existing answers.
    """
    methods = () if beside is None else chosen(task, beside)
    true = None if truth is None else truth_reader(task, truth)
    found = inputs.given(task, paths)
    listing = found.listing
    if true is None and methods and found.truth is not None:
        true = found.truth()
    predictor, recalibrated, factor = load_recalibrated(
        task, reference, recalibrate, pixel_size_um, magnify, listing.taken, fluorescence
    )
    answering = FolderPrediction(
        predictor,
        out,
        pixel_size_um=pixel_size_um,
        magnify=factor,
        overwrite=overwrite,
        beside=methods,
        first=first_images(listing.taken) if methods else (),
        called=None if len(predictor.members) == 1 else Path(reference).name,
        overlays=overlays,
    )
    fluorescent = None if fluorescence is None else images.frames([fluorescence])
    sources = listing.sources()
    known = 0
    for number, frame in enumerate(
        progress.track(images.frames_of(listing.taken, found.names), f"predict {task}", unit="image")
    ):
        light = None if fluorescent is None else _same_name(frame.name, fluorescent)
        fields = None if true is None else true(frame, number)
        known += fields is not None
        answering.add(frame.name, frame.image, light, sources.get(frame.path), frame.header, frame.time_s, fields)
    if not len(answering):
        raise BrightfieldError(
            f"There is no image in {', '.join(map(str, paths))}: expected images, stacks or folders."
        )
    done = replace(answering.finish(), recalibrated=recalibrated, listing=listing)
    if truth is None or known:
        return done
    return replace(
        done, beside=(*done.beside, f"{truth} has the truth of none of these images: expected files with their names.")
    )


def _same_name(name: str, fluorescent: Iterator[tuple[str, images.Image]]) -> images.Image:
    """The next fluorescence image, in one channel.

    Raises:
        BrightfieldError: the next image has another name, or there is none.
    """
    other, image = next(fluorescent, ("", None))
    if other != name or image is None:
        raise BrightfieldError(
            f"--fluorescence has {other or 'no image'} where {name} is expected. Give one fluorescence image of the same name for "
            "each image, and no others."
        )
    return images.to_grey(image)
