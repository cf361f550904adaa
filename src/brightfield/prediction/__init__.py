"""``brightfield predict``: images in, files out that the field opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from brightfield import images, layout, params, tasks
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry
from brightfield.inference.predictor import Predictor
from brightfield.prediction import recalibration
from brightfield.results import Result, writing
from brightfield.system import progress


def bundle_folder(task: str, reference: str) -> Path:
    """The bundle that a reference names: a folder, a model or ensemble trained here, or a version of the registry.

    Args:
        task: its name in params.yaml.
        reference: a folder with ``bundle.json``; the name of a local model or ensemble; or what the registry knows: an alias
            such as ``champion``, a version number, a model's name.

    Raises:
        BrightfieldError: if nothing goes by that name.
    """
    places = (Path(reference), layout.model(task, reference), layout.ensemble(task, reference))
    for folder in places:
        if (folder / layout.BUNDLE).is_file():
            return folder
    try:
        return registry.fetch(task, reference, layout.FETCHED)
    except BrightfieldError as error:
        here = sorted(path.parent.name for path in Path().glob(f"*/{task}/*/{layout.BUNDLE}"))
        raise BrightfieldError(f"{error} Trained here: {', '.join(here) or 'none'}.") from error


def load(task: str, reference: str) -> Predictor:
    """The predictor that a reference names (see :func:`bundle_folder`), computing as params.yaml says.

    Args:
        task: its name in params.yaml.
        reference: what :func:`bundle_folder` takes.

    Raises:
        BrightfieldError: for an unknown task or model, or a model of another task.
    """
    settings = params.load()
    params.entry(settings.tasks, task, "task")
    predictor = Predictor.load(bundle_folder(task, reference), settings.compute)
    if predictor.task_name != task:
        raise BrightfieldError(f"{reference!r} answers task {predictor.task_name!r}, not {task!r}.")
    return predictor


def load_recalibrated(task: str, reference: str, recalibrate: Path | None) -> tuple[Predictor, str | None]:
    """The same predictor, recalibrated on labelled images if there are any, and a line that says how far probabilities moved.

    Args:
        task: its name in params.yaml.
        reference: what :func:`bundle_folder` takes.
        recalibrate: labelled images of the acquisition that it is to answer (see :mod:`brightfield.prediction.recalibration`).

    Raises:
        BrightfieldError: as :func:`load`, and for labelled images that do not serve.
    """
    predictor = load(task, reference)
    if recalibrate is None:
        return predictor, None
    return recalibration.recalibrated(predictor, recalibrate)


@dataclass(frozen=True)
class PredictionSummary:
    """What came of several images.

    Attributes:
        files: all that were written.
        compared: columns image, outside (0 or 1), distance and farthest, a row an image (see
            :meth:`brightfield.data.coverage.Coverage.compare`); no rows if the model's bundle does not say what it was trained on.
        recalibrated: a line that says how far probabilities moved, if the model was recalibrated.
    """

    files: list[Path]
    compared: pd.DataFrame
    recalibrated: str | None = None

    @property
    def warning(self) -> str | None:
        """One line about images that lie outside what the model was trained on, if there are any."""
        return warning(self.compared)


class FolderPrediction:
    """Answers image after image into a folder, as :mod:`brightfield.results.writing` says; no image is kept in memory.

    Args:
        predictor: who answers.
        out: the folder.
        pixel_size_um: side of a pixel; none: that of the task.
        magnify: how many times larger the model is to see the images; answers are brought back to the images' own pixels. None:
            where the task is ``magnifiable``, what makes a pixel as large as those that the model learnt from; else 1.
        overwrite: replace answers that are there.

    Raises:
        BrightfieldError: the task cannot be asked about magnified images.
    """

    def __init__(
        self,
        predictor: Predictor,
        out: Path,
        *,
        pixel_size_um: float | None = None,
        magnify: float | None = None,
        overwrite: bool = False,
    ) -> None:
        self.predictor = predictor
        task, learnt = predictor.task, predictor.task.settings.pixel_size_um
        if magnify not in (None, 1) and not task.answering.magnifiable:
            able = tasks.kinds_that(lambda kind: kind.answering_class.magnifiable)
            raise BrightfieldError(
                f"Task {predictor.task_name!r} cannot be asked about magnified images: tasks of kind {able} can. "
                "Leave out --magnify."
            )
        self.magnify = magnify or ((pixel_size_um or learnt) / learnt if task.answering.magnifiable else 1.0)
        metadata = replace(task.metadata, pixel_size_um=pixel_size_um or learnt)
        self._writer = writing.Writer(out, metadata, overwrite=overwrite)
        self._rows: dict[str, pd.DataFrame] = {}
        self._compared = [pd.DataFrame(columns=["image", "outside", "distance", "farthest"])]

    def __len__(self) -> int:
        """How many images were answered."""
        return len(self._rows)

    def add(self, name: str, image: images.Image, fluorescence: images.Image | None = None) -> None:
        """Answer one image, (H, W) or (H, W, 3), and write its files.

        Args:
            name: of the image.
            image: in transmitted light, or whatever the task is about.
            fluorescence: (H, W) of the same place: seen by a model that takes it, and measured in each cell.

        Raises:
            BrightfieldError: the task cannot take the image, or its answer cannot be written.
        """
        if fluorescence is not None and fluorescence.shape != image.shape[:2]:
            raise BrightfieldError(
                f"The fluorescence of {name} has shape {fluorescence.shape}, its image {image.shape[:2]}: expected the same."
            )
        result, seen = self._answer(name, image, fluorescence)
        self._writer.add(name, image, result, fluorescence)
        self._rows[name] = self.predictor.task.rows(result)
        if (compared := self.predictor.compare([seen])) is not None:
            self._compared.append(compared.assign(image=name))

    def _answer(self, name: str, image: images.Image, fluorescence: images.Image | None) -> tuple[Result, images.Image]:
        """The answer to an image, and the image as the model saw it."""
        channels = {"image": image} if fluorescence is None else {"image": image, "fluorescence": fluorescence}
        if self.magnify != 1:
            channels = {channel: images.magnified(pixels, self.magnify) for channel, pixels in channels.items()}
        seen = channels.pop("image")
        task = self.predictor.task
        result = self.predictor.predict([task.learning.pixels(Record(name, name, seen, channels))])[0]
        return (result if self.magnify == 1 else task.answering.to_original_scale(result, image.shape[:2])), seen

    def finish(self) -> PredictionSummary:
        """Write the tables; their columns ``outside`` and ``distance`` say which images are unlike the training."""
        table = self.predictor.task.combine(self._rows)
        compared = pd.concat(self._compared[1:] or self._compared, ignore_index=True)
        if len(compared):
            table = table.merge(compared[["image", "outside", "distance"]], on="image", how="left")
        return PredictionSummary(self._writer.finish(table), compared)


def predict(
    task: str,
    paths: Sequence[Path],
    out: Path,
    *,
    reference: str = "champion",
    overwrite: bool = False,
    pixel_size_um: float | None = None,
    magnify: float | None = None,
    recalibrate: Path | None = None,
    fluorescence: Path | None = None,
) -> PredictionSummary:
    """Answer every image below the paths and write the answers into ``out``.

    Args:
        task: its name in params.yaml.
        paths: images, stacks, or folders of them.
        out: the folder.
        reference: the model (see :func:`bundle_folder`).
        overwrite: replace answers that are there.
        pixel_size_um: side of a pixel; none: that of the task.
        magnify: how many times larger the model is to see the images (see :class:`FolderPrediction`).
        recalibrate: labelled images of the same acquisition.
        fluorescence: a folder (or one file) with an image of the same name for each.

    Raises:
        BrightfieldError: for an unknown task or model, an image that cannot be read, or answers that are there already.
    """
    predictor, recalibrated = load_recalibrated(task, reference, recalibrate)
    answering = FolderPrediction(predictor, out, pixel_size_um=pixel_size_um, magnify=magnify, overwrite=overwrite)
    glowing = None if fluorescence is None else images.frames([fluorescence])
    for name, image in progress.track(images.frames(paths), f"predict {task}", unit="image"):
        answering.add(name, image, None if glowing is None else _same_name(name, glowing))
    if not len(answering):
        raise BrightfieldError(f"There is no image in {', '.join(map(str, paths))}.")
    return replace(answering.finish(), recalibrated=recalibrated)


def _same_name(name: str, glowing: Iterator[tuple[str, images.Image]]) -> images.Image:
    """The next fluorescence image, in one channel.

    Raises:
        BrightfieldError: it has another name, or there is none.
    """
    other, light = next(glowing, ("", None))
    if other != name or light is None:
        raise BrightfieldError(
            f"--fluorescence has {other or 'no image'} where {name} is expected: it takes an image of the same name for each "
            "image, and no others."
        )
    return images.to_grey(light)


def warning(compared: pd.DataFrame) -> str | None:
    """One line about the images that lie outside, None if none does.

    Args:
        compared: columns image, outside, distance, farthest.
    """
    outside = compared[compared["outside"] == 1]
    if outside.empty:
        return None
    worst = outside.iloc[int(outside["distance"].argmax())]
    most = outside["farthest"].mode()[0]
    return (
        f"{len(outside)} of {len(compared)} images lie outside what the model was trained on, most of them in {most}; the "
        f"farthest is {worst['image']} ({worst['farthest']}, {worst['distance']:.1f} times the limit). "
        "Check their answers, or train on images like them."
    )
