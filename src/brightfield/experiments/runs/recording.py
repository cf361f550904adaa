"""Logging to an MLflow run through a client of its own, without MLflow's global state."""

from __future__ import annotations

import json
import logging
import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from brightfield.system.lineage import DatasetRef

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

Entry = TypeVar("Entry")
Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

PARAMS_FOLDER = "params"
VALUE_LIMIT = 6000  # characters of a parameter's value that MLflow stores; it cuts the rest silently
TAG_LIMIT = 8000  # characters of a tag's value
KEY_LIMIT = 250  # characters of a parameter's name
DIGEST_LIMIT = 36  # characters of a dataset's digest: an md5 with ".dir" just fits
METRICS_A_CALL = 1000  # MLflow's limit of metrics per request
ENTRIES_A_CALL = 100  # MLflow's limit of parameters or tags per request
UNTRACKED = "untracked"
# characters that names of metrics and parameters must not contain on some systems
_FORBIDDEN = re.compile(r"[^\w.\- ]")

_log = logging.getLogger(__name__)


class Run:
    """A run on the MLflow server; the end of a ``with`` block sets it to FINISHED, FAILED (an error) or KILLED (Ctrl+C).

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
        else:
            self.end_after(kind)

    def end(self, status: Status = "FINISHED") -> None:
        """Set the status and the end time. A later end of the ``with`` block does not change them: a pruned trial stays KILLED."""
        self._client.set_terminated(self.id, status)
        self._ended = True

    def end_after(self, error: type[BaseException]) -> None:
        """End as KILLED (Ctrl+C) or FAILED; if MLflow cannot be reached, a warning is logged and the error stays visible."""
        try:
            self.end("KILLED" if issubclass(error, KeyboardInterrupt) else "FAILED")
        except Exception:
            _log.warning("The failure of run %s could not be logged to MLflow", self.id, exc_info=True)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log the metrics of one step (an epoch), without nan and infinite values, which not every MLflow store accepts.

        Characters that MLflow refuses in a name become ``_``.
        """
        self.log_history([(step, metrics)])

    def log_history(self, rows: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Log the metrics of many steps with as few calls as possible; each row is (step, {metric: value})."""
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

        A parameter that is too long for MLflow is logged as a file under ``params/``, with a warning.
        """
        from mlflow.entities import Param

        entries = []
        for name, value in flatten(params).items():
            key = metric_key(name)
            if len(key) > KEY_LIMIT or len(value) > VALUE_LIMIT:
                file = f"{PARAMS_FOLDER}/{key[:80]}.txt"
                _log.warning(
                    "Parameter %s... is too long for MLflow; it is logged as the run's file %s", name[:80], file
                )
                self._client.log_text(self.id, f"{name}\n{value}\n", file)
                value = f"[{len(value)} characters: see {file}]"
            entries.append(Param(key[:KEY_LIMIT], value))
        for some in _chunks(entries, ENTRIES_A_CALL):
            self._client.log_batch(self.id, params=some)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags. Raises ValueError for a value longer than MLflow's limit."""
        from mlflow.entities import RunTag

        for key, value in tags.items():
            if len(value) > TAG_LIMIT:
                raise ValueError(f"a tag holds at most {TAG_LIMIT} characters, got {len(value)} for {key!r}")
        for some in _chunks([RunTag(key, str(value)) for key, value in tags.items()], ENTRIES_A_CALL):
            self._client.log_batch(self.id, tags=some)

    def log_dataset(self, dataset: DatasetRef, context: str = "training") -> None:
        """Log data as an MLflow dataset input; the digest is the DVC hash, or ``untracked`` without one."""
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
        """Upload a file, or the contents of a folder, to the run's folder ``artifact_path``."""
        if path.is_dir():
            self._client.log_artifacts(self.id, str(path), artifact_path)
        elif path.is_file():
            self._client.log_artifact(self.id, str(path), artifact_path)
        else:
            raise FileNotFoundError(f"there is no file or folder {path} to log")

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
        """The content of ``run.json``: ``run_id`` and ``experiment``."""
        return {"run_id": self.id, "experiment": self.experiment}


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten ``{"a": {"b": 1}}`` to ``{"a.b": "1"}``; lists and empty mappings become JSON, other values their ``str``."""
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
