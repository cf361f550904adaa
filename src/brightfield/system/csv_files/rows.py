"""The cells of a table: delimiter, header, and rows that all have as many cells as the header has names."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from brightfield.errors import BrightfieldError
from brightfield.system.csv_files.encoding import encoding_of

MAX_TABLE_BYTES = 200_000_000
MAX_ROWS = 10_000_000  # these two bound the memory that a table takes
MAX_ROW_CHARACTERS = 1_000_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_HINT = re.compile(r"sep=(.)")  # Excel writes such a line above the header


@dataclass(frozen=True)
class Sheet:
    """A table whose header was read.

    Attributes:
        path: the file.
        encoding: of the file, as Python names it.
        delimiter: a comma, a semicolon or a tab.
        names: of the columns in their order, without blanks around; "" for a column without a name, which is never the last.
        width: number of cells of the header: of the names, and of empty cells behind them.
        line: the header's line in the file, from 1.
    """

    path: Path
    encoding: str
    delimiter: str
    names: tuple[str, ...]
    width: int
    line: int

    @property
    def how(self) -> str:
        """How the file was read, for messages."""
        return f"delimiter {DELIMITERS[self.delimiter]}"

    def rows(self, *, strip: bool = True) -> Iterator[tuple[int, list[str]]]:
        """The line in the file in which each row begins, and the row's cells; blank rows are passed over.

        A row has a cell for each name, and may have more that are empty, as many as every other row. Where the delimiter is a
        comma, only as many as the header: ``0,20,5,30,`` is 20 and 5, or 20.5 and 30.

        Args:
            strip: leave out blanks before a cell.

        Raises:
            BrightfieldError: a row has another number of cells, quotes do not close, or the table is too long.
        """
        names = len(self.names)
        width = self.width if self.delimiter == "," else 0
        count = 0
        records = _records(self.path, self.encoding, self.delimiter, strip)
        next((line for line, _ in records if line == self.line), None)
        for line, cells in records:
            if not (cells and (cells[0] or "".join(cells).strip())):
                continue
            width = width or len(cells)
            if len(cells) != width or (width != names and (width < names or "".join(cells[names:]).strip())):
                raise BrightfieldError(self._ragged(line, cells, width))
            count += 1
            if count > MAX_ROWS:
                raise BrightfieldError(f"{self.path} has more than {MAX_ROWS:,} rows. Split it.")
            yield line, cells

    def _ragged(self, line: int, cells: list[str], width: int) -> str:
        came = f"{self.path}, line {line}: {len(cells)} cells, but the header (line {self.line}) has {self.width}"
        if self.delimiter == "," and len(cells) > self.width:
            return (
                f"{came}. The delimiter is a comma: another comma may be a decimal sign, stand within a name, or be one too "
                "many at the end. Save the table with decimal points and without commas at the ends of lines, or with "
                "semicolons between columns."
            )
        if len(self.names) <= len(cells) != width:
            came = f"{came} and the rows before have {width}"
        return f"{came} ({self.how}). Expected a cell for each column: correct this line, or save the table again."


def open_sheet(path: Path, expected: Collection[str]) -> Sheet:
    """Find encoding, delimiter and header of a table.

    The delimiter is the one that finds the most expected names in the header; if none finds any, the one that finds most cells.

    Args:
        path: the file.
        expected: names that columns may have, in any case.

    Raises:
        BrightfieldError: the file is missing, too large, empty, no text, or has two columns of one name.
    """
    listed = ", ".join(expected)
    if not path.is_file():
        raise BrightfieldError(f"There is no file {path}, expected a CSV with the columns {listed}.")
    if (size := path.stat().st_size) > MAX_TABLE_BYTES:
        raise BrightfieldError(f"{path} has {size:,} bytes, expected at most {MAX_TABLE_BYTES:,}. Split it.")
    try:
        encoding = encoding_of(path)
        headers = [header for sign in DELIMITERS if (header := _header(path, encoding, sign)) is not None]
    except OSError as error:
        raise BrightfieldError(f"{path} cannot be read as CSV: {error.strerror or error}.") from error
    if not headers:
        raise BrightfieldError(
            f"{path} cannot be read as CSV: it has no header that can be read, expected a first line with the columns {listed}."
        )
    wanted = {name.casefold() for name in expected}
    best = max(
        headers, key=lambda header: (len(wanted & {name.casefold() for name in header.names}), len(header.names))
    )
    named = [name for name in best.names if name]
    if twice := [name for name in named if named.count(name) > 1]:
        raise BrightfieldError(
            f"{path}, line {best.line}: two columns are called {twice[0]!r} ({best.how}), expected each name once. Rename one."
        )
    return best


def _header(path: Path, encoding: str, delimiter: str) -> Sheet | None:
    """The header as this delimiter parts it; None where it does not: the file is empty, or names another delimiter itself."""
    try:
        for line, cells in _records(path, encoding, delimiter):
            hint = _HINT.match(delimiter.join(cells))
            if hint and hint[1] != delimiter:
                return None
            if hint:
                continue
            names = [cell.strip().lstrip("\ufeff") for cell in cells]
            while names and not names[-1]:
                names.pop()
            if names:
                return Sheet(path, encoding, delimiter, tuple(names), len(cells), line)
    except _UnreadableError:
        return None
    return None


class _UnreadableError(BrightfieldError):
    """The quotes of a table do not fit."""


def _records(path: Path, encoding: str, delimiter: str, strip: bool = True) -> Iterator[tuple[int, list[str]]]:
    """The line in the file in which each row begins, and its cells."""
    with path.open(encoding=encoding, newline="") as file:
        lines = _Lines(path, file)
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=strip, strict=True)
        start = 1
        try:
            for cells in reader:
                yield start, cells
                start, lines.pending = lines.number + 1, 0
        except csv.Error as error:
            raise _UnreadableError(
                f"{path}, line {start}: cannot be read as CSV with the delimiter {DELIMITERS[delimiter]} ({error}). Check the "
                "quotation marks of this line."
            ) from error


class _Lines:
    """The lines of an open file, counted; a row may not be longer than all memory."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self.readline = path, file.readline
        self.number = 0
        self.pending = 0  # characters of the row that is not complete yet

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.readline(MAX_ROW_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.pending += len(line)
        if self.pending > MAX_ROW_CHARACTERS:
            raise BrightfieldError(
                f"{self.path}, line {self.number}: cannot be read as CSV: a row of more than {MAX_ROW_CHARACTERS:,} characters. "
                "Check quotation marks and line ends."
            )
        return line
