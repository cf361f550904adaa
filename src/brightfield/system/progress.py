"""Progress bars for anything that may take longer than a few seconds; log files get a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def bar(total: int | None, description: str, unit: str = "it", done: int = 0) -> Any:
    """A tqdm bar with the remaining time; it appears after two seconds, and writes a line every 15 s if there is no terminal.

    Args:
        total: number of steps, None if it is not known.
        description: what is done.
        unit: of a step.
        done: number of steps that an earlier process did.
    """
    is_terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=description,
        initial=done,
        unit=unit,
        delay=2.0,
        mininterval=0.3 if is_terminal else 15.0,
        dynamic_ncols=is_terminal,
        leave=False,
    )


def track(items: Iterable[Item], description: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Iterate with a progress bar."""
    with bar(total if total is not None else _length(items), description, unit) as shown:
        for item in items:
            yield item
            shown.update()


def _length(items: Iterable[Any]) -> int | None:
    return len(items) if isinstance(items, Sized) else None
