"""``brightfield predict TASK FOLDER... --sort OUT``: copies of images in a folder for each class, doubtful ones in ``unsure``.

An image is unsure if the calibrated chance that its answer is right is too small. That is not the distance to the threshold: a
threshold that is to keep 95% of the good lies where most of what it keeps may be bad, so an answer just above it is worse than one
just below. On real crops the answers that remained were right more often by this rule than by the distance, at the same share of
unsure ones. The chance is calibrated for images like those of the validation split, so that those outside are unsure, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from brightfield import images, params, prediction, tasks
from brightfield.data.importing.classification import SHEET, SORTED, UNSURE
from brightfield.data.importing.grouping import read_csv
from brightfield.errors import BrightfieldError
from brightfield.inference.predictor import Predictor
from brightfield.results import Label, contact_sheets
from brightfield.results.canvas import Canvas
from brightfield.system import progress
from brightfield.system.files import atomic_folder

SURE = 0.9
SHOWN = 50  # images on the contact sheet
BATCH_VALUES = 1_000_000  # one at a time takes five times as long; large images go alone
BROWSERS = frozenset({".ds_store", "thumbs.db", "desktop.ini"})  # files that looking at a folder leaves in it
COLUMNS = ("image", "source", "probability", "answer", "certainty", "sorted_into", "outside", "distance")


@dataclass(frozen=True)
class Sorted:
    """What was sorted.

    Attributes:
        table: a row an image, the unsure first and the least certain of them first; columns ``COLUMNS`` (without the last two
            if the model's bundle does not say what it was trained on). ``image`` is the name of the copy, ``source`` the path
            of the original, ``probability`` that of the second class, ``certainty`` the chance that the answer is right,
            ``sorted_into`` the folder.
        folder: with ``sorted.csv``, ``least-certain.png``, a folder for each class and ``unsure``.
        task: its name in params.yaml.
        folders: the classes, and unsure.
        sure: the chance of being right that an answer had to have.
        warning: about images that lie outside what the model was trained on, if there are any.
        recalibrated: a line that says how far probabilities moved, if the model was recalibrated.
    """

    table: pd.DataFrame
    folder: Path
    task: str
    folders: tuple[str, ...]
    sure: float
    warning: str | None
    recalibrated: str | None = None

    def __str__(self) -> str:
        counts = self.table["sorted_into"].value_counts()
        lines = [self.recalibrated] if self.recalibrated else []
        lines += [f"warning: {self.warning}"] if self.warning else []
        lines.append(", ".join(f"{name}: {counts.get(name, 0)}" for name in self.folders) + f" in {self.folder}")
        lines.append(f"{SORTED} lists them, the least certain first; {SHEET} shows the first {SHOWN}.")
        pairs = zip(self.table["source"], self.table["image"], strict=True)
        renamed = sum(Path(source).name != image for source, image in pairs)
        if renamed:
            lines.append(
                f"{renamed} copies have a number behind their name, because images of several folders share it; the column "
                f"source of {SORTED} tells them apart."
            )
        back = f"`brightfield import {self.task} {self.folder} --name NAME`"
        if UNSURE in counts:
            classes = " or ".join(f"{self.folder / name}" for name in self.folders if name != UNSURE)
            lines.append(
                f"Unsure is an answer that is right with a chance of less than {self.sure:g} (--sure), or outside."
            )
            lines.append(f"Next: move the images of {self.folder / UNSURE} into {classes}, then {back}.")
        else:
            lines.append(f"Next: look whether they lie where they belong, then {back}.")
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
) -> Sorted:
    """Answer images and copy each, byte for byte and with its times, to where its answer belongs.

    The folder appears when it is whole. Copies keep the names of their originals, from which an import finds groups.

    Args:
        task: its name in params.yaml; it ``classifies_images``.
        paths: images, and folders whose own images are meant.
        out: a new or empty folder.
        reference: the model (see :func:`brightfield.prediction.bundle_folder`).
        sure: an answer whose chance of being right is less is unsure, and so is one to an image outside what the model was
            trained on; 0: no answer is unsure.
        overwrite: replace a folder that was sorted before; nothing is replaced that is not a copy.
        recalibrate: labelled images of the same acquisition, in a folder for each class.

    Raises:
        BrightfieldError: a task that does not classify images, an unknown model, an image that cannot be read or answered, or
            a folder that holds something. Nothing is written then.
    """
    kind = params.entry(params.load().tasks, task, "task").kind
    if not tasks.KINDS[kind].classifies_images:
        able = tasks.kinds_that(lambda each: each.classifies_images)
        raise BrightfieldError(
            f"Task {task!r} is of kind {kind}, and only images of kind {able} can be sorted: leave --sort out, --out takes the "
            "answers."
        )
    if not 0 <= sure <= 1:
        raise BrightfieldError(f"--sure is a chance from 0 to 1, got {sure:g}.")
    named = copy_names(images.files(paths))
    folder = out.resolve()
    _check_place(folder, named, overwrite)
    predictor, recalibrated = prediction.load_recalibrated(task, reference, recalibrate)
    folders = _folders(predictor.task.class_names)
    with atomic_folder(folder) as partial:
        for name in folders:
            (partial / name).mkdir()
        rows = []
        for source, answer in _answers(predictor, progress.track(named, f"sort {task}", unit="image")):
            rows.append({"image": named[source], "source": str(source), **answer, "sorted_into": _place(answer, sure)})
            shutil.copy2(source, partial / rows[-1]["sorted_into"] / named[source])
        everything = _least_certain_first(pd.DataFrame(rows))
        images.write_png(partial / SHEET, _sheet(partial, everything.head(SHOWN), predictor.task.class_names[1]))
        table = everything[[column for column in COLUMNS if column in everything]]
        table.to_csv(partial / SORTED, index=False, float_format="%.6g", lineterminator="\n")
    warning = prediction.warning(everything) if "outside" in everything else None
    return Sorted(table, out, task, folders, sure, warning, recalibrated)


def certainty(answer: Label) -> float:
    """The chance that the answer is right, as far as the probability is calibrated."""
    return answer.probability if answer.positive else 1 - answer.probability


def copy_names(files: Iterable[Path]) -> dict[Path, str]:
    """For each file, by its absolute path, the name of its copy; a file that is given twice is there once.

    A name that several files share stays with the first, the others have a number at the end of its stem: what a group is found
    by stands at the beginning. All copies have names of their own, whatever class they are in and however letters are
    written, because people will move them about on computers that take ``A.png`` for ``a.png``.

    Raises:
        BrightfieldError: a name that could not stand in a table, or that an import would pass over.
    """
    sources = list(dict.fromkeys(file.parent.resolve() / file.name for file in files))  # a link keeps its own name
    originals = {source.name.casefold() for source in sources}
    for source in sources:
        if images.is_junk(source):
            raise BrightfieldError(
                f"{source} is hidden by its name, and so would be its copy: rename it, or leave it out."
            )
        if any("\ud800" <= letter <= "\udfff" for letter in str(source)):  # bytes that are no UTF-8
            raise BrightfieldError(f"{str(source)!r} is not valid Unicode, which tables are written in: rename it.")
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
    """The classes and ``unsure``; raises BrightfieldError if these cannot be names of folders side by side."""
    for name in classes:
        if not name.strip() or name.startswith(".") or set(name) & set('/\\:*?"<>|') or not name.isprintable():
            raise BrightfieldError(f"The class {name!r} cannot be the name of a folder: rename it in params.yaml.")
    if len({name.casefold() for name in (*classes, UNSURE)}) <= len(classes):
        raise BrightfieldError(
            f"The classes {', '.join(classes)} cannot be folders beside {UNSURE}/: rename them in params.yaml."
        )
    return (*classes, UNSURE)


def _check_place(folder: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """Raise BrightfieldError if the folder holds what must not be replaced: then it would be gone for good."""
    if folder.exists() and not folder.is_dir():
        raise BrightfieldError(f"{folder} is a file, expected a new folder for the sorted images.")
    found = next(folder.iterdir(), None) if folder.exists() else None
    if found is None:
        return
    if not overwrite:
        raise BrightfieldError(
            f"There is something in {folder} already, such as {found.name}. Choose another folder, or, if it was sorted "
            "before, ask for it to be overwritten."
        )
    if not (folder / SORTED).is_file():
        raise BrightfieldError(
            f"{folder} is not overwritten: without {SORTED} it was not sorted. Choose another folder."
        )
    inside = [source for source in sources if source.resolve().is_relative_to(folder)]
    if inside:
        raise BrightfieldError(f"{inside[0]} lies in the folder that is to be overwritten. Sort into another folder.")
    own, copies = {folder / SORTED, folder / SHEET}, _copies(folder)
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir() and path.name.lower() not in BROWSERS]
    foreign = [path for path in files if path not in own and path.name not in copies]
    if foreign:
        raise BrightfieldError(
            f"{folder} is not overwritten: {len(foreign)} files in it, such as {foreign[0].relative_to(folder)}, are no "
            f"copies of images that are still where {SORTED} says. Choose another folder, or move them away first."
        )


def _copies(folder: Path) -> set[str]:
    """The names of the copies that were sorted into a folder before and whose originals are still there."""
    table = read_csv(folder / SORTED, ("image", "source"), text=("image", "source"))
    return {image for image, source in zip(table["image"], table["source"], strict=True) if Path(source).is_file()}


def _answers(predictor: Predictor, sources: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """For each image the row of the table, in order: probability, answer, certainty, and how far outside it lies."""
    batch: list[Path] = []
    read: list[images.Image] = []
    for source in sources:
        batch.append(source)
        read.append(images.read(source))
        if sum(image.size for image in read) >= BATCH_VALUES:
            yield from zip(batch, _answered(predictor, batch, read), strict=True)
            batch, read = [], []
    if batch:
        yield from zip(batch, _answered(predictor, batch, read), strict=True)


def _answered(predictor: Predictor, sources: Sequence[Path], read: Sequence[images.Image]) -> Iterator[dict[str, Any]]:
    task, encoded = predictor.task, []
    for source, image in zip(sources, read, strict=True):
        try:
            encoded.append(task.learning.encode(image))
        except BrightfieldError as error:
            raise BrightfieldError(f"{source}: {error}") from error
    compared = predictor.compare(read)
    far: list[dict[Any, Any]] = [{}] * len(read) if compared is None else compared.to_dict("records")
    for activated, each, distances in zip(predictor.activations(encoded), encoded, far, strict=True):
        label: Label = task.answering.decode(activated, each)
        answer = task.class_names[int(label.positive)]
        yield {"probability": label.probability, "answer": answer, "certainty": certainty(label), **distances}


def _place(answer: Mapping[str, Any], sure: float) -> str:
    """The folder that an image belongs to."""
    unsure = answer["certainty"] < sure or (sure > 0 and answer.get("outside") == 1)
    return UNSURE if unsure else str(answer["answer"])


def _least_certain_first(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in the order in which they are worth a look: what is unsure comes first, whyever it is so."""
    order = table.assign(sure=table["sorted_into"] != UNSURE).sort_values(["sure", "certainty"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _sheet(folder: Path, rows: pd.DataFrame, positive: str) -> Canvas:
    """The contact sheet of rows of the table: below each image its name, probability and folder, and how far outside it lies."""
    told = rows.to_dict("records")
    captions = []
    for row in told:
        captions.append([row["image"], f"{positive}: {row['probability']:.3f}, in {row['sorted_into']}"])
        if row.get("outside") == 1:
            captions[-1].append(f"outside: {row['farthest']} {row['distance']:.1f}")
    title = f"The {len(told)} least certain answers. Below each: its name, the probability that it is {positive}, its folder."
    read = (images.read(folder / row["sorted_into"] / row["image"]) for row in told)
    return contact_sheets.contact_sheet(read, captions, [title])
