"""MLflow runs as tables, for the dashboard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from brightfield.experiments.runs.connection import connect
from brightfield.experiments.runs.recording import Run
from brightfield.experiments.runs.starting import Role

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

PAGE = 1000  # largest number of runs per request
STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")  # MLflow's
ROLE, COMMIT = "tags.`brightfield.role`", "tags.`mlflow.source.git.commit`"
ATTRIBUTES = {"name": "run_name"}  # of MLflow, where a column has another name
HEXADECIMAL = re.compile(r"[0-9a-f]{4,40}")  # the beginning of an id or of a commit
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

    wanted = Wanted(() if task is None else (task,), () if role is None else (role,))
    tables, token = list[pd.DataFrame](), None
    while (left := limit - sum(map(len, tables))) > 0:
        found = page(wanted, min(PAGE, left), token)
        tables.append(found.table)
        token = found.next
        if token is None:
            break
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class Wanted:
    """Which runs are asked for, and in which order.

    Attributes:
        tasks: names of experiments; empty: all.
        roles: of runs; empty: all.
        statuses: MLflow's (``FINISHED``, ``FAILED``, ``KILLED``, ``RUNNING``); empty: all.
        text: a part of the name of a run, or the beginning of its id or of its commit.
        order_by: a column of :func:`search`: ``start_time``, ``name``, ``status``, ``metrics.<name>`` or ``params.<name>``.
        ascending: whether the smallest comes first. Runs without a value come last.
    """

    tasks: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    statuses: tuple[str, ...] = ()
    text: str = ""
    order_by: str = "start_time"
    ascending: bool = False

    def filters(self) -> list[str]:
        """Filters of MLflow, to be tried one after the other until one finds runs: MLflow knows no "or"."""
        of_role = _one_of(ROLE, self.roles, get_args(Role)) or [
            f"{ROLE} LIKE '%'"
        ]  # without one it is another program's
        common = " AND ".join(of_role + _one_of("attributes.status", self.statuses, STATUSES))
        text = _quoted(self.text.strip())
        if not text:
            return [common]
        places = [f"attributes.run_name ILIKE '%{text}%'"]
        if HEXADECIMAL.fullmatch(text):
            places = [f"attributes.run_id LIKE '{text}%'", f"{COMMIT} LIKE '{text}%'", *places]
        return [f"{common} AND {place}" for place in places]

    def order(self) -> list[str]:
        """Of MLflow."""
        kind, _, name = self.order_by.partition(".")
        column = f"{kind}.`{name}`" if name else f"attributes.{ATTRIBUTES.get(kind, kind)}"
        return [f"{column} {'ASC' if self.ascending else 'DESC'}"]  # equal ones by MLflow: the newest first


@dataclass(frozen=True)
class Page:
    """Some of the runs that were asked for.

    Attributes:
        table: columns as of :func:`search`.
        next: by which the next page is asked for; None: there is none.
    """

    table: pd.DataFrame
    next: str | None


def page(wanted: Wanted, size: int = 100, token: str | None = None) -> Page:
    """Runs as they are asked for, filtered and sorted where they are: of many thousands only a page is fetched.

    Args:
        wanted: which, and in which order.
        size: largest number of runs.
        token: the ``next`` of the page before.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    from mlflow.entities import ViewType

    client = connect()
    experiments = _experiments(client, wanted.tasks)
    first, _, place = (token or "").partition(":")
    filters = wanted.filters()
    for number in range(int(first or 0), len(filters) if experiments else 0):
        found = client.search_runs(
            list(experiments), filters[number], ViewType.ACTIVE_ONLY, size, wanted.order(), place or None
        )
        if found or place:
            following = (
                found.token.decode() if isinstance(found.token, bytes) else found.token
            )  # of a database, of a server
            return Page(
                _table([_row(run, experiments) for run in found]), f"{number}:{following}" if following else None
            )
    return Page(_table([]), None)


def by_id(ids: Sequence[str]) -> pd.DataFrame:
    """These runs in this order, columns as of :func:`search`; those that there are none of, or of no task, are left out.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    client = connect()
    experiments = _experiments(client, ())
    known = {}
    if ids and experiments:
        names = ", ".join(f"'{_quoted(each)}'" for each in ids)
        found = client.search_runs(list(experiments), f"attributes.run_id IN ({names})", max_results=len(ids))
        known = {run.info.run_id: run for run in found}
    return _table([_row(known[each], experiments) for each in ids if each in known])


def _one_of(what: str, chosen: Sequence[str], all_of_them: Sequence[str]) -> list[str]:
    """Clauses by which something is one of several, which MLflow can only say by what it is not."""
    if len(chosen) == 1:
        return [f"{what} = '{_quoted(chosen[0])}'"]
    return [f"{what} != '{each}'" for each in all_of_them if each not in chosen] if chosen else []


def _experiments(client: MlflowClient, tasks: Sequence[str]) -> dict[str, str]:
    """Names of experiments by their ids: all, or those of some tasks."""
    found = client.search_experiments()
    return {str(each.experiment_id): each.name for each in found if not tasks or each.name in tasks}


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

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
