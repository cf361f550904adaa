"""Every model of red blood cells against the best that any could reach, on test and every suite, as it is and recalibrated.

From the reports of `make repro`: nothing is trained here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from claims import Claim, TextRow

from brightfield import layout, params

METRICS: dict[str, Literal["higher", "lower"]] = {
    "auc": "higher",
    "accuracy": "higher",
    "brier": "lower",
    "calibration_error": "lower",
}


def rows() -> Iterator[Claim | TextRow]:
    """Rows for each model, part and metric: as it is, and recalibrated on a few images, each beside the best possible."""
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
            for metric, better in METRICS.items():
                plain, recalibrated, best = (_value(where, metric) for where in (found, *others))
                for value, how in ((plain, ""), (recalibrated, ", recalibrated")):
                    if value is not None:
                        what = f"{name} on {part}: {metric}{how}"
                        yield Claim(what, value, better=better, against="the best possible", peer_value=best)


def _value(metrics: dict[str, Any], metric: str) -> float | None:
    value = metrics.get(metric, {}).get("value")
    return None if value is None else float(value)
