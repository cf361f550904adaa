"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import errno
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brightfield.errors import BrightfieldError

# What a disk answers when it takes no more, or takes nothing. Any other OSError is not about writing here.
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
UNWRITABLE |= {errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Write into a temporary neighbour that takes the folder's place at the end, so that a half folder is never seen.

    Raises:
        BrightfieldError: when the disk is full or not writable; nothing is left behind then, and an older folder stays.
    """
    partial, aside = (folder.with_name(f".{folder.name}.{what}") for what in ("partial", "older"))
    try:
        shutil.rmtree(partial, ignore_errors=True)
        if aside.exists() and not folder.exists():  # a process was killed between the two renames
            aside.rename(folder)
        partial.mkdir(parents=True)
        yield partial
        _replace(folder, partial, aside)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise BrightfieldError(
            f"{folder} could not be written: {error.strerror or error}. Nothing was kept."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary neighbour that takes the name at the end, so that no half file is ever found under it."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _replace(folder: Path, new: Path, aside: Path) -> None:
    """Put ``new`` in the place of ``folder``, which stands ``aside`` until that has worked."""
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    try:
        new.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """JSON that any reader takes, there whole or not at all: nan (what is not defined) becomes null, infinity is refused."""
    text = json.dumps(_with_null(content), indent=1, allow_nan=False) + "\n"
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: Path, advice: str) -> dict[str, Any]:
    """The object that a JSON file holds.

    Args:
        path: of the file.
        advice: a sentence for an error: what makes the file again.

    Raises:
        BrightfieldError: there is no such file, or it holds no JSON object.
    """
    if not path.is_file():
        raise BrightfieldError(f"{path} does not exist. {advice}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BrightfieldError(f"{path} is not readable as JSON: {error}. {advice}") from error
    if not isinstance(content, dict):
        raise BrightfieldError(f"{path} is a JSON {type(content).__name__}: expected an object. {advice}")
    return content


def _with_null(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _with_null(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_with_null(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
