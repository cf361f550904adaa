"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brightfield.errors import BrightfieldError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Write into a temporary neighbour that takes the folder's place at the end, so that a half folder is never seen.

    Raises:
        BrightfieldError: when the disk is full or not writable; nothing is left behind then, and an older folder stays.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except OSError as error:
        raise BrightfieldError(
            f"{folder} could not be written: {error.strerror or error}. Nothing was kept."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """JSON that any reader takes: nan (what is not defined) becomes null, and what is infinite is refused."""
    path.write_text(json.dumps(_with_null(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _with_null(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _with_null(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_with_null(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
