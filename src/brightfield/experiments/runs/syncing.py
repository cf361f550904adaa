"""Log outputs of the pipeline to MLflow: the report of an evaluation, and runs that the server has lost."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brightfield import layout
from brightfield.experiments.runs.connection import connect
from brightfield.experiments.runs.recording import Run, metric_key
from brightfield.experiments.runs.starting import Role, resume, start
from brightfield.system.files import read_json, write_json
from brightfield.system.lineage import DatasetRef, Lineage

REPLACES = "brightfield.replaces"  # tag: the id of a run that the server has lost
EVALUATION = "evaluation"  # the run's folder for the report of an evaluation
_PARAMS = ("model", "settings", "members")  # keys of bundle.json that determine the result


def log_evaluation(run: Run, report: Path) -> None:
    """Log a report, ``reports/<model>``, to a run; repeating it changes nothing.

    Test metrics become ``test_<metric>`` with ``test_<metric>_low`` and ``_high``, those of a suite
    ``<suite>_<metric>``; the tables (images.csv: the answer to every image), confusion.json and the figures become
    artifacts under ``evaluation``.

    Args:
        run: the run, whose status does not change.
        report: a folder with ``metrics.json``:
            ``{"test": {metric: {"value", "low", "high"}}, "suites": {suite: {...}}}``.

    Raises:
        BrightfieldError: there is no readable ``metrics.json``.
    """
    content = read_json(report / layout.METRICS, "Run `dvc repro` to evaluate the model.")
    figures = _figures(content)
    known = run.metrics()
    run.log_metrics({name: value for name, value in figures.items() if known.get(metric_key(name)) != value})
    for file in sorted(report.iterdir()):
        if file.is_file() and file.suffix in (".json", ".csv"):
            run.log_artifacts(file, EVALUATION)
    if (report / layout.FIGURES).is_dir():
        run.log_artifacts(report / layout.FIGURES, f"{EVALUATION}/{layout.FIGURES}")


def _figures(content: Mapping[str, Any]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for part, metrics in [("test", content.get("test", {})), *content.get("suites", {}).items()]:
        for metric, entry in metrics.items():
            if isinstance(entry, Mapping):
                figures.update(_with_interval(f"{part}_{metric}", entry))
            elif entry is not None:
                figures[f"{part}_{metric}"] = float(entry)
    return figures


def _with_interval(name: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
        if entry.get(key) is not None:  # null means undefined, like nan
            yield f"{name}{suffix}", float(entry[key])


def reconcile(folder: Path, task: str, name: str, *, role: Role) -> Run:
    """The run of a model's or an ensemble's folder, logged again if the server does not have it.

    The run is missing if the database was deleted, if DVC restored an older output, or on another server. The new run gets
    the parameters and the lineage of ``bundle.json`` and every epoch of ``history.csv``; a tag has the id of the lost run, by
    which the new one is found next time. ``run.json`` is not changed, because it is part of an output of DVC. The evaluation
    is not logged: see :func:`log_evaluation`.

    Args:
        folder: a folder with ``bundle.json`` (with ``lineage`` and ``dataset`` in its ``provenance``), ``history.csv`` and
            ``run.json``, which is written if it is missing or damaged.
        task: the task, which is the name of the experiment.
        name: name of the model or ensemble.
        role: role of the run.

    Raises:
        BrightfieldError: no MLflow server or database, or no readable ``bundle.json``.
    """
    known = _known_id(folder / layout.RUN)
    if known is None:
        run = _log_anew(folder, task, name, role, {})
        write_reference(run, folder)
        return run
    return resume(known) or _replacement(task, known) or _log_anew(folder, task, name, role, {REPLACES: known})


def _replacement(task: str, lost: str) -> Run | None:
    """The newest run that was logged to replace a lost one."""
    client = connect()
    experiment = client.get_experiment_by_name(task)
    if experiment is None or experiment.lifecycle_stage == "deleted":
        return None
    found = client.search_runs(
        [experiment.experiment_id],
        filter_string=f"tags.`{REPLACES}` = '{lost}' and attributes.status = 'FINISHED'",
        max_results=1,
    )
    return Run(client, found[0].info.run_id, task) if found else None


def _log_anew(folder: Path, task: str, name: str, role: Role, tags: Mapping[str, str]) -> Run:
    bundle = read_json(folder / layout.BUNDLE, "Run `dvc repro` (or `dvc pull`) to make it.")
    provenance = bundle.get("provenance", {})
    dataset = provenance.get("dataset")
    run = start(
        task,
        name,
        kind=str(bundle.get("kind", "")),
        role=role,
        params={key: bundle[key] for key in _PARAMS if key in bundle},
        lineage=Lineage.from_dict(provenance.get("lineage", {})),
        dataset=None if dataset is None else DatasetRef.from_dict(dataset),
        tags=tags,
    )
    with run:
        run.log_history(read_history(folder / layout.HISTORY))
    return run


def write_reference(run: Run, folder: Path) -> None:
    """Write ``run.json`` into a folder atomically."""
    write_json(folder / layout.RUN, run.reference())


def read_history(path: Path) -> list[tuple[int, dict[str, float]]]:
    """The rows of ``history.csv``: (epoch, {metric: value}); empty for a missing or empty file, as of a baseline."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            (int(float(row["epoch"])), {key: float(value) for key, value in row.items() if key != "epoch" and value})
            for row in csv.DictReader(file)
        ]


def _known_id(path: Path) -> str | None:
    try:
        known = str(json.loads(path.read_text(encoding="utf-8"))["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # lost or damaged: the run is logged again
    return known if known.isalnum() else None  # only letters and digits, as it becomes part of a query
