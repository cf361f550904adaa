"""Start or resume an MLflow run."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from brightfield.errors import BrightfieldError
from brightfield.experiments.runs.connection import connect, shown, sqlite_path, tracking_uri
from brightfield.experiments.runs.recording import Run
from brightfield.system.lineage import DatasetRef, Lineage

if TYPE_CHECKING:
    from mlflow import MlflowClient

Role = Literal["member", "baseline", "ensemble", "study", "trial"]
LINEAGE_FILE = "lineage.json"


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
        task: the task, which is the name of the experiment.
        name: name of the run.
        kind: the task's kind, e.g. ``segmentation``.
        role: role of the run.
        params: nested parameters; logged under dotted names.
        lineage: code and environment of the run.
        dataset: the training data.
        tags: further tags.
        parent_run_id: id of the parent run (the study of a trial).

    Raises:
        BrightfieldError: no MLflow server or database, see :func:`brightfield.experiments.runs.connection.connect`.
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
    except BaseException as error:
        run.end_after(type(error))
        raise
    return run


def resume(run_id: str) -> Run | None:
    """The run with an id, whose status changes only in a ``with`` block; None if it does not exist or was deleted.

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
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # the latter: not a valid id
            return None
        raise
    return None if experiment.lifecycle_stage == "deleted" else Run(client, run_id, experiment.name)


def experiment_id(client: MlflowClient, task: str) -> str:
    """The id of the task's experiment; a missing experiment is created, a deleted one restored."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(task)
    if found is None:
        try:
            return str(client.create_experiment(task, artifact_location=_artifact_location(task)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(task)  # another process was faster
    if found is None:
        raise BrightfieldError(f"MLflow at {shown(tracking_uri())} could not create the experiment {task!r}.")
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _artifact_location(task: str) -> str | None:
    """The folder of artifacts beside a sqlite file, whatever the current folder; None for a server, which has its own."""
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
