"""The positions of movies: a CSV as trackpy writes it, or the spots of TrackMate as CSV or XML.

trackpy's columns are frame, x, y and, with several movies, movie or file; its other columns are ignored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.data.importing import trackmate
from brightfield.data.importing.checks import Request
from brightfield.data.importing.grouping import read_csv
from brightfield.errors import BrightfieldError

NAME = "positions.csv"
NAMES = (NAME, "spots.csv")
_MOVIE_ENDINGS = (".xml", "_spots.csv", "_positions.csv")  # endings of a file named after a movie
_Place = tuple[str, int | None]  # movie, and the frame if the name determines it


class _Movie(Protocol):
    name: str
    files: list[Path]
    length: int


def is_positions(path: Path) -> bool:
    """Whether a file beside frames holds their positions, by its name."""
    return path.name in NAMES or path.name.lower().endswith(_MOVIE_ENDINGS)


@dataclass(frozen=True)
class Positions:
    """Positions (N, 2), x and y in px, by (movie, frame); frames that are not included have no labels."""

    frames: dict[tuple[str, int], npt.NDArray[np.float64]] = field(default_factory=dict)

    def of(self, movie: str, frame: int) -> npt.NDArray[np.float64] | None:
        """The positions in one frame, or None if it has no labels."""
        return self.frames.get((movie, frame))

    @classmethod
    def read(cls, request: Request, movies: Mapping[str, _Movie]) -> Positions:
        """Read the given file, else the files that :func:`is_positions` finds in the source and in the folders of the movies.

        A frame without beads has one row with x and y left empty. Problems are added to the findings.
        """
        found = cls()
        if request.positions is not None:
            found._add(request, request.positions, movies)
        else:
            top = request.source if request.source.is_dir() else request.source.parent
            beside = {folder for movie in movies.values() for folder in movie.files[0].parents}
            for folder in sorted({top, *(folder for folder in beside if folder.is_relative_to(top))}):
                inside = {name: movie for name, movie in movies.items() if movie.files[0].is_relative_to(folder)}
                for path in sorted(path for path in folder.iterdir() if is_positions(path) and path.is_file()):
                    found._add_beside(request, path, inside)
        found._note_unlabelled(request, movies)
        return found

    def _add_beside(self, request: Request, path: Path, movies: Mapping[str, _Movie]) -> None:
        """Add a file found beside frames; one named after a movie is read for that movie only."""
        if path.name in NAMES:
            self._add(request, path, movies)
            return
        stem = next(path.name[: -len(end)] for end in _MOVIE_ENDINGS if path.name.lower().endswith(end))
        meant = {name: movie for name, movie in movies.items() if Path(name).name == stem and _beside(path, movie)}
        if meant:
            self._add(request, path, meant)
        elif request.source.is_dir():
            request.leave_out(path, "named after no movie beside it")

    def _add(self, request: Request, path: Path, movies: Mapping[str, _Movie]) -> None:
        try:
            table = _table(request, path)
            frame, xy, empty = _numbers(path, table)
            places = _places(path, table, frame, movies)
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
            if (name, number) in self.frames:
                request.findings.problem(
                    f"{path.name} and another file both have frame {number} of {name}: choose one of them with --positions"
                )
            self.frames[name, number] = xy[rows][~empty[rows]]

    def _note_unlabelled(self, request: Request, movies: Mapping[str, _Movie]) -> None:
        total, labelled = sum(movie.length for movie in movies.values()), len(self.frames)
        if labelled == 0:
            request.findings.note(
                "no positions were given: use these frames for prediction, they have no labels to train on"
            )
        elif labelled < total:
            request.findings.note(
                f"{total - labelled} of {total} frames have no row in {NAME} and count as not labelled; "
                "for a frame without beads, add a row with x and y left empty"
            )


def _beside(path: Path, movie: _Movie) -> bool:
    return path.parent in (movie.files[0].parent, movie.files[0].parent.parent)


def _table(request: Request, path: Path) -> pd.DataFrame:
    """Columns frame, x, y (and movie or file); the index is the line number in the file."""
    own = request.settings.pixel_size_um
    pixel_size_um = request.pixel_size_um or own
    if path.suffix.lower() == ".xml":
        return trackmate.read_xml(path, pixel_size_um)
    table = read_csv(path, (), text=("movie", "file"))
    table.index = pd.RangeIndex(2, len(table) + 2)
    if trackmate.is_spots(table):
        if request.pixel_size_um is None:
            request.findings.note(
                f"{path.name}: positions of TrackMate in units of length were divided by the task's {own:g} um per pixel; give "
                "--pixel-size-um if these images differ"
            )
        return trackmate.from_table(path, table, pixel_size_um)
    return read_csv(path, ("frame", "x", "y"), text=("movie", "file")).set_index(table.index)


def _numbers(
    path: Path, table: pd.DataFrame
) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Frame, x and y of each row, and whether x and y were left empty: (N,), (N, 2) and (N,)."""
    numbers = table[["frame", "x", "y"]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    frame, xy = numbers[:, 0], numbers[:, 1:]
    empty = np.asarray(table[["x", "y"]].isna().all(axis=1), dtype=bool)
    wrong = ~(np.isfinite(frame) & (frame >= 0) & (frame < 2**31) & (frame == np.rint(frame)))
    wrong |= ~np.isfinite(xy).all(axis=1) & ~empty
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        came = ", ".join(f"{column} = {table[column].iloc[row]}" for column in ("frame", "x", "y"))
        raise BrightfieldError(
            f"{path.name}: {int(wrong.sum())} rows are not positions, the first in line {table.index[row]} ({came}), "
            "expected a whole frame number from 0 up and finite x and y in pixels"
        )
    return frame.astype(int), xy, empty


def _places(
    path: Path, table: pd.DataFrame, frame: npt.NDArray[np.int_], movies: Mapping[str, _Movie]
) -> list[tuple[str, int]]:
    """(movie, frame) of each row. The name of a file with a single frame determines the frame."""
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
    if stack and len(movie.files) > 1:
        return []  # pieces of one movie: frames are numbered within the movie, which a table names by its column movie
    return [
        (alias, (movie.name, None if stack else i))
        for i, file in enumerate(movie.files)
        for alias in (file.name, file.stem, f"{file.parent.name}/{file.name}")
    ]


def _looked_up(path: Path, table: pd.DataFrame, column: str, known: list[tuple[str, _Place]]) -> list[_Place]:
    """The movie, and the frame if known, that each row names. Raises BrightfieldError for unknown and ambiguous names."""
    meanings: dict[str, set[_Place]] = defaultdict(set)
    for alias, place in known:
        meanings[alias].add(place)
    for name in table[column].unique():
        if len(found := meanings.get(name, set())) != 1:
            came = f"the {column} {name!r}, which is in {len(found)} movies" if found else f"the {column} {name!r}"
            choices = sorted(alias for alias, places in meanings.items() if len(places) == 1)
            raise BrightfieldError(f"{path.name} names {came}, expected one of {', '.join(choices[:10])}.")
    return [next(iter(meanings[name])) for name in table[column]]
