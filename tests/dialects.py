"""A table of positions written as many programs write it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Row = tuple[int, float | None, float | None, str, float | None]  # frame, x, y, image, quality
NAMES = ("frame", "x", "y", "image", "quality")
NUMBERS = ("frame", "x", "y", "quality")


@dataclass(frozen=True)
class Dialect:
    """How a program writes a table.

    Attributes:
        decimals: digits behind the decimal sign; None: as few as needed.
        thousands: sign between thousands, or "".
        index: name of an index column, None without one.
        trailing: whether a delimiter ends the header, and each row.
        quoting: cells in quotes: those that need it (``needed``), ``all``, ``text`` and names as well, or ``none`` where only a
            comma would need it.
    """

    delimiter: str = ","
    decimal: str = "."
    decimals: int | None = None
    thousands: str = ""
    encoding: str = "utf-8"
    end: str = "\n"
    index: str | None = None
    trailing: tuple[bool, bool] = (False, False)
    quoting: str = "needed"
    blank_lines: bool = False
    spaced: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether every program understands it: such a table must be read."""
        apart = self.decimal == "." or self.delimiter == ";"
        return (
            apart
            and not self.thousands
            and self.decimals in (None, 2)
            and (self.delimiter != "," or self.trailing[0] == self.trailing[1])
        )

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        lines = [self._line(NAMES, self.index, self.trailing[0], text=range(len(NAMES)))]
        for number, row in enumerate(rows):
            if self.blank_lines and number % 2:
                lines.append("" if number % 4 == 1 else self.delimiter * 4)
            cells = [self._cell(value) for value in row]
            index = None if self.index is None else str(number)
            lines.append(self._line(cells, index, self.trailing[1], text=(NAMES.index("image"),)))
        path.write_bytes((self.end.join(lines) + self.end).encode(self.encoding))

    def _cell(self, value: int | float | str | None) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, int):
            return f"{value:,}".replace(",", self.thousands)
        text = f"{value:,}" if self.decimals is None else f"{value:,.{self.decimals}f}"
        return text.removesuffix(".0").translate({ord(","): self.thousands, ord("."): self.decimal})

    def _line(self, cells: Sequence[str], index: str | None, trailing: bool, text: Sequence[int]) -> str:
        made = [self._quoted(cell, i in text) for i, cell in enumerate(cells)]
        made = made if index is None else [self._quoted(index, True), *made]
        return (self.delimiter + " " * self.spaced).join(made) + self.delimiter * trailing

    def _quoted(self, cell: str, is_text: bool) -> str:
        needed = '"' in cell or (self.delimiter in cell and (self.quoting, self.delimiter) != ("none", ","))
        quoted = self.quoting == "all" or (self.quoting == "text" and is_text) or needed
        return '"' + cell.replace('"', '""') + '"' if quoted else cell


def written(value: float | None, dialect: Dialect) -> float:
    """The number as far as the dialect writes it."""
    if value is None:
        return math.nan
    return float(value if dialect.decimals is None else f"{value:.{dialect.decimals}f}")
