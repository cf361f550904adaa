"""Movies that a microscope's program wrote as several files, because one would be too large."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from brightfield import images

_CERTAIN = (
    re.compile(r"^(?P<base>.+)@(?P<number>[0-9]+)$"),  # HCImage: movie.tif, movie@0001.tif
    re.compile(r"^(?P<base>.*[^ _-])[ _-]*part[ _-]*(?P<number>[0-9]+)$", re.IGNORECASE),
)
# Micro-Manager: a_MMStack_Pos0.ome.tif, a_MMStack_Pos0_1.ome.tif, ...; certain where the first of them is there
_MICRO_MANAGER = re.compile(r"^(?P<base>.*MMStack.*)_(?P<number>[1-9][0-9]*)$")
_POSITION = "MMStack"  # in names that number positions, not pieces
_NUMBERED = re.compile(r"^(?P<base>.*?)[ _-]*(?P<number>[0-9]+)$")


def joined(files: Iterable[Path], problem: Callable[[str], None]) -> dict[str, list[Path]]:
    """The files of one folder by the name of their movie; pieces of one movie are together and in order.

    Args:
        files: files of one folder, each with a name of its own.
        problem: called with a message about a movie of which a piece is missing.
    """
    stems = {images.stem(file): file for file in files}
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for stem, file in stems.items():
        base, number = _piece(stem, stems) or (stem, -1)
        found[base][number] = file
    made = {}
    for base, pieces in found.items():
        if len(pieces) == 1:
            base = images.stem(next(iter(pieces.values())))  # a piece alone keeps its name
        elif missing := _missing(sorted(pieces)):
            names = " and ".join(pieces[number].name for number in sorted(pieces)[:2])
            problem(f"{base} is a movie in pieces ({names}), but piece {missing} is missing: expected all of them")
        made[base] = [pieces[number] for number in sorted(pieces)]
    return made


def numbered(names: Collection[str]) -> dict[str, str]:
    """The common name of movies that differ by the number at the end of their names only: they may be pieces of one movie."""
    bases: dict[str, list[str]] = defaultdict(list)
    for name in names:
        match = _NUMBERED.match(name)
        if match and _POSITION not in name:
            bases[match["base"]].append(name)
    return {name: base for base, alike in bases.items() if len(alike) > 1 for name in alike}


def _piece(stem: str, stems: Mapping[str, Path]) -> tuple[str, int] | None:
    """The name of the movie of which a file is a piece, and its number; None for a file that is no piece by its name."""
    match = next((found for pattern in _CERTAIN if (found := pattern.match(stem))), None)
    if match is None and (found := _MICRO_MANAGER.match(stem)) and found["base"] in stems:
        match = found
    return (match["base"], int(match["number"])) if match else None


def _missing(numbers: list[int]) -> int | None:
    """The first number that is missing; a file without a number (-1) is followed by 0 or 1, and counting begins with 0 or 1."""
    given = [number for number in numbers if number >= 0]
    if given[0] > 1:
        return 1
    return next((one + 1 for one, other in pairwise(given) if other != one + 1), None)
