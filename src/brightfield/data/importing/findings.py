"""What an import finds: problems, which stop it, warnings, and what became of every file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from brightfield import images
from brightfield.errors import BrightfieldError

SHOWN = 20  # maximum number of problems in one message
UNUSED = "not part of any layout"

_Lines = dict[str, dict[str, None]]  # message -> names of files, in order


@dataclass
class Findings:
    """Problems and warnings of an import: problems stop it and are all listed; those of the same kind may share a line.

    Attributes:
        taken: files, and folders of selections, that are read.
        left_out: files and folders that are not read, and why.
    """

    taken: set[Path] = field(default_factory=set)
    left_out: dict[Path, str] = field(default_factory=dict)
    _problems: _Lines = field(default_factory=dict)
    _warnings: _Lines = field(default_factory=dict)

    def problem(self, message: str) -> None:
        """Add a problem, which must be fixed."""
        self._problems.setdefault(message, {})

    def problem_of(self, name: str, what: str) -> None:
        """Add a problem of a file; files with the same problem share a line."""
        self._problems.setdefault(what, {})[name] = None

    def warn(self, name: str, what: str) -> None:
        """Add a warning about a file."""
        self._warnings.setdefault(what, {})[name] = None  # once, although every file is read twice

    def note(self, message: str) -> None:
        """Add a warning about the whole import."""
        self._warnings.setdefault(message, {})

    @property
    def problems(self) -> list[str]:
        """One line for each problem, in the order found."""
        return list(_lines(self._problems))

    @property
    def warnings(self) -> list[str]:
        """One line for each kind of warning, in the order found."""
        return list(_lines(self._warnings))

    def raise_if_any(self, source: Path) -> None:
        """Raise BrightfieldError with up to 20 problems and their total."""
        problems = self.problems
        if not problems:
            return
        total = len(problems)
        listed = problems[:SHOWN] + ([f"... and {total - SHOWN} more"] if total > SHOWN else [])
        word = "problem" if total == 1 else "problems"
        raise BrightfieldError(
            f"Nothing was imported from {source}: {total} {word} found. Fix or remove these files, then try again.\n  "
            + "\n  ".join(listed)
        )

    def fates(self, source: Path) -> Counter[str | None]:
        """How many files of the source were taken (None) and left out for each reason; a file that no rule names is counted too."""
        if images.is_file(source):
            return Counter([None])
        real = self.taken | {path.resolve() for path in self.taken}
        return Counter(self._fate(path, source, real) for path in _all_files(source, self.left_out))

    def _fate(self, path: Path, source: Path, taken: set[Path]) -> str | None:
        for each in (path, *path.parents):
            if each in self.left_out:
                return self.left_out[each]
            if each in taken:
                return None
            if each == source:
                break
        return UNUSED


def _lines(found: _Lines) -> Iterator[str]:
    for what, names in found.items():
        first = next(iter(names), "")
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{first}{more}: {what}" if first else what


def _all_files(source: Path, left_out: dict[Path, str]) -> Iterator[Path]:
    """Every file below a folder, and links to folders that were left out; links to folders are not followed."""
    for root, folders, names in os.walk(source):
        chunked = [name for name in folders if images.is_file(Path(root, name))]  # each is one image
        folders[:] = [name for name in folders if name not in chunked]
        yield from (Path(root, name) for name in (*names, *chunked))
        yield from (path for name in folders if (path := Path(root, name)).is_symlink() and path in left_out)
