"""What the project promises, measured: ``make bench NAME=beads_simulation``, or every one of them without a name.

A benchmark is a module beside this one with ``rows()``: what was measured, what came out, and the aim, as text.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # benchmarks share helpers with the tests
WIDTHS = (56, 48, 0)  # of the columns; a row is printed when it is measured, which may take an hour before the next


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem != Path(__file__).stem)


def run(name: str) -> Iterable[tuple[str, str, str]]:
    """The rows of one benchmark."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for the names in their annotations
    spec.loader.exec_module(module)
    rows: Iterable[tuple[str, str, str]] = module.rows()
    return rows


def main(wanted: list[str]) -> int:
    """Print a table; 2 for a name that is not there."""
    if unknown := sorted(set(wanted) - set(names())):
        print(f"error: There is no benchmark {unknown[0]!r}. Known: {', '.join(names()) or 'none'}.", file=sys.stderr)
        return 2
    for name in wanted or names():
        print(f"\n{name}")
        for row in chain([("what", "measured", "aim")], run(name)):
            print(
                "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, WIDTHS, strict=True)).rstrip(),
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
