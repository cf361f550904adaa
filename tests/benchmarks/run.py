"""What the project promises, measured: ``make bench NAME=beads_simulation``, or every one of them without a name.

A benchmark is a module beside this one with ``rows()``: each row is a :class:`claims.Claim`, or the text of what was measured,
what came out, and the aim. Claims are written to ``reports/bench/NAME.json`` as well, and ``docs/benchmarks.md`` anew.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from types import ModuleType

import claims
from claims import Claim, TextRow

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # benchmarks share helpers with the tests
GENERATE = HERE.parents[1] / "docs" / "generate.py"
WIDTHS = (56, 48, 0)  # of the columns; a row is printed when it is measured, which may take an hour before the next
NO_BENCHMARKS = {"run", "claims", "default_run"}  # the last is a part of `real`


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted({path.stem for path in HERE.glob("*.py") if not path.stem.startswith("test_")} - NO_BENCHMARKS)


def run(name: str) -> Iterable[Claim | TextRow]:
    """The rows of one benchmark."""
    rows: Iterable[Claim | TextRow] = _module(name, HERE / f"{name}.py").rows()
    return rows


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for the names in their annotations
    spec.loader.exec_module(module)
    return module


def main(wanted: list[str]) -> int:
    """Print a table for each benchmark and write its claims; 2 for a name that is not there."""
    if unknown := sorted(set(wanted) - set(names())):
        print(f"error: There is no benchmark {unknown[0]!r}. Known: {', '.join(names()) or 'none'}.", file=sys.stderr)
        return 2
    for name in wanted or names():
        print(f"\n{name}")
        found, measured = [], claims.this_machine()  # now: a commit may be made while it runs
        for row in chain([("what", "measured", "aim")], run(name)):
            if isinstance(row, Claim):
                found.append(row)
            _show(row.row() if isinstance(row, Claim) else row)
        _close(name, found, measured)
    return 0


def _show(row: TextRow) -> None:
    cells = (cell.ljust(width) for cell, width in zip(row, WIDTHS, strict=True))
    print("  " + "  ".join(cells).rstrip(), flush=True)


def _close(name: str, found: list[Claim], machine: Mapping[str, str]) -> None:
    """Write the claims; where none was measured (its images are not here), an older file stays."""
    if not found:
        print("  nothing was measured that has an aim: no file was written")
        return
    missed = sum(claim.is_missed for claim in found)
    print(f"  {len(found)} claims, {missed} missed: {claims.write(name, found, machine=machine)}")
    _module("generate", GENERATE).write_benchmarks()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
