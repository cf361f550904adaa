"""Shared by all importers: finding files, collecting problems, and the checks that apply to any image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brightfield import images, layout
from brightfield.data.auditing import fingerprint
from brightfield.data.importing.findings import Findings
from brightfield.data.importing.grouping import Grouping
from brightfield.data.importing.inputs import Inputs, TruthOf
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.params import TaskSettings

MIN_SIDE_PX = 16  # shortest side of an image that can be used
EXPORTED = frozenset({layout.ABOUT, layout.GROUPS})  # files that an export writes beside the images
EXPORTED_WHY = "of an export"
LINK = (
    "a link that leads out of the folder: copy the folder with what its links mean (`cp -rL`), or put the files in their place "
    "(`dvc unprotect`, `git annex unlock`)"
)
BROKEN_LINK = "a link to nothing: fetch what it means (`dvc pull`, `git annex get`), or copy the folder again"
POINTER = (
    "the text of a link in place of an image, as a copy or a checkout without links leaves it: copy the folder with what its links "
    "mean (`cp -rL`), or fetch the files (`dvc pull`, `git annex get`, `git lfs pull`)"
)
UNREAD = {  # suffix of a tool's own file that cannot be imported -> what it is, and what to do
    ".labeling": "Labkit's own file (choose Save Labeling in Labkit and a name that ends in .tif)",
    ".ilp": "a project of ilastik (export the labels from it as HDF5 or TIFF)",
}


def never(path: Path) -> bool:
    """Accept no file."""
    return False


def _nothing(record: Record) -> Mapping[str, int]:
    return {}


Truths = Callable[[Path, TaskSettings], TruthOf]  # makes that from a folder or a file, and the settings of the task


@dataclass(frozen=True)
class Part:
    """One file, stack or pair to import.

    Attributes:
        name: its path within the source, for messages.
        files: the files it is made of, and folders of selections.
        records: reads the part, and raises BrightfieldError if its contents are not as expected. Called twice: to check, to write.
        counts: what each record adds to the counts of the report (``{"good": 1}``).
        series: images of one series may be identical (a camera that did not move): then there is a warning, not a problem.
        stack: whether there may be several records, which messages number as frames.
    """

    name: str
    files: tuple[Path, ...]
    records: Callable[[], Iterator[Record]]
    counts: Callable[[Record], Mapping[str, int]] = _nothing
    series: str | None = None
    stack: bool = False


@dataclass(frozen=True)
class Request:
    """What to import, and how.

    Attributes:
        source: the resolved folder (or, for a movie, the TIFF stack).
        settings: settings of the task, from ``params.yaml``.
        grouping: the rule that assigns files to groups.
        positions: CSV with the true positions, for movies.
        findings: collects problems and warnings.
        used: files with another purpose (tables), which are no images to import.
        taken: ids that are in use.
        connected: for labels that are classes of pixels: numbers of the classes whose separate regions are the cells.
        pixel_size_um: pixel size of these images, if it differs from the task's.
        noisy: ``noisy`` or ``repeats`` where all images are said to be noisy ones, alone or repeats of fields.
    """

    source: Path
    settings: TaskSettings
    grouping: Grouping
    positions: Path | None
    findings: Findings
    used: frozenset[Path] = frozenset()
    taken: set[str] = field(default_factory=set)
    connected: tuple[int, ...] = ()
    pixel_size_um: float | None = None
    noisy: str | None = None

    def relative(self, path: Path) -> str:
        """The path within the source, for messages and ids."""
        return path.relative_to(self.source).as_posix() if path != self.source else path.name

    def new_id(self, text: str) -> str:
        """A unique id made from the text."""
        return images.unique_name(text, self.taken)

    def group(self, name: str, relative: str, default: str, description: str) -> str:
        """The group of a file by the rule in use (see :meth:`Grouping.of`); a file without a group is a problem."""
        try:
            return self.grouping.of(name, relative, default, description)
        except BrightfieldError as error:
            self.findings.problem(str(error))
            return name

    def leave_out(self, path: Path, why: str) -> None:
        """Add a warning that a file, or a folder with all its files, is left out, and why."""
        folder = path.is_dir() and not path.is_symlink() and not images.is_file(path)
        self.findings.warn(f"folder {self.relative(path)}" if folder else self.relative(path), f"{why}, left out")
        self.findings.left_out[path] = why

    def children(
        self,
        folder: Path,
        also: Callable[[Path], bool] = never,
        accept: Callable[[Path], bool] = images.is_image,
        wanted: Callable[[Path], bool] = never,
    ) -> tuple[list[Path], list[Path]]:
        """(folders, images) directly in a folder, in natural order; every other entry is left out with a warning.

        Files that ``also`` accepts (tables) are neither listed nor left out. Files of tools and answers of Brightfield beside their
        images (see :func:`brightfield.images.leftovers`) are left out unless they are ``wanted``. Links are followed within the
        source; links to images elsewhere or to nothing are problems.
        """
        folders, files = [], []
        entries = images.in_order(folder)
        leftovers = images.leftovers(entries)
        for path in entries:
            if path in leftovers and not wanted(path):
                self.leave_out(path, leftovers[path])
            elif path in self.used:
                self.findings.taken.add(path)
            elif path.is_symlink() and not self._is_followed(path, accept(path) or also(path)):
                continue
            elif path.is_dir() and not images.is_file(path):
                folders.append(path)
            elif accept(path):
                if images.pointer(path) is not None:
                    self.findings.problem_of(self.relative(path), POINTER)
                else:
                    files.append(path)
            elif also(path):
                self.findings.taken.add(path)
            elif path.name in EXPORTED:
                self.findings.left_out[path] = EXPORTED_WHY
            else:
                self.leave_out(path, UNREAD.get(path.suffix.lower(), images.NOT_AN_IMAGE))
        return folders, files

    def once(self, files: Iterable[Path], name: Callable[[Path], str] = images.stem) -> dict[str, Path]:
        """The files by their names without suffix, case and Unicode form; two files of one name are a problem."""
        found: dict[str, Path] = {}
        for file in files:
            other = found.setdefault(images.name_key(name(file)), file)
            if other != file:
                self.findings.problem(
                    f"{self.relative(file.parent)} has {name(other)} twice ({other.name} and {file.name}), expected one of them"
                )
        return found

    def _is_followed(self, link: Path, needed: bool) -> bool:
        """Whether a link leads to a place within the source; if not, it is a problem where it is ``needed``, else left out."""
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):  # a link to nothing, or to itself
            why = BROKEN_LINK
        else:
            circle = any(parent.resolve().is_relative_to(target) for parent in link.parents)
            if target.is_relative_to(self.source) and not circle:
                return True
            needed, why = not circle and (needed or target.is_dir()), "a link in a circle" if circle else LINK
        if needed:
            self.findings.problem_of(self.relative(link), why)
        else:
            self.leave_out(link, why.partition(":")[0])
        return False

    def grey(self, name: str, image: images.Image) -> images.Image:
        """Convert an image to grey, (H, W); warns if that loses colours."""
        if image.ndim == 3 and not (image == image[..., :1]).all():
            self.findings.warn(name, "in colour, converted to grey")
        return images.to_grey(image)


@dataclass(frozen=True)
class Importer:
    """How the images of a kind of task come in, and what a user may say of them.

    Attributes:
        parts: all files, stacks or pairs of a request; raises BrightfieldError where the source has another layout.
        inputs: the images of a folder with such a layout where they are answered, see :mod:`brightfield.data.importing.layouts`;
            None, also in place of an answer: a folder has no layout, and stands for its own images.
        accepts_single_file: whether the source may be a single file, such as a movie.
        accepts_positions: whether a table of positions may be named.
        accepts_connected: whether classes may be named whose separate regions are objects.
        accepts_noisy: whether images may be said to be noisy ones, without clean ones.
        truths: reads the truth of images that are answered, see :mod:`brightfield.data.importing.truths`; None: there is no reader.
    """

    parts: Callable[[Request], Iterable[Part]]
    inputs: Callable[[Path, TaskSettings], Inputs | None] | None = None
    accepts_single_file: bool = False
    accepts_positions: bool = False
    accepts_connected: bool = False
    accepts_noisy: bool = False
    truths: Truths | None = None


class Checker:
    """The checks that apply to any image; counts images, labels, groups and bytes on the way."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.images = 0
        self.labelled = 0
        self.bytes = 0  # size of all arrays, not compressed
        self.groups: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.pixel_sizes: Counter[float | None] = Counter()  # what the file of each image states, in micrometres
        self._seen: dict[bytes, tuple[str, str | None]] = {}

    def check(self, part: Part) -> None:
        """Read a part and add its problems to the findings."""
        try:
            for file in filter(images.is_image, part.files):
                header = images.header(file)
                self.pixel_sizes[header.pixel_size_um] += int(
                    file == part.files[0]
                )  # labels are made by other programs
                for note in header.notes:
                    self.findings.warn(part.name if file == part.files[0] else file.name, note)
            for number, record in enumerate(part.records()):
                self.counts.update(part.counts(record))
                self._check(f"{part.name}, frame {number}" if part.stack else part.name, part.series, record)
        except BrightfieldError as error:
            self.findings.problem(str(error))

    def _check(self, name: str, series: str | None, record: Record) -> None:
        self.images += 1
        self.labelled += int(bool(record.row.get("labelled", 1)))
        self.bytes += record.image.nbytes + sum(array.nbytes for array in record.fields.values())
        self.groups.add(record.group)
        height, width = record.image.shape[:2]
        if min(height, width) < MIN_SIDE_PX:
            self.findings.problem(
                f"{name} is {height} x {width} pixels, expected at least {MIN_SIDE_PX} x {MIN_SIDE_PX}"
            )
        original = record.fields.get("clean", record.image)  # noise that the import adds would hide a copy
        if original.min() == original.max():
            self.findings.problem(
                f"{name} is constant (every value is {original.flat[0]:g}), expected an image with contrast"
            )
        else:
            self._check_copies(name, series, original)

    def _check_copies(self, name: str, series: str | None, image: np.ndarray) -> None:
        other, other_series = self._seen.setdefault(fingerprint(image), (name, series))
        if other == name:
            return
        if series is not None and series == other_series:
            self.findings.warn(name, f"the same pixels as an earlier image of {series}")
            return
        self.findings.problem(
            f"{other} and {name} hold the same pixels, expected each image once: "
            "remove one of them (both, if they are labelled differently)"
        )
