"""Prediction of uploaded images. Files are not trusted until :mod:`brightfield.images` has read them."""

from __future__ import annotations

import contextlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from brightfield import images, layout, prediction
from brightfield.errors import BrightfieldError
from brightfield.inference import starters
from brightfield.inference.predictor import Predictor
from brightfield.prediction import FolderPrediction, doubting, own_scale
from brightfield.prediction.beside import FIRST
from brightfield.prediction.own_scale import AUTO, Magnification, Measured
from queries import project, reports

SUFFIXES = ("png", "jpg", "jpeg", "tif", "tiff")
MOST_PIXELS = 4096 * 4096  # largest number of pixels of an image, so that a page answers within minutes
MOST_FRAMES = 24  # largest number of images at a time, for the same reason
CHAMPION = "champion"


@dataclass(frozen=True)
class Upload:
    """An uploaded file."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Answers:
    """A model's answers to several images.

    Attributes:
        about: one row per image: image, size_px, type, range, and outside: what is doubtful about its answer, empty if nothing is.
        tables: contents of the model's CSV files, by file name.
        files: contents of all files (CSV, TIFF and PNG), by file name; those of a classical method by its name and theirs.
        problems: a message for each file that was left out.
        warning: a line about doubtful answers, if there are any.
        notes: lines on pixel sizes, and on what of the files was not read.
        beside: lines on classical answers beside the model's, if they were asked for.
    """

    about: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warning: str | None = None
    notes: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def of(self, image: str) -> dict[str, bytes]:
        """The files of one image by the end of their names: ``overlay.png``, ``labels.tif``, ..."""
        ends = {name.removeprefix(f"{image}_"): name for name in self.files if name.startswith(f"{image}_")}
        return {end: self.files[name] for end, name in ends.items() if "_" not in end}

    def zipped(self) -> bytes:
        """All files in one archive."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(name, content)
        return target.getvalue()


def references(task: str) -> list[str]:
    """Models and ensembles of a task that were trained in this folder, the best on the test split first."""
    known = project.models()
    roles = {m["name"]: m["role"] for m in known[known["task"] == task].to_dict("records")}
    ranked = [*reports.on_test(task)["model"], *list(roles)[::-1]]
    return [n for n in dict.fromkeys(ranked) if (project.folder(task, n, roles[n]) / layout.BUNDLE).is_file()]


def has_starter(task: str) -> bool:
    """Whether a model of the task is part of the package."""
    return task in starters.tasks()


def predictor(task: str, reference: str) -> Predictor:
    """Load a model trained here, or a version of the registry; it stays in memory until its bundle changes.

    Raises:
        BrightfieldError: there is no such model, or it is damaged.
    """
    folder = prediction.bundle_folder(task, reference)
    return _load(str(folder.absolute()), (folder / layout.BUNDLE).stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _load(folder: str, changed: int) -> Predictor:
    return prediction.load_folder(Path(folder), project.settings().compute)


def answer(
    model: Predictor,
    uploads: Sequence[Upload],
    on_image: Callable[[str], None] = lambda text: None,
    magnify: Magnification | None = None,
    beside: Sequence[str] = (),
) -> Answers:
    """Predict every frame of every file; a file that is not an image becomes a problem.

    Args:
        model: the predictor.
        uploads: the files.
        on_image: called with the name of each image before its prediction.
        magnify: magnification before prediction; None: as the files say, ``"auto"``: measured.
        beside: classical methods of the task that answer, too; they learn from the first frames.

    Raises:
        BrightfieldError: the model cannot magnify images, or not measure by how much.
    """
    about: list[dict[str, Any]] = []
    problems: list[str] = []
    taken: set[str] = set()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        factor = _measured(model, uploads) if magnify == AUTO else magnify
        first = [images.to_grey(image) for image in _shown(uploads, FIRST)] if beside else []
        answering = FolderPrediction(model, folder, magnify=factor, beside=beside, first=first, overlays=MOST_FRAMES)
        for upload in uploads:
            try:
                for frame in _frames(upload, taken, MOST_FRAMES - len(about)):
                    on_image(frame.name)
                    answering.add(frame.name, frame.image, header=frame.header, time_s=frame.time_s)
                    about.append(_about(frame.name, frame.image))
            except BrightfieldError as error:
                message = str(error)
                problems.append(message if upload.name in message else f"{upload.name}: {message}")
        if not about:
            return Answers(pd.DataFrame(), problems=problems)
        answered = answering.finish()
        return Answers(
            pd.DataFrame(about).assign(outside=_doubted(answered.compared, len(about))),
            {
                path.name: pd.read_csv(path)
                for path in answered.files
                if path.suffix == ".csv" and path.parent == folder
            },
            {path.relative_to(folder).as_posix(): path.read_bytes() for path in answered.files},
            problems,
            answered.warning,
            [*answered.notes, *([answered.guaranteed] if answered.guaranteed else [])],
            list(answered.beside),
        )


def _measured(model: Predictor, uploads: Sequence[Upload]) -> Measured | None:
    """The magnification of all images together; None where none can be read."""
    own_scale.check(model)
    shown = _shown(uploads, MOST_FRAMES)
    return own_scale.measure(model, shown) if shown else None


def _shown(uploads: Sequence[Upload], most: int) -> list[images.Image]:
    """The first images of the files that can be read."""
    shown: list[images.Image] = []
    for upload in uploads:
        with contextlib.suppress(BrightfieldError):  # predicting says what is wrong with a file
            frames = _frames(upload, set(), MOST_FRAMES - len(shown))
            shown += [frame.image for frame in islice(frames, most - len(shown))]
    return shown


def _frames(upload: Upload, taken: set[str], room: int) -> Iterator[images.Frame]:
    """The frames of one file, read from a temporary copy with a safe name."""
    given = Path(upload.name)
    suffix = given.suffix.lower()
    stem = images.unique_name(images.stem(given)[:80], taken)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{stem}{suffix if suffix.lstrip('.') in SUFFIXES else '.unknown'}"
        path.write_bytes(upload.content)
        try:
            if (count := images.frame_count(path)) > room:
                raise BrightfieldError(
                    f"{path} holds {count} frames: expected at most {MOST_FRAMES} in all. Use `brightfield predict`."
                )
            for frame in images.frames_of([path]):
                height, width = frame.image.shape[:2]
                if height * width > MOST_PIXELS:
                    raise BrightfieldError(
                        f"{path} has {height} x {width} pixels: expected at most {MOST_PIXELS:,}. "
                        "Use `brightfield predict`."
                    )
                yield frame
        except BrightfieldError as error:  # users know the name of their file, not the temporary one
            raise BrightfieldError(str(error).replace(str(path), given.name)) from error


def _about(name: str, image: np.ndarray) -> dict[str, Any]:
    colour = " RGB" if image.ndim == 3 else ""
    form = "d" if image.dtype.kind in "ui" else ".4g"
    values = f"{image.min():{form}} to {image.max():{form}}"
    return {
        "image": name,
        "size_px": f"{image.shape[1]} x {image.shape[0]}",
        "type": f"{image.dtype}{colour}",
        "range": values,
    }


def _doubted(compared: pd.DataFrame, count: int) -> list[str]:
    """What is doubtful about the answer to each image, such as "expected error 0.62"; empty if nothing is."""
    if compared.empty:
        return [""] * count
    return [doubting.about(row) for row in compared.to_dict("records")]
