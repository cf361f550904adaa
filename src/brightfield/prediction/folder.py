"""Images answered one after the other, and their files in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import images, layout
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.inference.predictor import Predictor
from brightfield.prediction import doubting, guaranteeing
from brightfield.prediction.beside import Besides
from brightfield.prediction.own_scale import Measured
from brightfield.prediction.pixel_sizes import PixelSizes
from brightfield.results import Result, writing
from brightfield.results.stated import Stated

CROPS_DRAWN = 20  # crops come by the thousand, and one tells little by itself: `--sort` shows them together


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
        guaranteed: a line about what is guaranteed of the answers, if anything is.
    """

    files: list[Path]
    compared: pd.DataFrame
    recalibrated: str | None = None
    listing: images.Listing | None = None
    notes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    warning: str | None = None
    guaranteed: str | None = None


class FolderPrediction:
    """Predicts image after image and writes the answers into a folder; no image stays in memory.

    Args:
        predictor: the model.
        out: output folder (see :mod:`brightfield.results.writing`).
        pixel_size_um: side of a pixel of all images in micrometres; None: as the file of each states, else that of the task.
        magnify: magnification of the images before prediction, given or measured (see
            :func:`brightfield.prediction.settled`); answers are scaled back to the images' own pixels. None: where the task is
            ``magnifiable``, to the pixel size of the training; of crops only from ``pixel_size_um``, not from files.
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
        self._disagreements: list[float] = []

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
        (result,), agreements, disagreements = self.predictor.judge([pixels])
        self._disagreements += disagreements or []
        if seen.shape != image.shape:
            result = answering.to_original_scale(result, image.shape[:2], seen.shape[:2])
        return result, seen, agreements or []

    def finish(self) -> PredictionSummary:
        """Write the tables; columns ``outside``, ``doubt`` and ``distance`` say how much the answers are to be doubted.

        The column ``disagreement`` says how far the members of an ensemble are apart on an image. The columns ``pixel_size_um``
        and ``time_s`` are there where files state them.
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
        if self._disagreements:
            apart = pd.DataFrame({"image": list(self._rows), "disagreement": self._disagreements})
            table = table.merge(apart, on="image", how="left")
        table = self._stated.in_columns(table)
        notes, warning = (*self.sizes.lines(), *self._stated.notes()), doubting.warning(compared, self.predictor)
        guaranteed = guaranteeing.line(self.predictor)
        if self._besides is None:
            files = self._writer.finish(table, self._sources)
            return PredictionSummary(files, compared, notes=notes, warning=warning, guaranteed=guaranteed)
        others = self._besides.finish()
        files = self._writer.finish(table, self._sources, {layout.BESIDE: self._besides.table})
        beside = tuple(self._besides.lines())
        return PredictionSummary(
            [*others, *files], compared, notes=notes, beside=beside, warning=warning, guaranteed=guaranteed
        )
