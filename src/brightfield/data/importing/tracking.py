"""Movies: a folder of frames, a TIFF stack, or a folder of these, with or without positions (from trackpy or TrackMate)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.data.importing.checks import Importer, Part, Request
from brightfield.data.importing.layouts import movies
from brightfield.data.importing.pieces import joined, numbered
from brightfield.data.importing.positions import Positions, is_positions
from brightfield.data.importing.truths import positions_by_frame
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

ANY = r"^(?P<group>.*)$"
GROUP_RULE = "the movie"


@dataclass
class Movie:
    """Frames in order: those of a stack or of several that are its pieces, or files of one frame each.

    Attributes:
        name: path of the stack or folder within the source, without suffix.
        files: one file per frame, or the stack, or its pieces.
        length: number of frames.
        counts: number of frames of each file.
        group: the group, where it is not the name.
        shape: (H, W) of the first frame read; all frames must have it.
    """

    name: str
    files: list[Path]
    length: int
    counts: list[int]
    group: str = ""
    shape: tuple[int, ...] = field(default=())

    @property
    def is_stack(self) -> bool:
        """Whether a file has several frames."""
        return len(self.files) < self.length


def parts(request: Request) -> list[Part]:
    """One part for each stack or single frame. Raises BrightfieldError if there are none."""
    movies = _movies(request)
    if not movies and not request.findings.problems:
        raise BrightfieldError(
            f"{request.source} has no images, expected the frames of a movie, a TIFF stack, or folders with either."
        )
    by_name = {movie.name: movie for movie in movies}
    if len(by_name) < len(movies):
        twice = [movie.name for movie in movies if by_name[movie.name] is not movie]
        raise BrightfieldError(f"{request.source} has two movies called {twice[0]!r}, expected different names.")
    truth = Positions.read(request, by_name)
    return [part for movie in movies for part in _parts(request, movie, truth)]


def _movies(request: Request) -> list[Movie]:
    if images.is_file(request.source):
        if not images.is_image(request.source):
            raise BrightfieldError(
                f"{request.source} is not a sequence of frames by its name, expected a TIFF stack, a movie (.avi, .mp4, ...) or "
                "another file of frames."
            )
        _warn_of_other_pieces(request)
        return _in_files(request, [request.source], images.stem(request.source))
    return _in_folder(request, request.source, request.source.name)


def _warn_of_other_pieces(request: Request) -> None:
    beside = [path for path in images.in_order(request.source.parent) if images.is_image(path) and images.is_file(path)]
    for pieces in joined(beside, lambda _: None).values():
        if request.source in pieces and len(pieces) > 1:
            request.findings.warn(
                request.source.name, f"one of {len(pieces)} pieces of a movie: give their folder to import all of them"
            )


def _in_folder(request: Request, folder: Path, name: str) -> list[Movie]:
    folders, files = request.children(folder, is_positions)
    movies = _in_files(request, files, name)
    for inner in folders:
        movies += _in_folder(request, inner, request.relative(inner))
    return movies


def _in_files(request: Request, files: list[Path], name: str) -> list[Movie]:
    """Single images are the frames of one movie; each stack is a movie of its own, unless it is a piece of one."""
    request.once(files)
    counts: dict[Path, int] = {}
    for file in files:
        try:
            counts[file] = images.frame_count(file)
        except BrightfieldError as error:
            request.findings.problem(str(error))
    movies, singles = [], []
    for base, pieces in joined(counts, request.findings.problem).items():
        if all(counts[file] == 1 for file in pieces):
            singles += pieces
        else:
            own = Path(request.relative(pieces[0])).with_name(base).as_posix()
            movies.append(Movie(own, pieces, sum(counts[file] for file in pieces), [counts[file] for file in pieces]))
    _group_numbered(request, movies, name)
    singles = [file for file in counts if file in singles]  # in natural order
    return ([Movie(name, singles, len(singles), [1] * len(singles))] if singles else []) + movies


def _group_numbered(request: Request, movies: list[Movie], folder: str) -> None:
    """Put stacks of one folder that differ by a number only into one group: they may be pieces of one movie."""
    common = numbered([movie.name for movie in movies])
    for movie in movies:
        if movie.name in common and not request.grouping.is_chosen:
            movie.group = common[movie.name].rstrip("/") or folder
            request.findings.warn(
                request.relative(movie.files[0]),
                "stacks of one name with numbers may be pieces of one movie: they are one group; where each is a movie of its own, "
                "give --group-pattern '(.+)'",
            )
        elif len(movie.files) > 1:
            request.findings.warn(movie.name, f"a movie in {len(movie.files)} pieces, joined: frames are numbered on")


def _parts(request: Request, movie: Movie, truth: Positions) -> Iterator[Part]:
    ids = [request.new_id(f"{movie.name}_{i:04d}") for i in range(movie.length)]
    first = 0
    for file, count in zip(movie.files, movie.counts, strict=True):
        relative = request.relative(file)
        named = movie.files[0] if movie.is_stack else file  # pieces of a movie are never in two groups
        name = images.stem(named) if request.grouping.is_chosen else movie.group or movie.name
        group = request.group(name, request.relative(named), ANY, GROUP_RULE)
        reader = _reader(request, movie, file, first, ids[first : first + count], group, truth)
        yield Part(relative, (file,), reader, _count, movie.name, movie.is_stack)
        first += count


def _reader(
    request: Request, movie: Movie, file: Path, first: int, ids: list[str], group: str, truth: Positions
) -> Callable[[], Iterator[Record]]:
    def records() -> Iterator[Record]:
        for offset, read in enumerate(images.frames_of([file])):
            image, number = read.image, first + offset
            name = request.relative(file) if len(ids) == 1 else f"{request.relative(file)}, frame {number}"
            frame = request.grey(name, image)
            movie.shape = movie.shape or frame.shape
            if frame.shape != movie.shape:
                raise BrightfieldError(
                    f"{name} is {_size(frame.shape)}, expected {_size(movie.shape)} like the other frames."
                )
            positions = truth.of(movie.name, number)
            row: dict[str, object] = {"frame": number, "movie": movie.name, "labelled": int(positions is not None)}
            if read.time_s is not None and len(movie.files) == 1:  # each piece of a movie begins at 0
                row["time_s"] = read.time_s
            fields: dict[str, np.ndarray] = {}
            if positions is not None:
                _check_inside(name, positions, frame.shape)
                fields["positions"] = positions
            yield Record(ids[offset], group, frame, fields, row)

    return records


def _count(record: Record) -> dict[str, int]:
    return {"frames with positions": int("positions" in record.fields)}


def _check_inside(name: str, positions: npt.NDArray[np.float64], shape: tuple[int, ...]) -> None:
    height, width = shape
    outside = ((positions < -0.5) | (positions > (width - 0.5, height - 0.5))).any(axis=1)
    if outside.any():
        x, y = positions[outside][0]
        raise BrightfieldError(
            f"{name} has a position outside: x = {x:g}, y = {y:g}, expected x from 0 to {width - 1} and y from 0 to "
            f"{height - 1} (pixels; x is the column)."
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]} pixels"


IMPORTER = Importer(parts, inputs=movies, accepts_single_file=True, accepts_positions=True, truths=positions_by_frame)
