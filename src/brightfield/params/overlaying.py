"""Profiles: overlays of ``params.yaml`` with more models and longer trainings, put on and taken off by a command.

An overlay lists entries to add to sections, and values to set as pairs: what ``params.yaml`` says without it, and with it (null:
nothing). So it can be taken off again, and a value that the user has set is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.params import editing
from brightfield.params.spaces import MISSING, at, put

DEFAULT = "default"  # params.yaml without any overlay


def names() -> list[str]:
    """The profiles that there are."""
    return [DEFAULT, *sorted(path.stem for path in layout.PROFILES.glob("*.yaml"))]


def about(name: str) -> str:
    """What a profile is for, in a sentence."""
    return "what params.yaml holds when it is new" if name == DEFAULT else str(_read(name)["about"])


def in_force(path: Path = params.PARAMS) -> list[str]:
    """The overlays of which every entry is in ``params.yaml``."""
    document = params.read_yaml(path)
    overlays = {name: _entries(_read(name)) for name in names() if name != DEFAULT}
    return [name for name, added in overlays.items() if all(_has(document, *where) for *where, _ in added)]


def choose(name: str, path: Path = params.PARAMS) -> list[str]:
    """Put the overlay ``name`` on, and take every other off; ``default`` only takes off.

    Returns:
        A line for each thing that was not as expected, and was left as it is.

    Raises:
        BrightfieldError: there is no such profile, or the whole would not be valid any more.
    """
    if name not in names():
        raise BrightfieldError(f"There is no profile {name!r}: expected {', '.join(names())}.")
    lines: list[str] = []

    known = _set_by_any()

    def change(document: Any) -> None:
        for other in names():
            if other not in (DEFAULT, name):
                lines.extend(put_off(document, _read(other), known))
        if name != DEFAULT:
            lines.extend(put_on(document, _read(name)))

    editing.edit(change, path)
    return lines


def put_on(document: Any, overlay: Mapping[str, Any]) -> Iterator[str]:
    """Add the entries and set the values of an overlay, in place; a line for each that was left as it is."""
    yield from _set(document, overlay, before=0, after=1)
    for section, name, content in _entries(overlay):
        if not _has(document, section, name):
            editing.insert(document, section, name, content)
        elif document[section][name] != content:
            yield f"{section}.{name} is in params.yaml already, and not as the profile has it: left as it is"


def put_off(
    document: Any, overlay: Mapping[str, Any], known: Mapping[str, Sequence[Any]] | None = None
) -> Iterator[str]:
    """The reverse of :func:`put_on`; ``known`` are what other overlays set the same values to, and so are no user's."""
    for section, name, content in _entries(overlay):
        if _has(document, section, name) and document[section][name] == content:
            del document[section][name]
        elif _has(document, section, name):
            yield f"{section}.{name} is not as the profile has it: left in params.yaml"
    yield from _set(document, overlay, before=1, after=0, known=known or {})


def overlaid(name: str, path: Path = params.PARAMS) -> dict[str, Any]:
    """What a ``params.yaml`` would say with a profile; what an entry takes over from another changes with that one."""

    def change(document: Any) -> None:
        if name != DEFAULT:
            for _ in put_on(document, _read(name)):
                pass  # what a user has changed is not looked at here

    _, content = editing.changed(change, path)
    return dict(content)


def _set_by_any() -> dict[str, list[Any]]:
    """What any overlay sets a value to, by its dotted path."""
    found: dict[str, list[Any]] = {}
    for name in names():
        overlay = {} if name == DEFAULT else _read(name)
        for dotted, pair in overlay.get("values", {}).items():
            found.setdefault(dotted, []).append(pair[1])
    return found


def _set(
    document: Any,
    overlay: Mapping[str, Any],
    *,
    before: int,
    after: int,
    known: Mapping[str, Sequence[Any]] | None = None,
) -> Iterator[str]:
    for dotted, pair in overlay.get("values", {}).items():
        found = at(document, dotted)
        expected = [pair[before], *(known or {}).get(dotted, ())]
        if found in expected or (found is MISSING and pair[before] is None):
            _write(document, dotted, pair[after])
        elif found != pair[after] and found is not MISSING:
            yield f"{dotted} is {found!r} in params.yaml, neither {pair[0]!r} nor {pair[1]!r}: left as it is"


def _write(document: Any, dotted: str, value: Any) -> None:
    """Set a value, or remove it where there is none."""
    section, _, last = dotted.rpartition(".")
    if value is not None:
        put(document, dotted, value)
    elif (holder := at(document, section)) is not MISSING:
        holder.pop(last, None)


def _entries(overlay: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (section, name, content) for section, added in overlay["entries"].items() for name, content in added.items()
    ]


def _has(document: Any, section: str, name: str) -> bool:
    return name in (document.get(section) or {})


def _read(name: str) -> dict[str, Any]:
    return params.read_yaml(layout.PROFILES / f"{name}.yaml")
