"""One MLflow run and what is written to it, through a client of its own: MLflow's global state is never touched."""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from brightfield.errors import BrightfieldError
from brightfield.lineage import DatasetRef, Lineage
from brightfield.runs.connection import connect, sqlite_path, tracking_uri

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

Entry = TypeVar("Entry")
Role = Literal["member", "baseline", "ensemble", "study", "trial"]
Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

RUN_FILE = "run.json"
PARAMS_FOLDER = "params"
LINEAGE_FILE = "lineage.json"
VALUE_LIMIT = 6000  # characters of a parameter's value that MLflow keeps; it cuts the rest without a word
TAG_LIMIT = 8000
KEY_LIMIT = 250
DIGEST_LIMIT = 36  # an md5 with ".dir" behind it just fits
METRICS_A_CALL = 1000  # MLflow's own limits for one request
ENTRIES_A_CALL = 100
UNTRACKED = "untracked"
_FORBIDDEN = re.compile(
    r"[^\w.\- ]"
)  # MLflow refuses these in the name of a metric or parameter, on one system or another

_log = logging.getLogger(__name__)


class Run:
    """A run on the MLflow server. As a context manager it ends as FINISHED, FAILED (an error) or KILLED (Ctrl+C).

    Attributes:
        id: MLflow's id of the run.
        experiment: name of the experiment, which is the name of the task.
    """

    def __init__(self, client: MlflowClient, run_id: str, experiment: str) -> None:
        self.id = run_id
        self.experiment = experiment
        self._client = client
        self._ended = False

    def __enter__(self) -> Self:
        self._client.update_run(self.id, status="RUNNING")
        self._ended = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._ended:
            return
        if kind is None:
            self.end("FINISHED")
            return
        try:
            self.end("KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED")
        except Exception:  # whatever broke the run matters more than MLflow's complaint about its end
            _log.warning("MLflow could not be told that run %s has failed", self.id, exc_info=True)

    def end(self, status: Status = "FINISHED") -> None:
        """Set the status and the end time. Leaving the ``with`` block later keeps them: a pruned trial stays KILLED."""
        self._client.set_terminated(self.id, status)
        self._ended = True

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log figures of one step (an epoch). What is nan or infinite is left out: not every MLflow store can hold it.

        Characters that MLflow refuses in a name become ``_``.
        """
        self.log_history([(step, metrics)])

    def log_history(self, rows: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Log figures of many steps with as few calls as possible: (step, {metric: value}) a row."""
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        metrics = [
            Metric(metric_key(name), float(value), now, step)
            for step, row in rows
            for name, value in row.items()
            if math.isfinite(value)
        ]
        for some in _chunks(metrics, METRICS_A_CALL):
            self._client.log_batch(self.id, metrics=some)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log nested parameters under dotted names, values as text.

        What is longer than MLflow takes is logged whole as a file under ``params/``, and a warning says so.
        """
        from mlflow.entities import Param

        entries = []
        for name, value in flatten(params).items():
            key = metric_key(name)
            if len(key) > KEY_LIMIT or len(value) > VALUE_LIMIT:
                file = f"{PARAMS_FOLDER}/{key[:80]}.txt"
                _log.warning("parameter %s... is too long for MLflow; the whole is the run's file %s", name[:80], file)
                self._client.log_text(self.id, f"{name}\n{value}\n", file)
                value = f"[{len(value)} characters: see {file}]"
            entries.append(Param(key[:KEY_LIMIT], value))
        for some in _chunks(entries, ENTRIES_A_CALL):
            self._client.log_batch(self.id, params=some)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags. A value longer than MLflow's limit is refused, not cut."""
        from mlflow.entities import RunTag

        for key, value in tags.items():
            if len(value) > TAG_LIMIT:
                raise ValueError(f"a tag holds at most {TAG_LIMIT} characters, got {len(value)} for {key!r}")
        for some in _chunks([RunTag(key, str(value)) for key, value in tags.items()], ENTRIES_A_CALL):
            self._client.log_batch(self.id, tags=some)

    def log_dataset(self, dataset: DatasetRef, context: str = "training") -> None:
        """Log data as an MLflow dataset input; its digest is the DVC hash, ``untracked`` when there is none."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name=dataset.name,
            digest=(dataset.hash or UNTRACKED)[:DIGEST_LIMIT],
            source_type="local",
            source=json.dumps({"uri": dataset.path}),
            profile=json.dumps({"split": dataset.split, "hash": dataset.hash}),
        )
        tags = [InputTag("mlflow.data.context", context), InputTag("brightfield.split", dataset.split)]
        self._client.log_inputs(self.id, datasets=[DatasetInput(entity, tags)])

    def log_artifacts(self, path: Path, artifact_path: str | None = None) -> None:
        """Upload a file, or what is in a folder, to the run's folder ``artifact_path``."""
        if path.is_dir():
            self._client.log_artifacts(self.id, str(path), artifact_path)
        elif path.is_file():
            self._client.log_artifact(self.id, str(path), artifact_path)
        else:
            raise FileNotFoundError(f"there is nothing to log at {path}")

    def log_table(self, table: pd.DataFrame, artifact_file: str) -> None:
        """Upload a table as CSV, which MLflow shows as a table; ``artifact_file`` is e.g. ``tables/images.csv``."""
        self._client.log_text(self.id, table.to_csv(index=False, lineterminator="\n"), artifact_file)

    def log_json(self, content: Mapping[str, Any], artifact_file: str) -> None:
        """Upload plain values as JSON."""
        self._client.log_text(self.id, json.dumps(content, indent=1, default=str), artifact_file)

    def metrics(self) -> dict[str, float]:
        """The last value of each metric."""
        return dict(self._client.get_run(self.id).data.metrics)

    def reference(self) -> dict[str, str]:
        """What ``run.json`` holds: ``run_id`` and ``experiment``."""
        return {"run_id": self.id, "experiment": self.experiment}


def start(
    task: str,
    name: str,
    *,
    kind: str,
    role: Role,
    params: Mapping[str, Any],
    lineage: Lineage,
    dataset: DatasetRef | None = None,
    tags: Mapping[str, str] | None = None,
    parent_run_id: str | None = None,
) -> Run:
    """Start a run named ``name`` in the experiment named after the task.

    Args:
        kind: the task's kind, e.g. ``segmentation``.
        params: nested parameters; logged under dotted names.
        dataset: what it is trained on.
        tags: further tags.
        parent_run_id: the run this one stands under (a trial under its study).

    Raises:
        BrightfieldError: no MLflow server or database, see :func:`brightfield.runs.connection.connect`.
    """
    client = connect()
    all_tags = {
        "brightfield.model": name,
        "brightfield.kind": kind,
        "brightfield.role": role,
        **_source_tags(lineage),
        **({"mlflow.parentRunId": parent_run_id} if parent_run_id else {}),
        **(tags or {}),
    }
    created = client.create_run(experiment_id(client, task), run_name=name, tags=all_tags)
    run = Run(client, created.info.run_id, task)
    try:
        run.log_params(params)
        run.log_json(lineage.as_dict(), LINEAGE_FILE)
        if dataset is not None:
            run.log_dataset(dataset)
    except BaseException:
        run.end("FAILED")
        raise
    return run


def resume(run_id: str) -> Run | None:
    """The run of that id, its status untouched until it is entered; None when the server has none, or a deleted one.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    from mlflow.exceptions import MlflowException

    client = connect()
    try:
        found = client.get_run(run_id)
        if found.info.lifecycle_stage == "deleted":
            return None
        experiment = client.get_experiment(found.info.experiment_id)
    except MlflowException as error:
        if error.error_code in (
            "RESOURCE_DOES_NOT_EXIST",
            "INVALID_PARAMETER_VALUE",
        ):  # the latter: not an id of this server
            return None
        raise
    return None if experiment.lifecycle_stage == "deleted" else Run(client, run_id, experiment.name)


def experiment_id(client: MlflowClient, task: str) -> str:
    """The id of the task's experiment, which is created when it is missing and restored when it was deleted."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(task)
    if found is None:
        try:
            return str(client.create_experiment(task, artifact_location=_artifact_location(task)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(task)  # another process was quicker
    if found is None:
        raise BrightfieldError(f"MLflow neither has nor makes an experiment {task!r} at {tracking_uri()}.")
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _artifact_location(task: str) -> str | None:
    """For a sqlite file: beside it, whatever the current folder. A server knows where it keeps artifacts."""
    database = sqlite_path(tracking_uri())
    return None if database is None else (database.parent / "mlartifacts" / task).as_uri()


def _source_tags(lineage: Lineage) -> dict[str, str]:
    dirty = {True: "true", False: "false", None: "unknown"}[lineage.dirty]
    tags = {"mlflow.source.name": "brightfield", "mlflow.source.type": "LOCAL", "brightfield.dirty": dirty}
    if lineage.commit:
        tags["mlflow.source.git.commit"] = lineage.commit
    if lineage.branch:
        tags["mlflow.source.git.branch"] = lineage.branch
    with contextlib.suppress(OSError, KeyError):  # a container's user may have no name
        tags["mlflow.user"] = getpass.getuser()
    return tags


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """``{"a": {"b": 1}}`` -> ``{"a.b": "1"}``; lists and empty mappings as JSON, other values as ``str`` gives them."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        elif isinstance(value, Mapping | list | tuple):
            flat[f"{prefix}{key}"] = json.dumps(value, default=str)
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


def metric_key(name: str) -> str:
    """The name with every character that MLflow refuses replaced by ``_``."""
    return _FORBIDDEN.sub("_", name)


def _chunks(entries: Sequence[Entry], size: int) -> Iterable[Sequence[Entry]]:
    return (entries[i : i + size] for i in range(0, len(entries), size))
