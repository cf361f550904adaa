"""Reports that are with the tracking server and not on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from brightfield import layout
from brightfield.experiments import registry
from queries import project, tracking


def missing(champions: pd.DataFrame) -> list[str]:
    """Champions whose reports are not here: their colleagues trained them, and this machine did not.

    Args:
        champions: see :func:`queries.tracking.champions`.
    """
    names: list[str] = list(champions["model"]) if len(champions) else []
    return [name for name in names if not (project.report(name) / layout.METRICS).is_file()]


def fetch() -> Iterator[str]:
    """Bring the reports of the newest versions of all models of params.yaml that have none here; yields their names.

    Raises:
        BrightfieldError: MLflow does not answer, or a run has no report.
    """
    known = set(project.models()["name"])
    for task in project.settings().tasks:
        seen: set[str] = set()
        for row in tracking.versions(task).table.to_dict("records"):
            name = str(row["model"])
            if name in seen or name not in known or (project.report(name) / layout.METRICS).is_file():
                continue
            seen.add(name)
            registry.fetch_whole_report(registry.find(task, str(row["version"])), layout.fetched_report(name))
            yield name
