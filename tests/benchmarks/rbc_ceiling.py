"""Every model of red blood cells against the best that any could reach, on test and every suite, as it is and recalibrated.

From the reports of `make repro`: nothing is trained here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from brightfield import layout, params

METRICS = ("auc", "accuracy", "brier", "calibration_error")


def rows() -> Iterator[tuple[str, str, str]]:
    """A row for each model, part and metric: as it is, recalibrated on a few images, and the ceiling."""
    settings = params.load()
    entries = {**settings.models, **settings.ensembles}
    for name in [name for name, entry in entries.items() if entry.task == "rbc"]:
        path = layout.report(name) / "metrics.json"
        if not path.is_file():
            yield (name, "not measured: there is no report; run make repro", "")
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        for part, found in {"test": content["test"], **content["suites"]}.items():
            others = [content.get(key, {}).get(part, {}) for key in ("recalibrated", "ceiling")]
            for metric in METRICS:
                plain, mended, best = (_value(where, metric) for where in (found, *others))
                yield (f"{name} on {part}: {metric}", f"{plain}, recalibrated {mended}", f"best possible {best}")


def _value(metrics: dict[str, Any], metric: str) -> str:
    value = metrics.get(metric, {}).get("value")
    return "-" if value is None else f"{value:.3f}"
