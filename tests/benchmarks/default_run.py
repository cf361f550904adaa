"""What `make repro` costs after the installation, in a fresh clone of what is committed, and what its models answer."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from claims import Claim

from brightfield import layout
from brightfield.metrics.declarations import declared

REPOSITORY = Path(__file__).resolve().parents[2]
MOST_MINUTES = 12.0  # of processor time
# Of the champion of each task, on the test split
AIMS: dict[str, dict[str, float]] = {
    "rbc": {"auc": 0.955},
    "beads": {"capped_error_px": 0.25},
    "bacteria": {"mean_iou": 0.80, "ap50": 0.78},
    "denoise": {"psnr_db": 34.0},
}


@dataclass(frozen=True)
class Cost:
    """What a command and all that it started took."""

    processor_min: float
    wall_min: float


def rows() -> Iterator[Claim]:
    """Cost and champions of one run, and whether a second one says the same."""
    with tempfile.TemporaryDirectory() as top:
        first, second = Path(top, "first"), Path(top, "second")
        clone(first)
        cost = repro(first)
        yield Claim("default run: processor time", cost.processor_min, "min", aim=MOST_MINUTES)
        yield Claim("default run: wall clock", cost.wall_min, "min")
        yield Claim("default run: memory of its largest process", largest_gb(), "GB")
        yield from champions(first)
        clone(second)
        repro(second)
        yield Claim("default run: files of scores that differ in a second run", different_scores(first, second), aim=0)


def clone(folder: Path) -> None:
    """A new clone of the last commit."""
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, folder], check=True)


def repro(folder: Path, profile: str | None = None) -> Cost:
    """Run the pipeline in a clone, with its own code and the installed libraries."""
    before, begun = _processor_s(), time.perf_counter()
    if profile is not None:
        command(folder, "brightfield", "profile", profile)
    command(folder, "dvc", "repro")
    return Cost((_processor_s() - before) / 60, (time.perf_counter() - begun) / 60)


def command(folder: Path, *words: str) -> None:
    """Run a command of the environment in a clone; its output is shown where it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def largest_gb() -> float:
    """The most memory that any process had which this one started, directly or not, and which has ended."""
    return gigabytes(resource.getrusage(resource.RUSAGE_CHILDREN))


def gigabytes(used: resource.struct_rusage) -> float:
    """The most memory, of what the system says of processes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return used.ru_maxrss * unit / 1e9


def champions(folder: Path) -> Iterator[Claim]:
    """The champion of each task, with its interval."""
    for task, aims in AIMS.items():
        model = json.loads((folder / layout.registration(task)).read_text(encoding="utf-8"))["champion"]["model"]
        for metric, aim in aims.items():
            yield score(folder, model, metric, f"default run, {task} ({model})", aim)


def score(folder: Path, model: str, metric: str, what: str, aim: float | None = None) -> Claim:
    """A metric of a model on the test split."""
    path = folder / layout.report(model) / layout.METRICS
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["test"][metric]
    about = declared(metric)
    better: Literal["higher", "lower"] = "higher" if about.direction == "maximize" else "lower"
    return Claim(
        f"{what}: {about.said(found['value'], found['low'], found['high'])}", found["value"], aim=aim, better=better
    )


def different_scores(one: Path, other: Path) -> int:
    """How many files of scores are not the same to the last digit, or are in one run alone."""
    names = {path.name for folder in (one, other) for path in (folder / layout.scores("X").parent).glob("*.json")}
    kept = [
        [path.read_bytes() if (path := folder / layout.scores("X").with_name(name)).exists() else b"" for name in names]
        for folder in (one, other)
    ]
    return sum(a != b for a, b in zip(*kept, strict=True))
