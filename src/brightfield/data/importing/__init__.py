"""Import a lab's own images: every file is checked first, then one dataset is written, or nothing.

The importer of a kind of task is one module with an :class:`Importer` and one line in :data:`IMPORTERS`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from brightfield import images, params
from brightfield.data.importing import classification, pixel_sizes, restoration, segmentation, tracking
from brightfield.data.importing.checks import Checker, Importer, Part, Request
from brightfield.data.importing.findings import Findings
from brightfield.data.importing.grouping import Grouping
from brightfield.data.records import Record
from brightfield.data.store import write_raw
from brightfield.errors import BrightfieldError
from brightfield.params import TaskSettings
from brightfield.system.files import atomic_folder
from brightfield.system.progress import track

IMPORTERS: dict[str, Importer] = {
    "classification": classification.IMPORTER,
    "tracking": tracking.IMPORTER,
    "segmentation": segmentation.IMPORTER,
    "restoration": restoration.IMPORTER,
}
MIN_GROUPS = 3  # one each for training, validation and test


@dataclass(frozen=True)
class ImportReport:
    """Summary of an import; stored as ``about.json`` beside the images.

    Attributes:
        kind: kind of the task.
        source: name of the source (not its path, which means nothing on another machine).
        images: number of images.
        labelled: number of images with ground truth.
        groups: number of groups; all images of a group are in one split.
        group_rule: the rule that gave the groups, in words.
        counts: amount of ground truth: images of each class, cells, or frames with positions.
        licence: licence of the images, as the user gave it.
        warnings: one sentence for each thing the user should know.
        found: number of files in the source.
        taken: number of files that were read: images, labels, tables.
        left_out: number of files that were not read, for each reason; ``found`` is the sum of ``taken`` and these.
        pixel_size_um: pixel size of all images, as given or as their files state; None where it is unknown or differs.
        pixel_size: the same in words, with its origin; empty where nothing states one.
    """

    kind: str
    source: str
    images: int
    labelled: int
    groups: int
    group_rule: str
    counts: dict[str, int]
    licence: str
    warnings: list[str]
    found: int
    taken: int
    left_out: dict[str, int]
    pixel_size_um: float | None = None
    pixel_size: str = ""

    def __str__(self) -> str:
        counts = "".join(f", {name}: {number}" for name, number in self.counts.items())
        lines = [f"Imported images: {self.images}, groups: {self.groups} ({self.group_rule}){counts}."]
        reasons = ", ".join(f"{number} {why}" for why, number in self.left_out.items())
        rest = f"{sum(self.left_out.values())} ({reasons})" if reasons else "0"
        lines.append(f"Files found: {self.found}, taken: {self.taken}, left out: {rest}.")
        lines += [f"Pixel size: {self.pixel_size}."] if self.pixel_size else []
        return "\n".join(lines + [f"Note: {warning}" for warning in self.warnings])


def import_dataset(
    kind: str,
    source: Path,
    destination: Path,
    *,
    settings: TaskSettings,
    group_pattern: str | None = None,
    groups_csv: Path | None = None,
    positions: Path | None = None,
    connected: Sequence[int] = (),
    pixel_size_um: float | None = None,
    licence: str = "",
    noisy: bool = False,
    repeats: bool = False,
) -> ImportReport:
    """Check all images of a source and write them to ``destination/{images.h5, index.csv, about.json}``.

    Args:
        kind: a key of :data:`IMPORTERS`.
        source: a folder, or a TIFF stack where the importer ``accepts_single_file``.
        destination: a folder that does not exist yet.
        settings: settings of the task, from ``params.yaml``.
        group_pattern: regular expression with one group, searched in a file's name and then in its path.
        groups_csv: table with the columns file and group, instead of a pattern.
        positions: table with the columns frame, x, y (and movie or file), or spots of TrackMate, where the importer
            ``accepts_positions``.
        connected: numbers of the classes whose separate regions are cells, where labels are classes of pixels and the importer
            ``accepts_connected``.
        pixel_size_um: pixel size of these images, over what their files state.
        licence: licence of the images, stored with them.
        noisy: whether these are noisy images without clean ones, where the importer ``accepts_noisy``.
        repeats: whether they are, and each folder or stack is one field, taken several times.

    Raises:
        BrightfieldError: lists up to 20 problems and their number; nothing was written then.
    """
    importer = params.entry(IMPORTERS, kind, "kind of task")
    _check_arguments(kind, importer, source, destination, positions, connected)
    if noisy and repeats:
        raise BrightfieldError(
            "Noisy images are alone or repeats of fields, got both --noisy and --repeats. Leave one out."
        )
    if (noisy or repeats) and not importer.accepts_noisy:
        able = _kinds_that(lambda each: each.accepts_noisy)
        raise BrightfieldError(f"--noisy and --repeats are for images to be denoised: kind {able}, got {kind!r}.")
    grouping = Grouping.from_options(group_pattern, groups_csv)
    used = frozenset(path.resolve() for path in (groups_csv, positions) if path is not None)
    request = Request(
        source.resolve(),
        settings,
        grouping,
        positions,
        Findings(),
        used,
        connected=tuple(connected),
        pixel_size_um=pixel_size_um,
        noisy="repeats" if repeats else "noisy" if noisy else None,
    )
    parts = _parts(importer, request, source)
    checker = Checker(request.findings)
    for part in track(parts, f"check {source.name}", unit="file"):
        checker.check(part)
    request.findings.raise_if_any(source)
    _check_space(destination, checker.bytes)
    report = _report(kind, request, checker, licence)
    with atomic_folder(destination) as folder:
        write_raw(folder, _records(parts, f"write {destination.name}"), {"origin": "imported", **asdict(report)})
    return report


def _parts(importer: Importer, request: Request, source: Path) -> list[Part]:
    """All parts of the source; problems that were found before its layout was refused are listed with it."""
    try:
        parts = list(importer.parts(request))
    except BrightfieldError as error:
        if not request.findings.problems:
            raise
        request.findings.problem(str(error))
        request.findings.raise_if_any(source)
        raise
    request.findings.taken.update(path for part in parts for path in part.files)
    return parts


def _check_arguments(
    kind: str,
    importer: Importer,
    source: Path,
    destination: Path,
    positions: Path | None,
    connected: Sequence[int],
) -> None:
    if not source.exists():
        raise BrightfieldError(f"There is no {source}, expected a folder of images.")
    if (not source.is_dir() or images.is_file(source)) and not importer.accepts_single_file:
        raise BrightfieldError(f"{source} is a file, expected a folder of images.")
    if os.path.lexists(destination):
        raise BrightfieldError(f"{destination} exists already. Choose another name, or remove it first.")
    if positions is not None and not importer.accepts_positions:
        able = _kinds_that(lambda each: each.accepts_positions)
        raise BrightfieldError(
            f"Positions belong to movies: a task of kind {kind!r} takes none. Those of kind {able} do."
        )
    if connected and not importer.accepts_connected:
        able = _kinds_that(lambda each: each.accepts_connected)
        raise BrightfieldError(
            f"Classes to be split into regions belong to labels: a task of kind {kind!r} has none. Those of kind {able} do."
        )
    if any(number < 0 for number in connected):
        raise BrightfieldError(f"A class is a number from 0 up, got {min(connected)}.")


def _kinds_that(can: Callable[[Importer], bool]) -> str:
    """The kinds of task with such an importer, in words."""
    return " or ".join(repr(kind) for kind, importer in IMPORTERS.items() if can(importer))


def _check_space(destination: Path, needed: int) -> None:
    """Raise BrightfieldError if the disk may fill up: HDF5 would then end the whole process without a message."""
    existing = next(folder for folder in destination.absolute().parents if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise BrightfieldError(
            f"{destination} may take {needed / 1e6:,.0f} MB, but {free / 1e6:,.0f} MB are free in {existing}. Make "
            "room and import again; nothing was imported."
        )


def _records(parts: list[Part], description: str) -> Iterator[Record]:
    for part in track(parts, description, unit="file"):
        yield from part.records()


def _report(kind: str, request: Request, checker: Checker, licence: str) -> ImportReport:
    sizes, task_um, given_um = checker.pixel_sizes, request.settings.pixel_size_um, request.pixel_size_um
    warnings = pixel_sizes.warnings(sizes, task_um, given_um) + request.findings.warnings + request.grouping.warnings()
    if len(checker.groups) < MIN_GROUPS:
        warnings.append(
            f"training needs at least {MIN_GROUPS} groups, found {len(checker.groups)}: use these images for prediction, or "
            "define smaller groups with a pattern or a table"
        )
    fates = request.findings.fates(request.source)
    taken = fates.pop(None, 0)
    return ImportReport(
        kind=kind,
        source=request.source.name,
        images=checker.images,
        labelled=checker.labelled,
        groups=len(checker.groups),
        group_rule=request.grouping.rule,
        counts=dict(checker.counts),
        licence=licence,
        warnings=warnings,
        found=taken + fates.total(),
        taken=taken,
        left_out={str(why): number for why, number in fates.items()},
        pixel_size_um=pixel_sizes.of_dataset(sizes, given_um),
        pixel_size=pixel_sizes.described(sizes, given_um),
    )
