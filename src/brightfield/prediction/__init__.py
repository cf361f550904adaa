"""``brightfield predict``: write the answers to images as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from brightfield import images
from brightfield.errors import BrightfieldError
from brightfield.prediction import inputs
from brightfield.prediction.beside import chosen, first_images, truth_reader
from brightfield.prediction.folder import FolderPrediction, PredictionSummary
from brightfield.prediction.loading import bundle_folder, load, load_folder, load_recalibrated, settled
from brightfield.prediction.own_scale import Magnification
from brightfield.system import progress

__all__ = [
    "FolderPrediction",
    "PredictionSummary",
    "bundle_folder",
    "load",
    "load_folder",
    "load_recalibrated",
    "predict",
    "settled",
]


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
