"""Files that stand for another: links, and texts that tools and copies leave in place of a file."""

from __future__ import annotations

import re
from pathlib import Path

MOST_BYTES = 1024  # no pointer is longer, and hardly an image is shorter
_LARGE_FILE = "version https://git-lfs"
_PATH = re.compile(r"[^\0\n]*/[^\0\n/]+\n?")


def pointer(path: Path) -> str | None:
    """The path or name that a file holds instead of its content; None for any other file.

    A link that is copied or checked out by a system without links becomes a text with the path of its target; git-annex and Git LFS
    leave such a text until the content is fetched.
    """
    try:
        if not 0 < path.stat().st_size <= MOST_BYTES:
            return None
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if text.startswith(_LARGE_FILE):
        return "a pointer of Git LFS"
    return text.strip() if _PATH.fullmatch(text) and text.strip().isprintable() else None
