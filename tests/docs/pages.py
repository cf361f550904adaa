"""What tests of the documentation read: the pages, their links, anchors and blocks of code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = {"docs/api"}  # by `make docs`, for the site alone
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"]
_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(`{3,})(\S*)([^\n]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)


def all_pages() -> list[Path]:
    """README, CONTRIBUTING, data/README and whatever is written in docs."""
    made = [ROOT / folder for folder in MADE]
    found = sorted(path for path in (ROOT / "docs").rglob("*.md") if not any(path.is_relative_to(m) for m in made))
    return [*WRITTEN, *found]


def name(path: Path) -> str:
    """Relative to the project, for the names of tests."""
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what else its first line says, its lines."""

    language: str
    marks: str
    text: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [Block(language, marks.strip(), body) for _, language, marks, body in _FENCE.findall(text)]


def links(text: str) -> list[str]:
    """Targets of links and images, those in code left out."""
    plain = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    return [target for _, target in _LINK.findall(plain)]


def anchors(text: str) -> set[str]:
    """What a heading is called in a link, as GitHub and Sphinx (myst) make it."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = base = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        number = 0
        while slug in found:
            number += 1
            slug = f"{base}-{number}"
        found.add(slug)
    return found


def commands(text: str) -> Iterator[list[str]]:
    """Each command of the ``bash`` blocks as words; comments and what follows a pipe are left out."""
    for block in blocks(text):
        if block.language not in ("bash", "sh", "console"):
            continue
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


def inline_commands(text: str, program: str) -> Iterator[list[str]]:
    """Commands in `single backticks` that begin with the program's name."""
    for code in re.findall(r"`([^`\n]+)`", _FENCE.sub("", text)):
        if code.startswith(f"{program} "):
            yield shlex.split(code.replace(" ...", ""))
