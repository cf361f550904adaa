"""DVC, which keeps every version of a dataset: what it tracks, and where its cache has the files of a version."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from brightfield.errors import BrightfieldError

CACHE = Path(".dvc/cache")
CACHES = ("files/md5", "")  # folders of DVC 3 and of older versions, below the cache


def track(folder: Path) -> None:
    """Run ``dvc add``: the folder's files are in the cache then, and ``<folder>.dvc`` names them.

    Raises:
        BrightfieldError: DVC refused, with its words.
    """
    failed = _failed("add", str(folder))
    if failed is not None:
        raise BrightfieldError(f"DVC could not track {folder}: {failed}")


def check_out(folder: Path) -> None:
    """Bring the files that ``<folder>.dvc`` names, from the cache of this machine or else from the project's remote.

    Raises:
        BrightfieldError: neither has them.
    """
    pointer = str(pointer_of(folder))
    if _failed("checkout", "--force", pointer) is None:
        return
    failed = _failed("pull", "--force", pointer)
    if failed is not None:
        raise BrightfieldError(f"DVC has no files of that version of {folder}, here or in a remote storage: {failed}")


def is_changed(folder: Path) -> bool:
    """Whether a tracked folder differs from what ``<folder>.dvc`` names."""
    return _failed("status", str(pointer_of(folder))) is not None


def pointer_of(folder: Path) -> Path:
    """The small file that git keeps in place of a tracked folder."""
    return folder.with_name(f"{folder.name}.dvc")


def files_of(found: str) -> Mapping[str, Path] | None:
    """The files in this machine's cache of a folder with a DVC hash, by name; None where the cache does not have all of them."""
    listing = cached_file(found)
    if listing is None:
        return None
    try:
        inside = json.loads(listing.read_text(encoding="utf-8"))
        files = {str(file["relpath"]): cached_file(str(file["md5"])) for file in inside}
    except (ValueError, KeyError, TypeError):
        return None
    here = {name: path for name, path in files.items() if path is not None}
    return here if len(here) == len(files) else None


def cached_file(found: str) -> Path | None:
    """The file with a DVC hash in this machine's cache; of a folder the list of its files."""
    places = (CACHE / kind / found[:2] / found[2:] for kind in CACHES)
    return next((place for place in places if place.is_file()), None)


def _failed(*words: str) -> str | None:
    """What DVC says where it fails; it is that of this Python environment."""
    command = [sys.executable, "-m", "dvc", words[0], "--quiet", *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or done.stdout.strip() or "no reason given") if done.returncode else None
