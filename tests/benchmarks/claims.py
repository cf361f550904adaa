"""Claims: what a benchmark measured, what was promised of it, and the file that says so.

A benchmark yields a :class:`Claim` for each figure that has an aim or a peer, and plain text for whatever else is worth reading.
``run.py`` prints both and writes the claims to ``reports/bench/NAME.json``; ``docs/generate.py`` makes a page of those files.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

HERE = Path(__file__).resolve().parent
FOLDER = Path("reports/bench")
WRITTEN = ("reports/bench", "docs/benchmarks.md")
MISSED = "MISSED"
TextRow = tuple[str, str, str]  # what, measured, aim


@dataclass(frozen=True)
class Claim:
    """One measured figure.

    Attributes:
        claim: what was measured.
        value: what came out. A time that depends on the machine is better claimed as a ratio to a peer's.
        unit: of value, aim and peer_value: ``px``, ``s``, ``times``; empty for a pure number.
        aim: the value that was promised, None where nothing was.
        better: which way is better; a value equal to its aim meets it.
        against: the peer that was measured in the same run, empty without one.
        peer_value: what came out for the peer; 1 where the value is a ratio to it.
        shown: the value as text, where there is more to say (an interval, both speeds); not written to the file.
    """

    claim: str
    value: float
    unit: str = ""
    aim: float | None = None
    better: Literal["higher", "lower"] = "lower"
    against: str = ""
    peer_value: float | None = None
    shown: str = ""

    @property
    def is_missed(self) -> bool:
        """Whether the value is worse than its aim; a value that is not a number misses any aim."""
        if self.aim is None:
            return False
        return not (self.value >= self.aim if self.better == "higher" else self.value <= self.aim)

    @property
    def promised(self) -> str:
        """The aim as text, with the peer."""
        bound = "at least" if self.better == "higher" else "at most"
        aim = "" if self.aim is None else f"{bound} {number(self.aim, self.unit)}"
        is_ratio = self.peer_value == 1 and self.unit == "times"
        peer = "" if self.peer_value is None or is_ratio else f": {number(self.peer_value, self.unit)}"
        return ", ".join(part for part in (aim, f"{self.against}{peer}" if self.against else "") if part)

    def row(self) -> TextRow:
        """What is printed: a missed aim is called so."""
        measured = self.shown or number(self.value, self.unit)
        return self.claim, measured, f"{MISSED}: {self.promised}" if self.is_missed else self.promised

    def content(self) -> dict[str, Any]:
        """What is written; nan and infinity, which JSON has not, become null."""
        found = {key: _plain(value) for key, value in asdict(self).items() if key != "shown"}
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in found.items()
        }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def number(value: float, unit: str = "") -> str:
    """Four significant digits, without an exponent where that is readable, and the unit."""
    if not math.isfinite(value):
        return "not a number"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text}{'' if unit == '%' else ' '}{unit}" if unit else text


def write(name: str, claims: Sequence[Claim], folder: Path = FOLDER, machine: Mapping[str, Any] | None = None) -> Path:
    """Write ``NAME.json``: the claims, with the commit, the processor and the date.

    Args:
        name: of the benchmark.
        claims: in the order in which they were measured.
        folder: where the files of all benchmarks lie.
        machine: ``commit`` and ``processor``; those of this run when left out.
    """
    when = datetime.now(UTC).date().isoformat()
    content = {**(machine or this_machine()), "date": when, "claims": [claim.content() for claim in claims]}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def read(path: Path) -> tuple[dict[str, str], list[Claim]]:
    """Commit, processor and date; then the claims of one file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Claim)}
    rows = [{key: value for key, value in row.items() if key in known} for row in content.pop("claims")]
    return content, [Claim(**{**row, "value": math.nan if row["value"] is None else row["value"]}) for row in rows]


def this_machine() -> dict[str, str]:
    """The commit, with ``-dirty`` behind it where the code differs from it, and the processor or graphics card.

    What benchmarks themselves write does not count as a difference, or the second of two would never be clean.
    """
    from brightfield.system import lineage

    found = lineage.collect(HERE)
    return {"commit": f"{found.commit}{'-dirty' if _is_dirty() else ''}", "processor": found.device}


def _is_dirty() -> bool:
    places = [":/", *(f":(top,exclude){place}" for place in WRITTEN)]
    command = ["git", "status", "--porcelain", "--untracked-files=no", "--", *places]
    answer = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return bool(answer.stdout.strip())
