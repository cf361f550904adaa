"""Shared by all importers: finding files, collecting problems, and the checks that apply to any image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brightfield import images, layout
from brightfield.data.auditing import fingerprint
from brightfield.data.importing.grouping import Grouping
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.params import TaskSettings

MIN_SIDE_PX = 16  # shortest side of an image that can be used
SHOWN = 20  # maximum number of problems in one message
EXPORTED = frozenset({layout.ABOUT, layout.GROUPS})  # files that an export writes beside the images
UNREAD = {  # suffix of a tool's own file that cannot be imported -> what it is, and what to do
    ".labeling": "Labkit's own file (choose Save Labeling in Labkit and a name that ends in .tif)",
    ".ilp": "a project of ilastik (export the labels from it as HDF5 or TIFF)",
}


@dataclass
class Findings:
    """Problems and warnings of an import: problems stop it and are all listed; warnings of the same kind share a line."""

    problems: list[str] = field(default_factory=list)
    _warnings: dict[str, dict[str, None]] = field(default_factory=dict)  # message -> names of files, in order

    def problem(self, message: str) -> None:
        """Add a problem, which must be fixed."""
        if message not in self.problems:
            self.problems.append(message)

    def warn(self, name: str, what: str) -> None:
        """Add a warning about a file."""
        self._warnings.setdefault(what, {})[name] = None  # once, although every file is read twice

    def note(self, message: str) -> None:
        """Add a warning about the whole import."""
        self._warnings.setdefault(message, {})

    @property
    def warnings(self) -> list[str]:
        """One line for each kind of warning, in the order found."""
        lines = []
        for what, names in self._warnings.items():
            first = next(iter(names), "")
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            lines.append(f"{first}{more}: {what}" if first else what)
        return lines

    def raise_if_any(self, source: Path) -> None:
        """Raise BrightfieldError with up to 20 problems and their total."""
        if not self.problems:
            return
        total = len(self.problems)
        listed = self.problems[:SHOWN] + ([f"... and {total - SHOWN} more"] if total > SHOWN else [])
        word = "problem" if total == 1 else "problems"
        raise BrightfieldError(
            f"Nothing was imported from {source}: {total} {word} found. Fix or remove these files, then try again.\n  "
            + "\n  ".join(listed)
        )


def _never(path: Path) -> bool:
    return False


def _nothing(record: Record) -> Mapping[str, int]:
    return {}


@dataclass(frozen=True)
class Part:
    """One file, stack or pair to import.

    Attributes:
        name: its path within the source, for messages.
        records: reads the part, and raises BrightfieldError if its contents are not as expected. Called twice: to check, to write.
        counts: what each record adds to the counts of the report (``{"good": 1}``).
        series: images of one series may be identical (a camera that did not move): then there is a warning, not a problem.
        stack: whether there may be several records, which messages number as frames.
    """

    name: str
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

    def children(
        self,
        folder: Path,
        also: Callable[[Path], bool] = _never,
        accept: Callable[[Path], bool] = images.is_image,
    ) -> tuple[list[Path], list[Path]]:
        """(folders, images) directly in a folder, in natural order; other files, unless ``also`` accepts them, give a warning.

        Hidden files and those of file browsers are skipped, and so are links to folders (they may form a circle) and
        links that lead out of the source.
        """
        folders, files = [], []
        try:
            paths = sorted(folder.iterdir(), key=lambda p: (images.natural_sort_key(p.name), p.name))
        except OSError as error:
            raise BrightfieldError(f"The folder {folder} cannot be read: {error.strerror}.") from error
        for path in paths:
            if images.is_junk(path) or path in self.used:
                continue
            if path.is_symlink() and self._leads_elsewhere(path):
                self.findings.warn(self.relative(path), "a link that leads elsewhere, left out")
            elif path.is_dir():
                folders.append(path)
            elif accept(path):
                files.append(path)
            elif path.name not in EXPORTED and not also(path):
                why = UNREAD.get(path.suffix.lower(), "not an image")
                self.findings.warn(self.relative(path), f"{why}, left out")
        return folders, files

    def _leads_elsewhere(self, link: Path) -> bool:
        try:
            return link.is_dir() or not link.resolve().is_relative_to(self.source)
        except (OSError, RuntimeError):  # links in a circle
            return True

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
        accepts_single_file: whether the source may be a single file, such as a movie.
        accepts_positions: whether a table of positions may be named.
        accepts_connected: whether classes may be named whose separate regions are objects.
    """

    parts: Callable[[Request], Iterable[Part]]
    accepts_single_file: bool = False
    accepts_positions: bool = False
    accepts_connected: bool = False


class Checker:
    """The checks that apply to any image; counts images, labels, groups and bytes on the way."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.images = 0
        self.labelled = 0
        self.bytes = 0  # size of all arrays, not compressed
        self.groups: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._seen: dict[bytes, tuple[str, str | None]] = {}

    def check(self, part: Part) -> None:
        """Read a part and add its problems to the findings."""
        try:
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
