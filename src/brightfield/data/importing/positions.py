"""The positions CSV of movies, as trackpy writes it: columns frame, x, y and, with several movies, movie or file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.data.importing.checks import Request
from brightfield.data.importing.grouping import read_csv
from brightfield.errors import BrightfieldError

NAME = "positions.csv"
_Place = tuple[str, int | None]  # movie, and the frame if the name says it


class _Movie(Protocol):
    name: str
    files: list[Path]
    length: int


@dataclass(frozen=True)
class Positions:
    """(N, 2) x and y for each (movie, frame) that the table speaks of; the other frames are not labelled."""

    frames: dict[tuple[str, int], npt.NDArray[np.float64]] = field(default_factory=dict)

    def of(self, movie: str, frame: int) -> npt.NDArray[np.float64] | None:
        """The positions in one frame, or nothing if it is not labelled."""
        return self.frames.get((movie, frame))

    @classmethod
    def read(cls, request: Request, movies: Mapping[str, _Movie]) -> Positions:
        """From the file that was named, else ``positions.csv`` in the source and in the folders of the movies.

        A frame without beads has one row with x and y left empty. What does not fit goes to the findings.
        """
        found = cls()
        if request.positions is not None:
            found._add(request, request.positions, movies)
        else:
            top = request.source if request.source.is_dir() else request.source.parent
            for folder in sorted({top, *(movie.files[0].parent for movie in movies.values())}):
                inside = {name: movie for name, movie in movies.items() if movie.files[0].is_relative_to(folder)}
                if (folder / NAME).is_file():
                    found._add(request, folder / NAME, inside)
        found._tell(request, movies)
        return found

    def _add(self, request: Request, path: Path, movies: Mapping[str, _Movie]) -> None:
        table = read_csv(path, ("frame", "x", "y"), text=("movie", "file"))
        numbers = table[["frame", "x", "y"]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
        frame, xy = numbers[:, 0], numbers[:, 1:]
        empty = np.asarray(table[["x", "y"]].isna().all(axis=1), dtype=bool)
        wrong = ~(np.isfinite(frame) & (frame >= 0) & (frame == np.rint(frame)))
        wrong |= ~np.isfinite(xy).all(axis=1) & ~empty
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            came = ", ".join(f"{column} = {table[column].iloc[line]}" for column in ("frame", "x", "y"))
            request.findings.problem(
                f"{path.name}: {int(wrong.sum())} rows are not positions, the first in line {line + 2} ({came}), "
                "expected a whole frame number from 0 up and finite x and y in pixels"
            )
            return
        try:
            places = _places(path, table, frame.astype(int), movies)
        except BrightfieldError as error:
            request.findings.problem(str(error))
            return
        rows_of: dict[tuple[str, int], list[int]] = defaultdict(list)
        for row, place in enumerate(places):
            rows_of[place].append(row)
        for (name, number), rows in rows_of.items():
            if number >= movies[name].length:
                request.findings.problem(
                    f"{path.name}: frame {number} of {name} does not exist, expected 0 to {movies[name].length - 1}"
                )
            self.frames[name, number] = xy[rows][~empty[rows]]

    def _tell(self, request: Request, movies: Mapping[str, _Movie]) -> None:
        total, labelled = sum(movie.length for movie in movies.values()), len(self.frames)
        if labelled == 0:
            request.findings.note("no positions were given: these frames can be predicted on, not trained on")
        elif labelled < total:
            request.findings.note(
                f"{total - labelled} of {total} frames have no row in {NAME} and count as not labelled; "
                "for a frame without beads, add a row with x and y left empty"
            )


def _places(
    path: Path, table: pd.DataFrame, frame: npt.NDArray[np.int_], movies: Mapping[str, _Movie]
) -> list[tuple[str, int]]:
    """(movie, frame) of each row. A file that is a single frame says itself which frame it is."""
    numbers = [int(number) for number in frame]
    if "movie" in table:
        known: list[tuple[str, _Place]] = []
        known += [(alias, (name, None)) for name in movies for alias in (name, Path(name).name)]
        places = _looked_up(path, table, "movie", known)
    elif "file" in table:
        places = _looked_up(path, table, "file", [pair for movie in movies.values() for pair in _file_aliases(movie)])
    elif len(movies) == 1:
        places = [(next(iter(movies)), None)] * len(table)
    else:
        raise BrightfieldError(
            f"{path.name} has no column movie, but there are {len(movies)} movies ({', '.join(list(movies)[:5])}), "
            "expected one that names them."
        )
    return [(name, n if own is None else own) for (name, own), n in zip(places, numbers, strict=True)]


def _file_aliases(movie: _Movie) -> list[tuple[str, _Place]]:
    stack = len(movie.files) < movie.length
    return [
        (alias, (movie.name, None if stack else i))
        for i, file in enumerate(movie.files)
        for alias in (file.name, file.stem, f"{file.parent.name}/{file.name}")
    ]


def _looked_up(path: Path, table: pd.DataFrame, column: str, known: list[tuple[str, _Place]]) -> list[_Place]:
    """The place each row names. A name that means two things means nothing."""
    meanings: dict[str, set[_Place]] = defaultdict(set)
    for alias, place in known:
        meanings[alias].add(place)
    for name in table[column].unique():
        if len(found := meanings.get(name, set())) != 1:
            came = f"the {column} {name!r}, which is in {len(found)} movies" if found else f"the {column} {name!r}"
            choices = sorted(alias for alias, places in meanings.items() if len(places) == 1)
            raise BrightfieldError(f"{path.name} names {came}, expected one of {', '.join(choices[:10])}.")
    return [next(iter(meanings[name])) for name in table[column]]
