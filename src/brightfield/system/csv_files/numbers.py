"""Numbers in the cells of a table: the decimal sign is a point or a comma, the same in the whole file, and parts no thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError
from brightfield.system.csv_files.rows import Sheet

NOTHING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none"})  # cells without a value, in any case
NUMBER = re.compile(r"[-+]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(([.,'\u2019 \u00a0\u202f])[0-9]{3})+([.,][0-9]*)?")  # 1,234,567 and 1'234.5
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}[.,][0-9]{3}")  # 1,234: either above one, or above a thousand
_WHOLE = frozenset("0123456789+-\n")
_DECIMAL = _WHOLE | frozenset(".eE")

Values = npt.NDArray[Any]  # int64, float64, or objects


@dataclass
class _Sign:
    """Where a decimal sign was found.

    Attributes:
        first: line, column and cell of the first number with this sign.
        certain: whether a number cannot have this sign between thousands.
        columns: column -> line and cell of the first number with it, in which it could stand between thousands.
    """

    first: tuple[int, str, str] | None = None
    certain: bool = False
    columns: dict[str, tuple[int, str]] = field(default_factory=dict)

    def note(self, line: int, column: str, cell: str) -> None:
        self.first = self.first or (line, column, cell)
        if not _THOUSANDS.fullmatch(cell):
            self.certain = True
        elif column not in self.columns:
            self.columns[column] = (line, cell)


class Numbers:
    """Turns cells into numbers, part by part, and refuses what may mean several numbers."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.signs = {".": _Sign(), ",": _Sign()}
        self.whole: set[str] = set()  # columns with numbers without a decimal sign

    def convert(self, column: str, lines: Sequence[int], cells: Sequence[str]) -> Values:
        """The numbers in some cells of a column, NaN for empty ones; cells that are no numbers stay text, in an array of objects.

        Raises:
            BrightfieldError: a number has signs between thousands, or a decimal comma where commas part the cells.
        """
        letters = set("\n".join(cells))
        try:
            if letters <= _WHOLE and "" not in cells:
                self.whole.add(column)
                return np.array(list(map(int, cells)), dtype=np.int64)
            if letters <= _DECIMAL:
                values = np.array([float(cell or "nan") for cell in cells])
                self._note_all(column, lines, cells)
                return values
        except (ValueError, OverflowError):
            pass
        each = [self._number(column, line, cell.strip()) for line, cell in zip(lines, cells, strict=True)]
        if any(isinstance(value, str) for value in each):
            return np.array(each, dtype=object)
        return np.array(each, dtype=np.int64 if all(map(_fits, each)) else np.float64)

    def check(self) -> None:
        """Raise BrightfieldError if all numbers together do not say which sign is the decimal sign."""
        points, commas = self.signs["."], self.signs[","]
        if points.first and commas.first:
            one, other = sorted((points.first, commas.first))
            raise BrightfieldError(
                f"{self.sheet.path}, line {other[0]}: {other[1]} = {other[2]}, but line {one[0]} has {one[1]} = {one[2]}: the "
                f"decimal sign is a comma and a point ({self.sheet.how}). Save the table with one of them, and without "
                "thousands separators."
            )
        for sign in (points, commas):
            if sign.certain:
                continue
            for column, (line, cell) in sign.columns.items():
                # a tab says nothing of the decimal sign; a column of 567 and 1.234 has thousands, or lost its last zeros
                if column in self.whole or (sign is commas and self.sheet.delimiter == "\t"):
                    raise BrightfieldError(
                        f"{self.sheet.path}, line {line}: {column} = {cell}: whether this sign is the decimal sign or stands "
                        f"between thousands cannot be told ({self.sheet.how}). Save the table with decimal points, and with commas "
                        "between columns."
                    )

    def _note_all(self, column: str, lines: Sequence[int], cells: Sequence[str]) -> None:
        """Note cells without commas, until the decimal sign is certain."""
        for line, cell in zip(lines, cells, strict=True):
            if self.signs["."].certain:
                return
            self._note(column, line, cell)

    def _note(self, column: str, line: int, cell: str) -> None:
        sign = next((sign for sign in self.signs if sign in cell), None)
        if sign is not None:
            self.signs[sign].note(line, column, cell)
        elif cell:
            self.whole.add(column)

    def _number(self, column: str, line: int, cell: str) -> float | int | str:
        if cell.casefold() in NOTHING:
            return float("nan")
        if NUMBER.fullmatch(cell):
            if "," in cell and self.sheet.delimiter == ",":
                raise BrightfieldError(
                    f"{self.sheet.path}, line {line}: {column} = {cell}: whether the comma is the decimal sign or stands between "
                    "thousands cannot be told where the delimiter is a comma as well. Save the table with decimal points, and "
                    "without thousands separators."
                )
            self._note(column, line, cell)
            return int(cell) if set(cell) <= _WHOLE else float(cell.replace(",", "."))
        if _INFINITE.fullmatch(cell):
            return float(cell)
        if _GROUPED.fullmatch(cell):
            raise BrightfieldError(
                f"{self.sheet.path}, line {line}: {column} = {cell}: a number with thousands separators ({self.sheet.how}), "
                "expected digits and one decimal sign. Save the table without them."
            )
        return cell


def _fits(value: float | int | str) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63
