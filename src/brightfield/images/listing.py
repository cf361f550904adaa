"""The images of folders: which files are taken, and which are passed over and why."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.images.names import is_junk, name_key, natural_sort_key, stem, unique_name
from brightfield.images.opening import OPENERS, SUFFIXES, is_file

SHOWN = 3  # names in one line
HIDDEN = "hidden, or of a file browser"
NOT_AN_IMAGE = "not an image"
FOLDER = "a folder, not looked into"
BROKEN_LINK = "a link to nothing"
OWN = "written by Brightfield"
TOOLS: dict[
    str, re.Pattern[str]
] = {  # tool -> end of the names of its files, which lie beside the image they belong to
    "Cellpose": re.compile(
        r"_(seg|cp_masks|cp_outlines|cp_output|cp_flows|flows|outlines|(flows|outlines|dP|cellprob)_cp_masks)$"
    ),
    "ilastik": re.compile(
        r"[_-](Object[ _-]Identities|Object[ _-]Predictions|Simple[ _-]Segmentation|Probabilities|Uncertainty)$"
    ),
}
_PICKLED = b"'|O'"  # in the header of a npy of Python objects, as Cellpose's _seg.npy
_HEADER_BYTES = 128
_PICTURES = (layout.PROFILE, layout.PHYSICS_PICTURE, layout.SORTED_SHEET)  # written beside a table, one in a folder


@dataclass(frozen=True)
class Listing:
    """The images of some paths.

    Attributes:
        taken: the files to read, in order.
        passed_over: files and folders that are not read, and why.
        tops: folders whose own folders tell something of the images in them, such as their classes.
    """

    taken: tuple[Path, ...]
    passed_over: Mapping[Path, str]
    tops: tuple[Path, ...] = ()

    @property
    def folders(self) -> list[Path]:
        """The folders that were not looked into."""
        return [path for path, why in self.passed_over.items() if why == FOLDER]

    @property
    def left_out(self) -> dict[str, int]:
        """How many files and folders were passed over for each reason."""
        reasons = list(self.passed_over.values())
        return {why: reasons.count(why) for why in dict.fromkeys(reasons)}

    def sources(self) -> dict[Path, str]:
        """Where each file lies, relative to the folder that contains all, for a column of tables.

        Empty where names are enough: the files lie in one folder, which is in none of ``tops``, and no two have the same name
        without suffix.
        """
        stems = {name_key(stem(path)) for path in self.taken}
        if not self.tops and len(stems) == len(self.taken) and len({path.parent for path in self.taken}) == 1:
            return {}
        whole = {path: path.absolute() for path in self.taken}
        common = os.path.commonpath([*(path.parent for path in whole.values()), *(top.absolute() for top in self.tops)])
        return {path: place.relative_to(common).as_posix() for path, place in whole.items()}

    def refuse_names_twice(self) -> None:
        """Raise BrightfieldError if two files of a folder have one name: the same frame, saved twice."""
        found: dict[tuple[Path, str], Path] = {}
        for path in self.taken:
            other = found.setdefault((path.parent, name_key(stem(path))), path)
            if other != path:
                raise BrightfieldError(
                    f"{path.parent} has {stem(other)} twice ({other.name} and {path.name}), expected each frame once. Remove one "
                    "of them, or name the files to read."
                )

    def lines(self) -> list[str]:
        """The count in words: found and taken, then one line for each reason why something was left out."""
        named = {why: [path.name for path, each in self.passed_over.items() if each == why] for why in self.left_out}
        first = f"Found: {len(self.taken) + len(self.passed_over)}, taken: {len(self.taken)}, left out: {len(self.passed_over)}."
        return [first, *(f"Left out: {some_of(names)}: {why}." for why, names in named.items())]


def some_of(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def list_images(paths: Iterable[Path]) -> Listing:
    """List the images of paths; a folder stands for its own images in natural order, not for those of its subfolders.

    A file that is given by its name is always taken. In folders, files of other tools and answers of Brightfield are passed over
    where the image that they belong to lies beside them (see :func:`leftovers`).

    Raises:
        BrightfieldError: a folder without images, or one that cannot be read.
    """
    taken: list[Path] = []
    passed_over: dict[Path, str] = {}
    for path in map(Path, paths):
        if not path.is_dir() or is_file(path):
            taken.append(path)
            continue
        found = list_folder(path)
        if not found.taken:
            raise BrightfieldError(_nothing_in(path, found))
        taken += found.taken
        passed_over |= found.passed_over
    return Listing(tuple(taken), passed_over)


def files(paths: Iterable[Path]) -> list[Path]:
    """The files that :func:`list_images` takes."""
    return list(list_images(paths).taken)


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its name alone."""
    return path.suffix.lower() in OPENERS and not is_junk(path)


def in_order(folder: Path) -> list[Path]:
    """The entries of a folder in natural order: frame 10 follows frame 9.

    Raises:
        BrightfieldError: the folder cannot be read.
    """
    try:
        return sorted(folder.iterdir(), key=lambda path: (natural_sort_key(path.name), path.name))
    except OSError as error:
        raise BrightfieldError(f"The folder {folder} cannot be read: {error.strerror}.") from error


def leftovers(entries: Sequence[Path]) -> dict[Path, str]:
    """Of the entries of one folder those that are no image to read: hidden, of a tool, or an answer of Brightfield; and why.

    What a tool or Brightfield writes is named after an image. It is a leftover only where that image is among the entries, so that
    a folder of labels alone is not emptied.
    """
    named = {_key(stem(path)) for path in entries if is_image(path)}
    tables = any(path.suffix.lower() == ".csv" for path in entries)
    reasons = ((path, _leftover(path, named, tables)) for path in entries)
    return {path: why for path, why in reasons if why is not None}


def _leftover(path: Path, named: set[str], tables: bool) -> str | None:
    if is_junk(path):
        return HIDDEN
    if path.name in _PICTURES and tables:
        return OWN
    name, _, answer = path.name.rpartition("_")  # no name: labels.tif in the folder of an image is no answer
    if name and (answer in layout.ANSWERS or fnmatchcase(answer, layout.beside("*"))) and _belongs(name, named):
        return OWN
    for tool, end in TOOLS.items():
        base = end.sub("", stem(path))
        if base != stem(path) and (_belongs(base, named) or _is_pickled(path)):
            return f"written by {tool}"
    return None


def holds_answers(folder: Path) -> bool:
    """Whether Brightfield wrote its answers into a folder: a table, and pictures that are called as answers are.

    Raises:
        BrightfieldError: the folder cannot be read.
    """
    entries = in_order(folder)
    tables = any(path.suffix.lower() == ".csv" for path in entries)
    return tables and any(path.name.endswith(tuple(f"_{end}" for end in layout.ANSWERS)) for path in entries)


def _is_pickled(path: Path) -> bool:
    """Whether a file is an array of Python objects, which is no image wherever it lies."""
    if path.suffix.lower() != ".npy" or not path.is_file():
        return False
    with path.open("rb") as file:
        return _PICKLED in file.read(_HEADER_BYTES)


def _belongs(base: str, named: set[str]) -> bool:
    """Whether an image has that name; answers to the frames of a stack, and to a second image of one name, have a number more."""
    return _key(base) in named or _key(re.sub(r"_[0-9]+$", "", base)) in named


def _key(text: str) -> str:
    return name_key(unique_name(text, set()))  # answers have names that are safe in a file name


def list_folder(folder: Path) -> Listing:
    """List the images of one folder, of which there may be none; see :func:`list_images`.

    Raises:
        BrightfieldError: the folder cannot be read.
    """
    entries = in_order(folder)
    passed_over = leftovers(entries)
    for path in entries:
        if path not in passed_over and (why := _not_read(path)):
            passed_over[path] = why
    return Listing(tuple(path for path in entries if path not in passed_over), passed_over)


def _not_read(path: Path) -> str | None:
    if path.is_dir() and not is_file(path):
        return FOLDER
    if not is_image(path):
        return NOT_AN_IMAGE
    return None if is_file(path) else BROKEN_LINK


def _nothing_in(folder: Path, found: Listing) -> str:
    folders = [path.name for path, why in found.passed_over.items() if why == FOLDER]
    hint = f" It has the folders {some_of(folders)}: name one of them." if folders else ""
    rest = [f"{some_of([path.name])}: {why}" for path, why in _others(found)]
    hint += f" Left out: {'; '.join(rest[:SHOWN])}." if rest else ""
    return f"There are no images in the folder {folder}, expected {SUFFIXES} files.{hint}"


def _others(found: Listing) -> Iterator[tuple[Path, str]]:
    seen: set[str] = set()
    for path, why in found.passed_over.items():
        if why not in {*seen, FOLDER, NOT_AN_IMAGE, HIDDEN}:
            seen.add(why)
            yield path, why
