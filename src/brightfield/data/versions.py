"""The versions of a lab's own dataset: who made each, when and why, and the way back to any of them.

DVC keeps the files of each version; ``data/raw/NAME.dvc`` names those of the one that is in use. Beside it
``NAME.versions.json`` lists all versions, small enough for git, so that colleagues have the list, and with ``dvc pull`` the files.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brightfield import layout
from brightfield.data.store import ImageSet, read_index
from brightfield.errors import BrightfieldError
from brightfield.system import lineage, versioning
from brightfield.system.files import atomic_folder, read_json, write_json

DAMAGED = "Restore it with `git checkout`."
_changing = threading.Lock()  # one change at a time


@dataclass(frozen=True)
class Version:
    """One version of a dataset.

    Attributes:
        number: from 1, in the order in which they were made.
        hash: DVC's, of the folder ``data/raw/NAME``.
        of: the number of the version from which it was made; None of the first.
        at: time in UTC, as ISO 8601; empty where it is not known.
        who: user and machine, or a name that was given.
        why: a sentence.
        corrections: of each corrected image the steps, in order.
    """

    number: int
    hash: str
    of: int | None = None
    at: str = ""
    who: str = ""
    why: str = ""
    corrections: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def history(name: str) -> list[Version]:
    """All versions of a dataset, the oldest first; empty where DVC does not track ``data/raw/NAME`` by itself, as of a simulation.

    Raises:
        BrightfieldError: the list is damaged.
    """
    path = layout.versions(name)
    if path.is_file():
        try:
            return [Version(**entry) for entry in read_json(path, DAMAGED)["versions"]]
        except (KeyError, TypeError) as error:
            raise BrightfieldError(f"{path} is no list of versions ({error}). {DAMAGED}") from error
    if not versioning.pointer_of(layout.raw(name)).is_file():
        return []
    found = lineage.data_hash(layout.raw(name))
    return [] if found is None else [Version(1, found, why="imported")]


def current(name: str) -> Version | None:
    """The version that is in use; None where it is none of the list."""
    found = lineage.data_hash(layout.raw(name))
    return next((each for each in reversed(history(name)) if each.hash == found), None)


def version(name: str, number: int) -> Version:
    """A version by its number.

    Raises:
        BrightfieldError: there is none.
    """
    known = history(name)
    found = next((each for each in known if each.number == number), None)
    if found is None:
        numbers = (
            ", ".join(str(each.number) for each in known) or "none; only datasets that were imported have versions"
        )
        raise BrightfieldError(f"Dataset {name!r} has no version {number}. It has {numbers}.")
    return found


def images(name: str, number: int | None = None) -> ImageSet:
    """The raw images of a version, by default of what is in the folder now.

    Raises:
        BrightfieldError: there is no such version, or its files are not on this machine.
    """
    if number is None:
        return ImageSet.raw(layout.raw(name))
    of = version(name, number)
    if of == current(name) and (layout.raw(name) / layout.INDEX).is_file():
        return ImageSet.raw(layout.raw(name))
    files = versioning.files_of(of.hash)
    if files is None:
        raise BrightfieldError(
            f"The files of version {number} of {name!r} are not in DVC's cache here. `brightfield data restore {name} {number}` "
            "brings them from the remote storage, where they are there."
        )
    return ImageSet(files[layout.IMAGES], read_index(files[layout.INDEX]))


def add(
    name: str,
    write: Callable[[Path], None],
    *,
    who: str,
    why: str,
    corrections: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Version:
    """Make a new version of ``data/raw/NAME``, or its first one; if anything fails, the one before stays.

    Args:
        write: fills an empty folder.

    Raises:
        BrightfieldError: the disk is full, or DVC refused.
    """
    with _changing:
        folder, pointer = layout.raw(name), versioning.pointer_of(layout.raw(name))
        known, before = history(name), current(name)
        kept = pointer.read_bytes() if pointer.is_file() else None
        aside = folder.with_name(f".{name}.before")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            with atomic_folder(folder) as partial:
                write(partial)
                if folder.exists():
                    folder.rename(aside)  # to be put back where DVC refuses
            versioning.track(folder)
            found = lineage.data_hash(folder)
            if found is None:
                raise BrightfieldError(f"DVC did not say what it tracks as {folder}.")
            made = Version(
                max((each.number for each in known), default=0) + 1,
                found,
                None if before is None else before.number,
                datetime.now(UTC).isoformat(timespec="seconds"),
                who,
                why,
                corrections,
            )
            write_json(layout.versions(name), {"versions": [asdict(each) for each in (*known, made)]})
        except BaseException:
            if aside.exists():
                shutil.rmtree(folder, ignore_errors=True)
                aside.rename(folder)
            elif kept is None:
                shutil.rmtree(folder, ignore_errors=True)
            if kept is None:
                pointer.unlink(missing_ok=True)
            else:
                pointer.write_bytes(kept)
            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return made


def restore(name: str, number: int) -> Version:
    """Use another version; later ones stay in the list and can be restored likewise.

    Raises:
        BrightfieldError: there is no such version, its files are nowhere, or the folder was changed by hand and is in no version.
    """
    with _changing:
        wanted = version(name, number)
        folder, pointer = layout.raw(name), versioning.pointer_of(layout.raw(name))
        if not layout.versions(name).is_file():
            return wanted  # the only one
        if folder.exists() and versioning.is_changed(folder):
            raise BrightfieldError(
                f"{folder} differs from the version in use: somebody changed its files, which would be lost. Copy them elsewhere, "
                f"and bring the version back with `dvc checkout --force {pointer}`."
            )
        kept = pointer.read_text(encoding="utf-8")
        pointer.write_text(_pointing(kept, wanted.hash), encoding="utf-8")
        try:
            versioning.check_out(folder)
        except BaseException:
            pointer.write_text(kept, encoding="utf-8")
            versioning.check_out(folder)  # DVC has removed its files before it missed the others
            raise
        return wanted


def _pointing(pointer: str, wanted: str) -> str:
    """The text of a ``.dvc`` file that names files with another hash; their size and number, which may be missing, are left out."""
    lines = []
    for line in pointer.splitlines():
        key = line.lstrip(" -").partition(":")[0]
        if key == "md5":
            line = f"{line.partition('md5:')[0]}md5: {wanted}"
        if key not in ("size", "nfiles"):
            lines.append(line)
    return "\n".join(lines) + "\n"
