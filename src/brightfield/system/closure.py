"""Which modules of the package one of them runs, read from their text: every import counts, those inside functions too.

Nothing is imported for it, so it takes a moment where importing would take seconds. What only ``TYPE_CHECKING`` imports is not run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import brightfield

ROOT = Path(brightfield.__file__).parent
PACKAGE = ROOT.name


def closure(
    starts: Iterable[str], tables: frozenset[str] = frozenset(), ignored: Callable[[str], bool] = lambda module: False
) -> set[str]:
    """The modules that run when ``starts`` are imported and called, ``starts`` and the packages above each among them.

    Args:
        starts: dotted names, e.g. ``brightfield.stages.train``.
        tables: packages whose ``__init__`` lists alternatives (the kinds of task, the simulators). Of these only what ``starts`` or
            others name is followed: ``from brightfield.tasks import Task`` leads to the module that defines ``Task``.
        ignored: for which modules to leave them out, and with them what only they import.

    Returns:
        Dotted names, e.g. ``brightfield.tasks.base``.
    """
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module in found or ignored(module):
            continue
        found.add(module)
        waiting += [name for name in _above(module) if name not in found]
        for name in _imported(module, tables):
            inside = module in tables and name.startswith(f"{module}.")
            if not inside:
                waiting.append(name)
    return found


@cache
def file_of(module: str) -> Path | None:
    """The file of a module of the package; None where there is no such module."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return None
    path = ROOT.joinpath(*parts[1:])
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _above(module: str) -> Iterator[str]:
    """The packages that a module lies in: their ``__init__`` runs first."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _imported(module: str, tables: frozenset[str]) -> Iterator[str]:
    """The modules of the package that a module imports."""
    for source, name in _imports(module):
        inner = f"{source}.{name}"
        if name and file_of(inner):
            yield inner
        elif name and source in tables and (origin := _origins(source).get(name)):
            yield origin
        else:
            yield source


@cache
def _imports(module: str) -> tuple[tuple[str, str], ...]:
    """Each import of the package's own modules as (module, name), the name empty for ``import module``."""
    path = file_of(module)
    if path is None:
        raise ValueError(f"there is no module {module} in {ROOT}")
    is_package = path.name == "__init__.py"
    base = module if is_package else module.rpartition(".")[0]
    found: list[tuple[str, str]] = []
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        else:
            source = resolve_name("." * node.level + (node.module or ""), base) if node.level else node.module or ""
            found += [(source, alias.name) for alias in node.names]
    return tuple((source, name) for source, name in found if source.split(".")[0] == PACKAGE)


@cache
def _origins(package: str) -> dict[str, str]:
    """Names that a package's ``__init__`` takes from its own modules, each with that module."""
    return {name: source for source, name in _imports(package) if name and source.startswith(f"{package}.")}


def _statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements at any depth, but those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _statements(ast.Module([other], []))
        else:
            yield from _statements(node)
