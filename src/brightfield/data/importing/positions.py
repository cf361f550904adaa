"""The positions of movies: a CSV as trackpy writes it, the spots of TrackMate as CSV or XML, or the results of ImageJ.

trackpy's columns are frame, x, y and, with several movies, movie or file; its other columns are ignored. Frames are counted from 0,
unless the table says that they are counted from 1 (:func:`_first`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images
from brightfield.data.importing import trackmate
from brightfield.data.importing.checks import Request
from brightfield.data.importing.spots import Spots, read_spots
from brightfield.errors import BrightfieldError
from brightfield.params import TrackingSettings
from brightfield.system.csv_files import file_key, shown

NAME = "positions.csv"
NAMES = (NAME, "spots.csv")
_MOVIE_ENDINGS = (".xml", "_spots.csv", "_positions.csv")  # endings of a file named after a movie
_MANY = 10  # fewer positions in one frame may all be beads that touch
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
            spots = _read(request, path, movies)
            frame, xy, empty = _numbers(path, spots.table)
            places = _places(path, spots.table, movies)
            first = _first(request, path, spots, places, frame, movies)
            numbers = [int(n) - first if own is None else own for (_, own), n in zip(places, frame, strict=True)]
            rows_of: dict[tuple[str, int], list[int]] = defaultdict(list)
            for row, ((name, _), number) in enumerate(zip(places, numbers, strict=True)):
                rows_of[name, number].append(row)
            numbered = {name: movies[name] for name, own in places if own is None}
            _check_one_frame(request, path, rows_of, xy, numbered)
        except BrightfieldError as error:
            request.findings.problem(str(error))
            return
        for (name, number), rows in rows_of.items():
            if not 0 <= number < movies[name].length:
                last = movies[name].length - 1 + first
                request.findings.problem(
                    f"{path.name}: frame {number + first} of {name} does not exist, expected {first} to {last}"
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


def by_frame(
    path: Path, pixel_size_um: float
) -> tuple[dict[int, npt.NDArray[np.float64]], dict[str, npt.NDArray[np.float64]]]:
    """The positions (N, 2) of a table by the number of the frame from 0, and by the name of its image, which a column may give.

    Args:
        path: the table, see :mod:`brightfield.data.importing.spots`.
        pixel_size_um: by which positions of TrackMate in units of length are divided.

    Returns:
        Both by key; names are those of :func:`brightfield.images.name_key`. Where the table names images, nothing goes by number.

    Raises:
        BrightfieldError: the table is none of positions.
    """
    spots = read_spots(path, pixel_size_um, text=("image", "file"))
    frame, xy, empty = _numbers(path, spots.table)
    column = next((name for name in ("image", "file") if name in spots.table), None)
    keys = frame - (spots.first or 0) if column is None else spots.table[column].map(images.name_key).to_numpy()
    found = {key: xy[(keys == key) & ~empty] for key in dict.fromkeys(keys.tolist())}
    return (found, {}) if column is None else ({}, found)


def _beside(path: Path, movie: _Movie) -> bool:
    return path.parent in (movie.files[0].parent, movie.files[0].parent.parent)


def _stated_size(movies: Mapping[str, _Movie]) -> float | None:
    """The pixel size that the files of all movies state; None where one states none, or another."""
    sizes = {images.header(movie.files[0]).pixel_size_um for movie in movies.values()}
    return next(iter(sizes)) if len(sizes) == 1 else None


def _read(request: Request, path: Path, movies: Mapping[str, _Movie]) -> Spots:
    """Columns frame, x, y (and movie or file); the index is the line number in the file."""
    own = request.settings.pixel_size_um
    stated = _stated_size(movies)
    pixel_size_um = request.pixel_size_um or stated or own
    if path.suffix.lower() == ".xml":
        return Spots(trackmate.read_xml(path, pixel_size_um), first=0)
    spots = read_spots(path, pixel_size_um, text=("movie", "file"))
    if spots.trackmate and request.pixel_size_um is None and stated is None:
        request.findings.note(
            f"{path.name}: positions of TrackMate in units of length were divided by the task's {own:g} um per pixel; give "
            "--pixel-size-um if these images differ"
        )
    elif spots.trackmate:
        request.findings.note(
            f"{path.name}: positions of TrackMate in units of length were divided by {pixel_size_um:g} um per pixel"
        )
    if spots.table.empty:
        raise BrightfieldError(
            f"{path.name} has no rows below its header, expected a row for each position. Write it again, or remove it."
        )
    return spots


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
        came = ", ".join(f"{column} = {shown(table[column].iloc[row])}" for column in ("frame", "x", "y"))
        raise BrightfieldError(
            f"{path.name}: {int(wrong.sum())} rows are not positions, the first in line {table.index[row]} ({came}), "
            "expected a whole frame number from 0 up and finite x and y in pixels"
        )
    return frame.astype(int), xy, empty


def _places(path: Path, table: pd.DataFrame, movies: Mapping[str, _Movie]) -> list[_Place]:
    """The movie of each row, and its frame where the name of a file with a single frame determines it."""
    if "movie" in table:
        known: list[tuple[str, _Place]] = []
        known += [(alias, (name, None)) for name in movies for alias in (name, Path(name).name)]
        return _looked_up(path, table, "movie", known)
    if "file" in table:
        return _looked_up(path, table, "file", [pair for movie in movies.values() for pair in _file_aliases(movie)])
    if len(movies) == 1:
        return [(next(iter(movies)), None)] * len(table)
    raise BrightfieldError(
        f"{path.name} has no column movie, but there are {len(movies)} movies ({', '.join(list(movies)[:5])}), "
        "expected one that names them."
    )


def _first(
    request: Request,
    path: Path,
    spots: Spots,
    places: list[_Place],
    frame: npt.NDArray[np.int_],
    movies: Mapping[str, _Movie],
) -> int:
    """The number of the first frame: 1 if the format counts from 1, or if the smallest number is 1 and the largest is the movie's
    length, which would not exist otherwise; else 0."""
    highest: dict[str, int] = {}
    for (name, own), number in zip(places, frame, strict=True):
        if own is None:
            highest[name] = max(int(number), highest.get(name, 0))
    lowest = min((int(n) for (_, own), n in zip(places, frame, strict=True) if own is None), default=0)
    if spots.first is not None:
        if spots.first == 1:
            request.findings.note(
                f"{path.name}: ImageJ counts frames from 1, and 1 was subtracted. X and Y were taken as pixels from the centre of "
                "the first pixel; centroids of ImageJ are measured from its corner: subtract 0.5 from those"
            )
        return spots.first
    beyond = [movies[name].length - largest for name, largest in highest.items()]
    if lowest == 1 and min(beyond) == 0:
        request.findings.note(
            f"{path.name}: frames were counted from 1, because they run from 1 to the number of frames of the movie"
        )
        return 1
    if lowest == 1 and min(beyond) > 0:
        request.findings.note(
            f"{path.name}: the smallest frame is 1, and frames were counted from 0; if it is the first of the movie, subtract 1 "
            "from the column frame"
        )
    return 0


def _check_one_frame(
    request: Request,
    path: Path,
    rows_of: Mapping[tuple[str, int], list[int]],
    xy: npt.NDArray[np.float64],
    movies: Mapping[str, _Movie],
) -> None:
    """Refuse the positions of a whole movie that are all numbered as one frame: there are many, and most lie nearer to another one
    than beads do. Others are noted: one labelled frame of many is fine.
    """
    from scipy.spatial import cKDTree

    separation = cast(TrackingSettings, request.settings).separation_px
    frames = defaultdict(list)
    for name, number in rows_of:
        if name in movies:
            frames[name].append(number)
    for name, numbers in frames.items():
        inside = xy[rows_of[name, numbers[0]]]
        inside = inside[np.isfinite(inside).all(axis=1)]
        if len(numbers) > 1 or movies[name].length == 1 or len(inside) < 2:
            continue
        came = f"{path.name}: all {len(inside)} positions are of one frame only, of {movies[name].length} of {name}"
        near = cKDTree(inside).query(inside, k=2)[0][:, 1] < separation
        if len(inside) >= _MANY and near.mean() > 0.5:
            raise BrightfieldError(
                f"{came}, and {int(near.sum())} of them have another one within {separation:g} px: these are the same beads in "
                "several frames. Number the frames from 0 in the column frame."
            )
        request.findings.note(f"{came}; if they are of several frames, number these in the column frame")


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
    """The movie, and the frame if known, that each row names (see :func:`file_key`).

    Raises:
        BrightfieldError: a name is unknown, or several movies or files have it.
    """
    meanings: dict[str, set[_Place]] = defaultdict(set)
    for alias, place in known:
        meanings[file_key(alias)].add(place)
    for line, name in zip(table.index, table[column], strict=True):
        found = meanings.get(file_key(name), set())
        if len(found) != 1:
            number = len({movie for movie, _ in found})
            which = f"{number} movies" if number > 1 else f"{len(found)} files"
            came = f"the {column} {name!r}" + (f", which is in {which}" if found else "")
            choices = sorted(alias for alias, places in meanings.items() if len(places) == 1)
            raise BrightfieldError(
                f"{path.name} names {came}, expected one of {', '.join(choices[:10])} (line {line})."
            )
    return [next(iter(meanings[file_key(name)])) for name in table[column]]
