"""The project's own params.yaml, of the profile ``full``, with something changed, for tests of what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import tiny
from brightfield import params
from brightfield.errors import BrightfieldError

REMOVED = object()
OWN = tiny.full_content()
Path_ = tuple[str | int, ...]


def at(path: Path_, content: Any) -> Any:
    """What stands at a place."""
    for key in path:
        content = content[key]
    return content


def changed(path: Path_, value: Any) -> dict[str, Any]:
    """The project's params with one value set, added or removed; ``("models", "x", "seed")`` is a place."""
    content: dict[str, Any] = copy.deepcopy(OWN)
    here = at(path[:-1], content)
    if value is REMOVED:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return content


def complaint(path: Path_, value: Any) -> str:
    with pytest.raises(BrightfieldError) as caught:
        params.parse(changed(path, value))
    return str(caught.value)
