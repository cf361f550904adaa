"""What every importer shares: finding files, collecting what is wrong, and the checks that hold for any image."""

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

MIN_SIDE_PX = 16  # nothing in this platform can be seen in less
SHOWN = 20  # problems in one message
EXPORTED = frozenset({layout.ABOUT, layout.GROUPS})  # what an export writes beside the images
UNREAD = {  # what tools keep for themselves, and what to do
    ".labeling": "Labkit's own file (choose Save Labeling in Labkit and a name that ends in .tif)",
    ".ilp": "a project of ilastik (export the labels from it as HDF5 or TIFF)",
}


@dataclass
class Findings:
    """Problems stop the import, each is listed; warnings are printed, those of the same kind in one line."""

    problems: list[str] = field(default_factory=list)
    _warnings: dict[str, dict[str, None]] = field(default_factory=dict)  # what -> names, in order

    def problem(self, message: str) -> None:
        """Note what must be mended."""
        if message not in self.problems:
            self.problems.append(message)

    def warn(self, name: str, what: str) -> None:
        """Note what should be known of a file."""
        self._warnings.setdefault(what, {})[name] = None  # once, although every file is read twice

    def note(self, message: str) -> None:
        """Note what should be known of the whole."""
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
            f"Nothing was imported from {source}: {total} {word} found. Mend or remove these files, then try again.\n  "
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
        name: as messages name it: its path within the source.
        records: reads it, and raises BrightfieldError where something does not fit. Called twice: to check, to write.
        counts: what this adds to the report's counts (``{"good": 1}``), for each record.
        series: equal images of one series are normal (a camera that stood still), and only warned of.
        stack: whether there may be several records, counted as frames in messages.
    """

    name: str
    records: Callable[[], Iterator[Record]]
    counts: Callable[[Record], Mapping[str, int]] = _nothing
    series: str | None = None
    stack: bool = False


@dataclass(frozen=True)
class Request:
    """What is to be imported, and how.

    Attributes:
        source: the resolved folder (or, for a movie, the TIFF stack).
        settings: of the task, from ``params.yaml``.
        grouping: from names to groups.
        positions: CSV with the true positions, for movies.
        findings: where problems and warnings go.
        used: files that were named for another purpose (tables), wherever they lie.
        taken: ids given so far.
        connected: numbers of classes whose separate regions are cells, where labels are classes of pixels.
        pixel_size_um: of these images, if it is not the task's own.
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
        """The path as messages and ids name it."""
        return path.relative_to(self.source).as_posix() if path != self.source else path.name

    def new_id(self, text: str) -> str:
        """A unique id made from the text."""
        return images.unique_name(text, self.taken)

    def group(self, name: str, relative: str, default: str, says: str) -> str:
        """The group of a file by the rule in use (see :meth:`Grouping.of`); a file without one is a problem."""
        try:
            return self.grouping.of(name, relative, default, says)
        except BrightfieldError as error:
            self.findings.problem(str(error))
            return name

    def children(
        self,
        folder: Path,
        also: Callable[[Path], bool] = _never,
        accept: Callable[[Path], bool] = images.is_image,
    ) -> tuple[list[Path], list[Path]]:
        """(folders, images) directly in a folder, in natural order; other files but those meant by ``also`` are warned of.

        Hidden files and those of file browsers are skipped, and so are links to folders (they may lead in circles) and
        links that leave the source.
        """
        folders, files = [], []
        try:
            paths = sorted(folder.iterdir(), key=lambda p: (images.natural(p.name), p.name))
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
        """(H, W) of an image that may be in colour; says so if colours are given up."""
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
    """The checks of any image, and what is counted on the way."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.images = 0
        self.labelled = 0
        self.bytes = 0  # of all arrays, not compressed
        self.groups: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._seen: dict[bytes, tuple[str, str | None]] = {}

    def check(self, part: Part) -> None:
        """Read a part and note what is wrong with it."""
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
        original = record.fields.get("clean", record.image)  # noise that we added would hide a copy
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
