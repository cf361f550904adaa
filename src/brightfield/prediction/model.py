"""A trained model for Python and notebooks: ``brightfield.load("bacteria").predict(image)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import layout, prediction
from brightfield.errors import BrightfieldError
from brightfield.inference.predictor import Predictor
from brightfield.prediction import doubting, own_scale
from brightfield.prediction.own_scale import AUTO, Magnification, Measured
from brightfield.prediction.pixel_sizes import PixelSizes
from brightfield.results import Result

# an array (H, W, C) with at most so many channels is one image, any other with three axes a stack (N, H, W)
MOST_CHANNELS = 4


def load(task_or_folder: str | Path, version: str | int = "champion") -> Model:
    """Load a trained model.

    Args:
        task_or_folder: the name of a task in params.yaml of the current folder, or a folder with a bundle (one of ``models/``,
            ``ensembles/``, or a copy), which needs no project around it.
        version: version of the task's model: ``starter``, ``champion``, ``previous`` or a version number of the registry, or the
            name of a model or an ensemble that was trained here. Not used for a folder.

    Raises:
        BrightfieldError: no such task, model or folder, or a damaged bundle.
    """
    folder = Path(task_or_folder)
    if isinstance(task_or_folder, Path) or (folder / layout.BUNDLE).is_file():
        return Model(prediction.load_folder(folder))
    return Model(prediction.load(task_or_folder, str(version)))


class Model:
    """A model or an ensemble, returned by :func:`load`.

    Attributes:
        task: name of its task in params.yaml.
        classes: names of the classes by their index; empty where the task has no classes.
        pixel_size_um: side of a pixel of the training images in micrometres.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.task = predictor.task_name
        self.classes = predictor.task.metadata.classes
        self.pixel_size_um = predictor.task.metadata.pixel_size_um

    def __repr__(self) -> str:
        members = " and ".join(member.bundle.name for member in self._predictor.members)
        return f"<brightfield.Model {members} of task {self.task!r}>"

    # types do not distinguish an image from a stack, so the result for an array is Any; that for a list is typed
    @overload
    def predict(
        self,
        images: npt.NDArray[Any],
        *,
        pixel_size_um: float | None = None,
        magnify: Magnification | None = None,
        names: Sequence[str] | None = None,
    ) -> Any: ...

    @overload
    def predict(
        self,
        images: Sequence[npt.NDArray[Any]],
        *,
        pixel_size_um: float | None = None,
        magnify: Magnification | None = None,
        names: Sequence[str] | None = None,
    ) -> list[Result]: ...

    def predict(
        self,
        images: npt.NDArray[Any] | Sequence[npt.NDArray[Any]],
        *,
        pixel_size_um: float | None = None,
        magnify: Magnification | None = None,
        names: Sequence[str] | None = None,
    ) -> Any:
        """Predict one image, or several.

        Args:
            images: one image, (H, W) or (H, W, 3), of any size and numeric type; (H, W, 2) with fluorescence for a model that takes
                it. A stack (N, H, W) or (N, H, W, C), or a list of images, which may differ in size.
            pixel_size_um: side of a pixel in micrometres; None: that of the training. Fields of bacteria and crops of cells are
                magnified to the pixel size of the training for prediction; answers are in the pixels of the images.
            magnify: magnification for prediction, in place of that from ``pixel_size_um``. ``"auto"``: measured on the images, of
                one acquisition, unless ``pixel_size_um`` is given; :meth:`measure` returns what is found.
            names: names of the images in tables; None: their numbers from 0.

        Returns:
            One result (see :mod:`brightfield.results`) for one image, a list of results for a stack or a list.

        Raises:
            BrightfieldError: an array that is not an image, an image that the task does not accept, a wrong number of names, or a
                task or model that cannot be magnified so.
        """
        alone, given = _as_list(images)
        titles = _titles(names, len(given))
        metadata = replace(self._predictor.task.metadata, pixel_size_um=pixel_size_um or self.pixel_size_um)
        answers = [
            replace(answer, metadata=replace(metadata, image=title))
            for answer, title in zip(self._answers(given, pixel_size_um, magnify), titles, strict=True)
        ]
        return answers[0] if alone else answers

    def judge(
        self,
        images: npt.NDArray[Any] | Sequence[npt.NDArray[Any]],
        *,
        pixel_size_um: float | None = None,
        magnify: Magnification | None = None,
        names: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """How much the answers to images are to be doubted, as ``brightfield predict`` writes it into its tables.

        The model answers a changed view of each image as well: one that disagrees with itself is often wrong. Give the images of
        one acquisition together.

        Args:
            images, pixel_size_um, magnify, names: as for :meth:`predict`.

        Returns:
            A row an image: ``image`` (its name), ``outside`` (1: the answer is doubtful), ``doubt`` (its expected error, 0 to 1),
            and where the model knows its training images ``distance`` and ``farthest`` (how far the image lies from them, and in
            what), and of an ensemble ``disagreement`` (how far its members are apart). What is not known is left out.

        Raises:
            BrightfieldError: as :meth:`predict`.
        """
        given = _as_list(images)[1]
        titles, seen = _titles(names, len(given)), self._seen(given, pixel_size_um, magnify)
        judged = self._predictor.judge(seen)
        table = doubting.compared(self._predictor.compare(seen), judged.agreements or [], self._predictor)
        if table is not None and judged.disagreements is not None:
            table["disagreement"] = judged.disagreements
        return (
            pd.DataFrame({"image": titles}) if table is None else table.assign(image=titles)[["image", *table.columns]]
        )

    def measure(self, images: npt.NDArray[Any] | Sequence[npt.NDArray[Any]]) -> Measured:
        """The magnification that brings what images of one acquisition show to the width that the model knows.

        Args:
            images: as for :meth:`predict`.

        Returns:
            ``factor``, None where it could not be measured, and ``line``, which says what was measured.

        Raises:
            BrightfieldError: a task that measures nothing, or a model from before the width was measured.
        """
        return own_scale.measure(self._predictor, _as_list(images)[1])

    def _answers(
        self, given: list[npt.NDArray[Any]], pixel_size_um: float | None, magnify: Magnification | None
    ) -> list[Result]:
        task, seen = self._predictor.task, self._seen(given, pixel_size_um, magnify)
        answers = zip(self._predictor.predict(seen), given, seen, strict=True)
        return [
            answer
            if image.shape == as_seen.shape
            else task.answering.to_original_scale(answer, image.shape[:2], as_seen.shape[:2])
            for answer, image, as_seen in answers
        ]

    def _seen(
        self, given: list[npt.NDArray[Any]], pixel_size_um: float | None, magnify: Magnification | None
    ) -> list[npt.NDArray[Any]]:
        """The images at the magnification at which the model answers them."""
        task = self._predictor.task
        if magnify is None and own_scale.measures_by_default(self._predictor):
            magnify = AUTO
        if magnify == AUTO:
            magnify = None if pixel_size_um else self.measure(given)
        _, magnification = PixelSizes.of_task(task, self.task, pixel_size_um, magnify).of("the image", None)
        return given if magnification is None else [task.answering.magnified(image, magnification) for image in given]


def _titles(names: Sequence[str] | None, images: int) -> list[str]:
    titles = [str(i) for i in range(images)] if names is None else list(names)
    if len(titles) != images:
        raise BrightfieldError(f"Expected a name for each of {images} images, got {len(titles)}.")
    return titles


def _as_list(given: npt.NDArray[Any] | Sequence[npt.NDArray[Any]]) -> tuple[bool, list[npt.NDArray[Any]]]:
    """Whether one image was given, and the list of images; raises BrightfieldError for an array that is not an image."""
    several = _is_stack(given) if isinstance(given, np.ndarray) else isinstance(given, list | tuple)
    found = [np.asarray(each) for each in (given if several else [given])]
    for image in found:
        if image.ndim not in (2, 3) or _is_stack(image) or not image.size:
            raise BrightfieldError(
                "Expected an array (height, width) or (height, width, channels), a stack of them or a list; got an image of "
                f"shape {image.shape}."
            )
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise BrightfieldError("Expected finite pixels, got an image with nan or infinite ones.")
    return not several, found


def _is_stack(array: npt.NDArray[Any]) -> bool:
    return array.ndim > 3 or (array.ndim == 3 and array.shape[2] > MOST_CHANNELS)
