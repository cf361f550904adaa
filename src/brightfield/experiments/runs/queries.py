"""MLflow runs as tables, for the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from brightfield.experiments.runs.connection import connect
from brightfield.experiments.runs.recording import Run
from brightfield.experiments.runs.starting import Role

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

PAGE = 1000  # largest number of runs per request
FIRST_COLUMNS = ("run_id", "task", "name", "role", "status", "start_time", "duration_s")


def search(task: str | None = None, role: Role | None = None, limit: int = 1000) -> pd.DataFrame:
    """The newest runs of this platform, one per row, newest first.

    Args:
        task: only runs of this experiment.
        role: only runs of this role (``member``, ``baseline``, ``ensemble``, ``study``, ``trial``).
        limit: largest number of runs.

    Returns:
        Columns run_id, task, name, role, status, start_time (UTC), duration_s (nan while it runs), then
        ``metrics.<name>`` (float), ``params.<name>`` and ``tags.<name>`` (text; of MLflow's own tags only
        ``mlflow.parentRunId`` and ``mlflow.source.git.commit``). The first seven columns exist even without any run.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    import pandas as pd

    client = connect()
    experiments = {
        str(found.experiment_id): found.name
        for found in client.search_experiments(filter_string=f"name = '{_quoted(task)}'" if task else None)
    }
    wanted = f"= '{role}'" if role else "LIKE '%'"
    rows: list[dict[str, Any]] = []
    token: str | None = None
    while experiments and len(rows) < limit:
        page = client.search_runs(
            list(experiments),
            filter_string=f"tags.`brightfield.role` {wanted}",
            max_results=min(PAGE, limit - len(rows)),
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        rows += [_row(run, experiments) for run in page]
        token = page.token
        if not token:
            break
    table = pd.DataFrame(rows)
    for column in FIRST_COLUMNS:
        if column not in table:
            table[column] = pd.Series(dtype=object)
    table["start_time"] = pd.to_datetime(table["start_time"], unit="ms", utc=True)
    table["duration_s"] = table["duration_s"].astype(float)
    return table[[*FIRST_COLUMNS, *sorted(set(table.columns) - set(FIRST_COLUMNS))]]


def find(task: str, tags: Mapping[str, str]) -> Run | None:
    """The oldest run of a task with all these tags; None without one.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    client = connect()
    page = _with_tags(client, task, tags, most=1)
    return Run(client, page[0].info.run_id, task) if page else None


def states_of(task: str, tags: Mapping[str, str], key: str, value: str) -> dict[str, str]:
    """A tag of all runs of a task with some tags, by another tag of theirs; runs without both are left out.

    Args:
        task: the task.
        tags: that all of them have.
        key, value: names of the two tags.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    client = connect()
    found: dict[str, str] = {}
    token: str | None = None
    while True:
        page = _with_tags(client, task, tags, PAGE, token)
        of_runs = [run.data.tags for run in page]
        found |= {own[key]: own[value] for own in of_runs if key in own and value in own}
        token = page.token if page else None
        if not token:
            return found


def _with_tags(client: MlflowClient, task: str, tags: Mapping[str, str], most: int, token: str | None = None) -> Any:
    experiment = client.get_experiment_by_name(task)
    if experiment is None:
        return []
    wanted = " AND ".join(f"tags.`{key}` = '{_quoted(value)}'" for key, value in tags.items())
    return client.search_runs(
        [experiment.experiment_id],
        filter_string=wanted,
        max_results=most,
        order_by=["attributes.start_time ASC"],
        page_token=token,
    )


def history(run_id: str, metric: str) -> pd.DataFrame:
    """All logged values of a metric: columns step and value, in order of the step; the last value of a step logged twice.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    import pandas as pd

    logged = connect().get_metric_history(run_id, metric)
    last = {entry.step: entry.value for entry in sorted(logged, key=lambda entry: entry.timestamp)}
    return pd.DataFrame({"step": sorted(last), "value": [float(last[step]) for step in sorted(last)]})


def _row(run: MlflowRun, experiments: dict[str, str]) -> dict[str, Any]:
    info, data = run.info, run.data
    return {
        "run_id": info.run_id,
        "task": experiments[str(info.experiment_id)],
        "name": info.run_name,
        "role": data.tags.get("brightfield.role"),
        "status": info.status,
        "start_time": info.start_time,
        "duration_s": (info.end_time - info.start_time) / 1000 if info.end_time else None,
        **{f"metrics.{key}": value for key, value in data.metrics.items()},
        **{f"params.{key}": value for key, value in data.params.items()},
        **{f"tags.{key}": value for key, value in data.tags.items() if _is_shown(key)},
    }


def _is_shown(tag: str) -> bool:
    return not tag.startswith("mlflow.") or tag in ("mlflow.parentRunId", "mlflow.source.git.commit")


def _quoted(text: str) -> str:
    return text.replace("'", "''")
