"""Tables that a person may have written or saved with another program: whatever the dialect, the same numbers, or a refusal.

Read are UTF-8, UTF-16 and Windows-1252; commas, semicolons and tabs between columns; decimal points, and decimal commas where no
commas part the columns; all line ends, quoted cells, blank lines, empty columns at the end, columns without a name (an index). What
may mean two things is refused, and the message names the line in the file.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield.errors import BrightfieldError
from brightfield.system.csv_files.numbers import NUMBER, Numbers, Values
from brightfield.system.csv_files.rows import MAX_TABLE_BYTES, Sheet, open_sheet

__all__ = [
    "MAX_TABLE_BYTES",
    "Sheet",
    "canonical",
    "columns_of",
    "file_key",
    "open_sheet",
    "read_columns",
    "read_csv",
    "shown",
]

_PART = 20_000  # rows converted at a time


def read_csv(
    path: Path, columns: Sequence[str], text: Collection[str] = (), optional: Sequence[str] = ()
) -> pd.DataFrame:
    """Read columns of a table; names are compared without regard to case.

    Args:
        path: the file.
        columns: columns that must be there.
        text: columns to read as strings, blanks as empty strings; those that are not among ``columns`` may be missing.
        optional: further columns that may be missing.

    Returns:
        These columns, by these names, as :func:`read_columns` gives them.

    Raises:
        BrightfieldError: naming the file, the line, what was found, what was expected, and what to do.
    """
    known = list(dict.fromkeys([*columns, *text, *optional]))
    sheet = open_sheet(path, known)
    return read_columns(sheet, columns_of(sheet, known, columns), text)


def columns_of(sheet: Sheet, known: Collection[str], needed: Collection[str]) -> dict[str, int]:
    """Where the known columns are: name -> place in the header, by the very name, else without regard to case.

    Raises:
        BrightfieldError: a needed column is missing, or two columns have a known name but for its case.
    """
    places: dict[str, int] = {}
    for name in known:
        same = [i for i, found in enumerate(sheet.names) if found == name]
        same = same or [i for i, found in enumerate(sheet.names) if found.casefold() == name.casefold()]
        if len(same) > 1:
            found = " and ".join(sheet.names[i] for i in same)
            raise BrightfieldError(f"{sheet.path}, line {sheet.line}: {found} could both be {name}. Rename one.")
        if same:
            places[name] = same[0]
    if missing := [name for name in needed if name not in places]:
        raise BrightfieldError(
            f"{sheet.path} has the columns {', '.join(filter(None, sheet.names))}; missing: {', '.join(missing)}. It was read with "
            f"the {sheet.how} (line {sheet.line}); expected are commas, semicolons or tabs."
        )
    return places


def read_columns(sheet: Sheet, places: Mapping[str, int], text: Collection[str] = ()) -> pd.DataFrame:
    """Read columns of an open table.

    Args:
        sheet: the table.
        places: name that a column gets -> its place in the header.
        text: names of the columns to read as strings without blanks around.

    Returns:
        Columns in the order of ``places``; the index is the line in the file, from 1. Other columns than text are int64 if every
        cell is a whole number, float64 if every cell is a number or empty (NaN), else of objects, in which text stays text.

    Raises:
        BrightfieldError: as :meth:`Sheet.rows`; or a number may mean two things.
    """
    numbers = Numbers(sheet)
    same: dict[str, str] = {}  # equal strings are kept once
    index: list[np.ndarray] = []
    parts: dict[str, list[np.ndarray]] = {name: [] for name in places}
    for lines, rows in _parts(sheet):
        index.append(np.array(lines, dtype=np.int64))
        for name, place in places.items():
            cells = [row[place] for row in rows]
            if name in text:
                parts[name].append(
                    np.array([same.setdefault(cell, cell) for cell in map(str.strip, cells)], dtype=object)
                )
            else:
                parts[name].append(numbers.convert(name, lines, cells))
    numbers.check()
    made = {name: _joined(parts.pop(name), object if name in text else np.float64) for name in places}
    return pd.DataFrame(made, index=pd.Index(np.concatenate(index) if index else [], dtype=np.int64))


def canonical(path: Path, needed: Collection[str], text: Collection[str]) -> io.StringIO:
    """A table in the dialect that pandas writes: what pandas wrote itself comes back as it was, cell by cell.

    Args:
        path: the file.
        needed: columns that must be there, by their very names.
        text: names of the columns that are no numbers.

    Raises:
        BrightfieldError: as :func:`read_csv`.
    """
    sheet = open_sheet(path, needed)
    columns_of(sheet, needed, needed)
    places = [i for i, name in enumerate(sheet.names) if name]
    numbers = [i for i in places if sheet.names[i] not in text]
    signs = Numbers(sheet)
    rewritten = io.StringIO(newline="")
    writer = csv.writer(rewritten, lineterminator="\n")
    writer.writerow([sheet.names[i] for i in places])
    for lines, rows in _parts(sheet, strip=False):
        for i in numbers if sheet.delimiter != "," else ():
            signs.convert(sheet.names[i], lines, [row[i] for row in rows])
            for row in rows:
                if "," in row[i] and NUMBER.fullmatch(row[i].strip()):
                    row[i] = row[i].replace(",", ".")
        writer.writerows([row[i] for i in places] for row in rows)
    signs.check()
    rewritten.seek(0)
    return rewritten


def file_key(name: str) -> str:
    """The name of a file in the form in which names are compared: a Mac writes an accent as a letter of its own (NFD), Windows a
    backslash between folders, and tables may have blanks around it."""
    return unicodedata.normalize("NFC", name).replace("\\", "/").strip().removeprefix("./")


def shown(value: object) -> str:
    """A value of a table for a message: as the table has it, as far as that is known."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _parts(sheet: Sheet, *, strip: bool = True) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Lines and rows, some thousands at a time."""
    rows = sheet.rows(strip=strip)
    while part := list(islice(rows, _PART)):
        yield [line for line, _ in part], [cells for _, cells in part]


def _joined(parts: list[Values], empty: type) -> Values:
    """One array of all parts; of objects if one of them is."""
    if not parts:
        return np.array([], dtype=empty)
    if any(part.dtype == object for part in parts):
        return np.concatenate([part.astype(object) for part in parts])
    return np.concatenate(parts)
