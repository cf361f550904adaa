"""Values of an entry on a command line, as DVC writes them where dvc.yaml hands a whole entry over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from brightfield.errors import BrightfieldError
from brightfield.params.spaces import MISSING, at


def read_options(options: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """The values, by dotted path, that differ from those of the entry.

    What already stands in the entry stays as it is: a command line does not tell text from a number, or a list of one from its
    element, but it tells whether anything changed.

    Raises:
        BrightfieldError: a value without a path before it.
    """
    found: dict[str, Any] = {}
    for path, words in _paths(options):
        value = at(known, path)
        if value is MISSING and not words and path.startswith("no-"):
            path, value = path.removeprefix("no-"), at(known, path.removeprefix("no-"))
            words = ["false"]
        if value is MISSING or written(value) != words:
            plain = [_scalar(word) for word in words]
            as_list = isinstance(value, list) or len(plain) > 1
            found[path] = plain if as_list else plain[0] if plain else True
    return found


def written(value: Any) -> list[str]:
    """A value as the words of a command line."""
    if isinstance(value, bool):
        return [] if value else ["false"]
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _paths(options: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    path, words = "", list[str]()
    for word in options:
        if word.startswith("--"):
            if path:
                yield path, words
            path, words = word.removeprefix("--"), []
        elif path:
            words.append(word)
        else:
            raise BrightfieldError(
                f"Unexpected argument {word!r}: values of an entry are given as --training.epochs 4."
            )
    if path:
        yield path, words


def _scalar(word: str) -> Any:
    """A word as params.yaml would take it; ``None`` is how DVC writes null."""
    return None if word == "None" else YAML(typ="safe", pure=True).load(word)
