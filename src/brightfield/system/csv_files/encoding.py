"""The encoding of a table: UTF-8 or UTF-16 by its byte-order mark, UTF-8 without one, else Windows-1252."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from brightfield.errors import BrightfieldError

UTF8, UTF16, WINDOWS = "utf-8-sig", "utf-16", "cp1252"
NAMES = {UTF8: "UTF-8", UTF16: "UTF-16", WINDOWS: "Windows-1252"}
_BLOCK = 1 << 20  # characters read at a time
_WRONG = {
    UTF8: re.compile("[\0\udc80-\udcff]"),
    UTF16: re.compile("[\0\ufffd]"),
    # a letter of UTF-8 read as Windows-1252 is one of these two, then a sign that follows no letter: parts of the file differ
    WINDOWS: re.compile("[\0\udc80-\udcff]|[\u00c2\u00c3](?=[^\0-\x7f\u00c0-\u00ff])"),
}


def encoding_of(path: Path) -> str:
    """``utf-8-sig``, ``utf-16`` or ``cp1252``: the first in which every byte of the file means a character.

    Raises:
        BrightfieldError: there is none, or the file has NUL characters; the message names the line.
    """
    with path.open("rb") as file:
        start = file.read(4)
    choices = [UTF8, WINDOWS]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        choices = [UTF16]
    elif start.startswith(codecs.BOM_UTF8):
        choices = [UTF8]
    places = []
    for encoding in choices:
        place = _first_wrong(path, encoding)
        if place is None:
            return encoding
        places.append(place)
    line, letter = places[-1]
    names = " or ".join(NAMES[encoding] for encoding in choices)
    what = "a NUL character" if letter == "\0" else f"bytes that are not {names}"
    if letter in ("\u00c2", "\u00c3"):
        what = f"bytes of {NAMES[UTF8]}, line {places[0][0]} has others"
    raise BrightfieldError(
        f"{path} cannot be read as CSV: line {line} has {what}. Expected text in one encoding: save the table as UTF-8."
    )


def _first_wrong(path: Path, encoding: str) -> tuple[int, str] | None:
    """The line of the first character that the encoding does not allow, and that character."""
    line, last = 1, ""
    errors = "replace" if encoding == UTF16 else "surrogateescape"
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        while block := file.read(_BLOCK):
            found = _WRONG[encoding].search(block)
            part = block[: found.start()] if found else block
            line += part.count("\n") + part.count("\r") - part.count("\r\n") - (last == "\r" and part[:1] == "\n")
            if found:
                return line, found.group()
            last = block[-1]
    return None
