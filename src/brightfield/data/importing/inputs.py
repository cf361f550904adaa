"""The images of a folder that has the layout of an import, where they are answered and not imported.

What is truth beside them (labels, clean images, tables of positions) is left out and counted. How the folders of a kind of task are
read is one function, its :attr:`Importer.inputs`; each returns None for a folder without a layout, which stands for its own images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brightfield import images
from brightfield.errors import BrightfieldError

# the fields of a frame that has a number among all frames read, from 0; None: there is no truth of it
TruthOf = Callable[[images.Frame, int], Mapping[str, np.ndarray] | None]
TRUTH = "truth beside the images"
CIRCLE = "a link in a circle"


@dataclass(frozen=True)
class Inputs:
    """Images to be answered.

    Attributes:
        listing: the files that are taken, and those that are left out.
        names: what files are called in answers, where their stems do not tell.
        truth: reads the truth that lies beside them; None: there is none, or none that is read beside answers.
    """

    listing: images.Listing
    names: Mapping[Path, str] = field(default_factory=dict)
    truth: Callable[[], TruthOf] | None = None


@dataclass
class Found:
    """Collects the images of a folder with a layout.

    Attributes:
        top: the folder.
        passed_over: files and folders that are not read, and why.
        named: name of each image that is taken, and its place: the name with its folders, for names that occur twice.
        truths: the file with the truth of an image.
    """

    top: Path
    passed_over: dict[Path, str] = field(default_factory=dict)
    named: dict[Path, tuple[str, str]] = field(default_factory=dict)
    truths: dict[Path, Path] = field(default_factory=dict)
    _looked_into: set[Path] = field(default_factory=set)

    def look(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Folders and images directly in a folder, in natural order; everything else in it is passed over.

        Raises:
            BrightfieldError: the folder cannot be read.
        """
        listing = images.list_folder(folder)
        self._looked_into.add(folder.resolve())
        self.passed_over |= listing.passed_over
        folders = []
        for inner in listing.folders:
            if inner.resolve() in self._looked_into:
                self.passed_over[inner] = CIRCLE
            elif images.holds_answers(inner):
                self.passed_over[inner] = images.OWN
            else:
                del self.passed_over[inner]
                folders.append(inner)
        return folders, list(listing.taken)

    def below(self, folder: Path) -> list[Path]:
        """The images of a folder and of all folders in it; what else there is, is passed over."""
        found: list[Path] = []
        waiting = [folder]
        while waiting:
            folders, pictures = self.look(waiting.pop(0))
            found += pictures
            waiting = [*folders, *waiting]
        return found

    def take(self, path: Path, inside: Path | None = None, name: str | None = None) -> None:
        """Take an image.

        Args:
            path: its file.
            inside: the folder in which its place is told, where the layout has a folder of its own for the images.
            name: its name; None: the stem of the file.
        """
        name = name or images.stem(path)
        folder = path.parent if inside is None else (inside.parent / path.parent.relative_to(inside))
        place = folder if name != images.stem(path) else folder / name
        self.named[path] = (name, place.relative_to(self.top).as_posix())

    def leave_out(self, paths: Iterable[Path], why: str) -> None:
        """Pass files over; of folders all images, and the files that an import reads."""
        for path in paths:
            if path.is_dir() and not images.is_file(path):
                before = set(self.passed_over)
                inside = self.below(path)
                read = {other for other in self.passed_over.keys() - before if self._may_be_read(other)}
                self.passed_over |= dict.fromkeys([*inside, *sorted(read)], why)
            else:
                self.passed_over[path] = why

    def _may_be_read(self, path: Path) -> bool:
        return self.passed_over[path] == images.NOT_AN_IMAGE

    def inputs(self, truth: Callable[[], TruthOf] | None = None, *, by_folder: bool = False) -> Inputs:
        """What was found.

        Args:
            truth: reads the truth that lies beside the images.
            by_folder: whether the folder of an image tells something of it, so that tables name it in any case.

        Raises:
            BrightfieldError: no image was taken.
        """
        if not self.named:
            raise BrightfieldError(
                f"{self.top} has no images to be answered in its folders, expected images. {self._left_out()}"
            )
        names = Counter(images.name_key(name) for name, _ in self.named.values())
        called = {
            path: name if names[images.name_key(name)] == 1 or place == "." else place
            for path, (name, place) in self.named.items()
        }
        listing = images.Listing(tuple(self.named), self.passed_over, (self.top,) if by_folder else ())
        return Inputs(listing, called, truth)

    def _left_out(self) -> str:
        return " ".join(images.Listing((), self.passed_over).lines()[1:])
