"""``params.yaml`` changed by a command: comments and order stay, and what comes out is valid or nothing is written."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.system.files import atomic_file


def add_entry(section: str, name: str, content: Mapping[str, Any], path: Path = params.PARAMS) -> None:
    """Add ``section.name``.

    Raises:
        BrightfieldError: if there is one already, or the whole would not be valid any more.
    """
    add_entries({section: (name, content)}, path)


def add_entries(added: Mapping[str, tuple[str, Mapping[str, Any]]], path: Path = params.PARAMS) -> None:
    """Add an entry (name and content) to each of several sections, all or none; lists of plain values stay on one line.

    Raises:
        BrightfieldError: if one is there already, or the whole would not be valid any more.
    """

    def change(document: Any) -> None:
        for section, (name, content) in added.items():
            if name in document.get(section, ()):
                raise BrightfieldError(
                    f"{path} has {section}.{name} already; choose another name or remove that entry."
                )
            insert(document, section, name, content)

    edit(change, path)


def insert(document: Any, section: str, name: str, content: Mapping[str, Any]) -> None:
    """Add an entry to the section of a document as ``ruamel.yaml`` reads it, or of plain contents; in place."""
    entries = document.setdefault(section, CommentedMap())
    if isinstance(entries, CommentedMap):
        # before the last: what stands behind that one, the next section's comment among it, stays where it is
        entries.insert(max(len(entries) - 1, 0), name, _laid_out(content))
    else:
        entries[name] = content


def _laid_out(content: Any) -> Any:
    """Plain values as they are written: mappings over lines, lists in one."""
    if isinstance(content, Mapping):
        return {key: _laid_out(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        line = CommentedSeq(_laid_out(value) for value in content)
        line.fa.set_flow_style()
        return line
    return content


def set_values(values: Mapping[str, Any], path: Path = params.PARAMS) -> None:
    """Set dotted paths that are there, e.g. ``{"models.rbc-convnet.dataset": "chula"}``; names may hold no dots here."""

    def change(document: Any) -> None:
        for dotted, value in values.items():
            *parents, last = dotted.split(".")
            here = document
            for key in parents:
                here = here[key]
            here[last] = value

    edit(change, path)


def edit(change: Callable[[Any], None], path: Path) -> None:
    """Change the document of a ``params.yaml`` in place, and write it if it is valid.

    Raises:
        BrightfieldError: it cannot be read, or would not be valid any more.
    """
    text, content = changed(change, path)
    params.parse(content, f"{path} with this change")
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def changed(change: Callable[[Any], None], path: Path) -> tuple[str, Any]:
    """The text of a ``params.yaml`` with a change, and what it says; nothing is written.

    Raises:
        BrightfieldError: it cannot be read.
    """
    yaml = YAML()  # round trip: comments survive
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    params.read_yaml(path)  # a clear message for what cannot be read
    document = yaml.load(path.read_text(encoding="utf-8"))
    change(document)
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue(), params.parse_yaml(text.getvalue())
