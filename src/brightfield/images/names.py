"""Names of image files: natural order, safe ids, files to ignore."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

# files and folders of file browsers, storage devices and archives; those that begin with a dot are hidden in any case
JUNK = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "#recycle", "$recycle.bin"}
    | {"system volume information", "lost+found"}
)


def stem(path: Path) -> str:
    """The file's name without ``.png``, ``.ome.tif``, ..."""
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE)


def unique_name(text: str, taken: set[str]) -> str:
    """``text`` made safe for ids and file names, numbered if it is taken; the result is added to ``taken``."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip(".") or "image"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name


def natural_sort_key(text: str) -> list[Any]:
    """Key that sorts numbers by value: ``frame9`` before ``frame10``."""
    return [int(part) if i % 2 else part.lower() for i, part in enumerate(re.split(r"([0-9]+)", text))]


def name_key(text: str) -> str:
    """A name without regard to case and Unicode form: names with one key are one name, and one file on many systems."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def is_junk(path: Path) -> bool:
    """Whether a file or folder is hidden or was left behind by a file browser, a storage device or an archive, by its name."""
    return path.name.startswith(".") or path.name.lower() in JUNK
