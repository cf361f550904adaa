"""Tables of text for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GAP = "  "  # between two columns


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line for the head and one a row; columns are as wide as their longest cell, and no line ends in spaces.

    Raises:
        ValueError: a row has more or fewer cells than the head.
    """
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(GAP.join(map(str.ljust, line, widths)).rstrip() for line in lines)
