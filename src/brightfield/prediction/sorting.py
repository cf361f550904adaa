"""``brightfield predict TASK FOLDER... --sort OUT``: copy images into a folder for each class, uncertain ones into ``unsure``.

An image is unsure if the calibrated probability that its answer is correct is too small. That differs from the distance to the
threshold: with a recall of 95% most images just above the threshold may be negative, so an answer just above it is worse than one
just below. On real crops, at the same share of unsure images, the remaining answers were more often correct by this rule than by
the distance. The calibration holds for images like those of the validation split, so answers that are doubtful for another reason
(see :mod:`brightfield.prediction.doubting`) are unsure, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from brightfield import images, params, prediction, tasks
from brightfield.data.importing.layouts import SHEET, SORTED, UNSURE
from brightfield.errors import BrightfieldError
from brightfield.inference.predictor import Predictor
from brightfield.prediction import doubting, inputs
from brightfield.prediction.own_scale import Magnification
from brightfield.prediction.pixel_sizes import PixelSizes
from brightfield.results import Label, contact_sheets
from brightfield.results.canvas import Canvas
from brightfield.system import progress
from brightfield.system.csv_files import read_csv
from brightfield.system.files import atomic_folder
from brightfield.tasks import Encoded, Task

SURE = 0.9  # default of the least probability that a sorted answer is correct
SHOWN = 50  # number of images on the contact sheet
# largest number of values in a batch of several images, which is five times faster than single ones
BATCH_VALUES = 1_000_000
BROWSERS = frozenset({".ds_store", "thumbs.db", "desktop.ini"})  # files that file managers create in a folder
COLUMNS = ("image", "source", "probability", "answer", "certainty", "sorted_into", "outside", "doubt", "distance")


@dataclass(frozen=True)
class Sorted:
    """The result of sorting images.

    Attributes:
        table: one row per image, the unsure first and the least certain of them first; columns ``COLUMNS`` (without the last
            if the model's bundle has no coverage). ``image`` is the name of the copy, ``source`` the path of the original,
            ``probability`` the probability of the second class, ``certainty`` the probability that the answer is correct,
            ``sorted_into`` the folder.
        folder: the output folder with ``sorted.csv``, ``least-certain.png``, a folder for each class and ``unsure``.
        task: the task's name in params.yaml.
        folders: names of the folders: the classes, and unsure.
        sure: least probability that a sorted answer is correct.
        warning: a line about doubtful answers, if there are any.
        listing: the files that were found, taken and left out.
        recalibrated: a line about the change of the calibration, if the model was recalibrated.
        notes: lines on pixel sizes, and on what was measured.
    """

    table: pd.DataFrame
    folder: Path
    task: str
    folders: tuple[str, ...]
    sure: float
    warning: str | None
    listing: images.Listing
    recalibrated: str | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = self.table["sorted_into"].value_counts()
        lines = [self.recalibrated] if self.recalibrated else []
        lines += self.notes
        lines += [f"warning: {self.warning}"] if self.warning else []
        lines += self.listing.lines()
        lines.append(", ".join(f"{name}: {counts.get(name, 0)}" for name in self.folders) + f" in {self.folder}")
        lines.append(f"{SORTED} lists them, the least certain first; {SHEET} shows the first {SHOWN}.")
        pairs = zip(self.table["source"], self.table["image"], strict=True)
        renamed = sum(Path(source).name != image for source, image in pairs)
        if renamed:
            lines.append(
                f"{renamed} copies have a number after their name, because images of several folders share it. The column "
                f"source of {SORTED} lists the originals."
            )
        back = f"`brightfield import {self.task} {self.folder} --name NAME`"
        if UNSURE in counts:
            classes = " or ".join(f"{self.folder / name}" for name in self.folders if name != UNSURE)
            lines.append(
                f"An answer is unsure if it is correct with a probability below {self.sure:g} (--sure), or if it is doubtful: the "
                "model answers a slightly changed view of the image in another way."
            )
            lines.append(f"Next: move the images of {self.folder / UNSURE} into {classes}, then {back}.")
        else:
            lines.append(f"Next: check that all are in the right folder, then {back}.")
        return "\n".join(lines)


def sort(
    task: str,
    paths: Sequence[Path],
    out: Path,
    *,
    reference: str = "champion",
    sure: float = SURE,
    overwrite: bool = False,
    recalibrate: Path | None = None,
    pixel_size_um: float | None = None,
    magnify: Magnification | None = None,
) -> Sorted:
    """Predict images and copy each, byte for byte and with its times, into the folder of its answer.

    The output folder appears when it is complete. Copies have the names of their originals, from which an import finds groups.

    Args:
        task: the name in params.yaml of a task that ``classifies_images``.
        paths: images, folders of images (without their subfolders), and folders with a folder for each class.
        out: a new or empty folder.
        reference: the model (see :func:`brightfield.prediction.bundle_folder`).
        sure: an answer is unsure if the probability that it is correct is smaller, or if it is doubtful; 0: no answer is unsure.
        overwrite: replace a folder that was sorted before; files other than its copies are never replaced.
        recalibrate: labelled images of the same acquisition, in a folder for each class.
        pixel_size_um, magnify: see :func:`brightfield.prediction.predict`.

    Raises:
        BrightfieldError: a task that does not classify images, an unknown model, an image that cannot be read or predicted, or
            a folder that is not empty. Nothing is written then.
    """
    kind = params.entry(params.load().tasks, task, "task").kind
    if not tasks.KINDS[kind].classifies_images:
        able = tasks.kinds_that(lambda each: each.classifies_images)
        raise BrightfieldError(
            f"Task {task!r} is of kind {kind}: expected {able}, whose images can be sorted. Give --out in place of --sort."
        )
    if not 0 <= sure <= 1:
        raise BrightfieldError(f"--sure is {sure:g}: expected a probability from 0 to 1.")
    listing = inputs.given(task, paths).listing
    named = copy_names(listing.taken)
    folder = out.resolve()
    _check_place(folder, named, overwrite)
    predictor, recalibrated, factor = prediction.load_recalibrated(
        task, reference, recalibrate, pixel_size_um, magnify, listing.taken
    )
    sizes = PixelSizes.of_task(predictor.task, task, pixel_size_um, factor)
    folders = _folders(predictor.task.class_names)
    with atomic_folder(folder) as partial:
        for name in folders:
            (partial / name).mkdir()
        answers = _answers(predictor, sizes, progress.track(named, f"sort {task}", unit="image"))
        rows = []
        for source, answer in zip(named, answers, strict=True):
            rows.append({"image": named[source], "source": str(source), **answer, "sorted_into": _place(answer, sure)})
            copy = shutil.copytree if source.is_dir() else shutil.copy2  # an image in chunks is a folder
            copy(source, partial / rows[-1]["sorted_into"] / named[source])
        everything = _least_certain_first(pd.DataFrame(rows))
        images.write_png(partial / SHEET, _sheet(partial, everything.head(SHOWN), predictor.task.class_names[1]))
        table = everything[[column for column in COLUMNS if column in everything]]
        table.to_csv(partial / SORTED, index=False, float_format="%.6g", lineterminator="\n")
    warning = doubting.warning(everything, predictor)
    return Sorted(table, out, task, folders, sure, warning, listing, recalibrated, tuple(sizes.lines()))


def certainty(answer: Label) -> float:
    """The probability that the answer is correct, if probabilities are calibrated."""
    return answer.probability if answer.positive else 1 - answer.probability


def copy_names(files: Iterable[Path]) -> dict[Path, str]:
    """The name of the copy of each file, by its absolute path; a file that is given twice is listed once.

    Of files with the same name the first keeps it, the others get a number at the end of the stem, as groups are found by the
    beginning. The names are unique across all classes and without regard to case, because the copies will be moved between folders,
    also on systems that do not distinguish ``A.png`` from ``a.png``.

    Raises:
        BrightfieldError: a name that cannot be written into a table, or that an import would skip.
    """
    sources = list(dict.fromkeys(file.parent.resolve() / file.name for file in files))  # a link keeps its own name
    originals = {source.name.casefold() for source in sources}
    for source in sources:
        if images.is_junk(source):
            raise BrightfieldError(f"{source} is a hidden file, and so would be its copy. Rename it, or leave it out.")
        if any("\ud800" <= letter <= "\udfff" for letter in str(source)):  # bytes that are not UTF-8
            raise BrightfieldError(f"{str(source)!r} is not valid Unicode, as tables need it. Rename it.")
    named: dict[Path, str] = {}
    given: set[str] = set()
    for source in sources:
        name, number = source.name, 2
        stem = images.stem(source)
        while name.casefold() in given or (number > 2 and name.casefold() in originals):
            name, number = f"{stem}-{number}{source.name[len(stem) :]}", number + 1
        given.add(name.casefold())
        named[source] = name
    return named


def _folders(classes: Sequence[str]) -> tuple[str, ...]:
    """The names of the folders, the classes and ``unsure``; raises BrightfieldError if they are not valid or not unique."""
    for name in classes:
        if not name.strip() or name.startswith(".") or set(name) & set('/\\:*?"<>|') or not name.isprintable():
            raise BrightfieldError(f"The class {name!r} is not a valid name of a folder. Rename it in params.yaml.")
    if len({name.casefold() for name in (*classes, UNSURE)}) <= len(classes):
        raise BrightfieldError(
            f"The classes {', '.join(classes)} cannot be folders beside {UNSURE}/. Rename them in params.yaml."
        )
    return (*classes, UNSURE)


def _check_place(folder: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """Raise BrightfieldError if the folder contains files other than copies of existing originals: they would be lost."""
    if folder.exists() and not folder.is_dir():
        raise BrightfieldError(f"{folder} is a file: expected a new folder for the sorted images.")
    found = next(folder.iterdir(), None) if folder.exists() else None
    if found is None:
        return
    if not overwrite:
        raise BrightfieldError(
            f"{folder} contains files, such as {found.name}: expected a new or empty folder. Choose another folder, or, if it was "
            "sorted before, give --overwrite."
        )
    if not (folder / SORTED).is_file():
        raise BrightfieldError(
            f"{folder} is not overwritten: it has no {SORTED}, so it was not sorted before. Choose another folder."
        )
    inside = [source for source in sources if source.resolve().is_relative_to(folder)]
    if inside:
        raise BrightfieldError(f"{inside[0]} lies in the folder that is to be overwritten. Sort into another folder.")
    own, copies = {folder / SORTED, folder / SHEET}, _copies(folder)
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir() and path.name.lower() not in BROWSERS]
    foreign = [path for path in files if path not in own and path.name not in copies]
    if foreign:
        raise BrightfieldError(
            f"{folder} is not overwritten: {len(foreign)} files in it, such as {foreign[0].relative_to(folder)}, are not "
            f"copies of existing images that {SORTED} lists. Choose another folder, or move them away first."
        )


def _copies(folder: Path) -> set[str]:
    """The names of the copies in a sorted folder whose originals still exist."""
    table = read_csv(folder / SORTED, ("image", "source"), text=("image", "source"))
    return {image for image, source in zip(table["image"], table["source"], strict=True) if Path(source).is_file()}


def _answers(predictor: Predictor, sizes: PixelSizes, sources: Iterable[Path]) -> list[dict[str, Any]]:
    """The row of the table of each image, in order: probability, answer, certainty, and how much it is to be doubted."""
    rows: list[dict[str, Any]] = []
    far: list[pd.DataFrame] = []
    agreements: list[tuple[float, ...]] = []
    for batch in _batches(sources):
        seen = [sizes.seen(predictor.task, frame) for frame in batch]
        answers, agree, _ = predictor.judge(seen, _encoded(predictor.task, batch, seen))
        agreements += agree or []
        labels: Sequence[Any] = answers
        if (distances := predictor.compare([frame.image for frame in batch])) is not None:
            far.append(distances)
        rows += [_row(predictor.task, label) for label in labels]
    doubted = doubting.compared(pd.concat(far, ignore_index=True) if far else None, agreements, predictor)
    if doubted is None:
        return rows
    records: list[dict[Any, Any]] = doubted.to_dict("records")
    return [{**row, **about} for row, about in zip(rows, records, strict=True)]


def _batches(sources: Iterable[Path]) -> Iterator[list[images.Frame]]:
    batch: list[images.Frame] = []
    for source in sources:
        batch.append(images.read_frame(source))
        if sum(frame.image.size for frame in batch) >= BATCH_VALUES:
            yield batch
            batch = []
    if batch:
        yield batch


def _encoded(task: Task[Any, Any], read: Sequence[images.Frame], seen: Sequence[images.Image]) -> list[Encoded]:
    encoded = []
    for frame, image in zip(read, seen, strict=True):
        try:
            encoded.append(task.learning.encode(image))
        except BrightfieldError as error:
            raise BrightfieldError(f"{frame.path}: {error}") from error
    return encoded


def _row(task: Task[Any, Any], label: Label) -> dict[str, Any]:
    answer = task.class_names[int(label.positive)]
    return {"probability": label.probability, "answer": answer, "certainty": certainty(label)}


def _place(answer: Mapping[str, Any], sure: float) -> str:
    """The folder into which an image is sorted; a smaller ``sure`` allows more doubt."""
    unsure = answer["certainty"] < sure or (answer.get("outside") == 1 and answer["doubt"] > 1 - sure)
    return UNSURE if unsure else str(answer["answer"])


def _least_certain_first(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in the order in which to check them: all unsure images first, each part by increasing certainty."""
    order = table.assign(sure=table["sorted_into"] != UNSURE).sort_values(["sure", "certainty"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _sheet(folder: Path, rows: pd.DataFrame, positive: str) -> Canvas:
    """The contact sheet of rows of the table, with name, probability, folder and distance from the training data of each image."""
    answers = rows.to_dict("records")
    captions = []
    for row in answers:
        captions.append([row["image"], f"{positive}: {row['probability']:.3f}, in {row['sorted_into']}"])
        if said := doubting.about(row):
            captions[-1].append(said)
    title = f"The {len(answers)} least certain answers, each with its name, the probability that it is {positive}, and its folder."
    read = (images.read(folder / row["sorted_into"] / row["image"]) for row in answers)
    return contact_sheets.contact_sheet(read, captions, [title])
