"""Runs as tables."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

import many_runs
from brightfield.experiments import runs
from brightfield.experiments.runs import Role, Run
from brightfield.experiments.runs.connection import VARIABLE
from brightfield.system.lineage import Lineage

LINEAGE = Lineage.from_dict({"commit": "c0ffee", "dirty": False})


def start(task: str, name: str, role: Role = "member", **params: object) -> Run:
    return runs.start(task, name, kind="restoration", role=role, params=params, lineage=LINEAGE)


def test_one_row_a_run_newest_first(store: Path) -> None:
    with start("table", "small", seed=1) as small:
        small.log_metrics({"test_psnr_db": 30.0})
    time.sleep(0.01)  # MLflow's clock ticks in milliseconds
    wide = start("table", "wide", "baseline", filters=8)
    found = runs.search("table")
    assert list(found.columns[:7]) == ["run_id", "task", "name", "role", "status", "start_time", "duration_s"]
    assert list(found["run_id"]) == [wide.id, small.id]
    assert list(found["task"]) == ["table", "table"]
    assert list(found["name"]) == ["wide", "small"]
    assert list(found["role"]) == ["baseline", "member"]
    assert list(found["status"]) == ["RUNNING", "FINISHED"]
    assert pd.isna(found["duration_s"][0])
    assert found["duration_s"][1] >= 0
    assert abs((pd.Timestamp.now("UTC") - found["start_time"][0]).total_seconds()) < 60
    assert found["metrics.test_psnr_db"][1] == 30.0
    assert found["params.filters"][0] == "8"
    assert found["params.seed"][1] == "1"
    assert found["tags.mlflow.source.git.commit"][0] == "c0ffee"
    assert not [column for column in found if column.startswith("tags.mlflow.") and "git.commit" not in column]


def test_filters_and_limit(store: Path) -> None:
    for i in range(3):
        start("filtered", f"m{i}")
    start("filtered", "b", "baseline")
    assert sorted(runs.search("filtered", role="member")["name"]) == ["m0", "m1", "m2"]
    assert len(runs.search("filtered", limit=2)) == 2
    assert set(runs.search()["task"]) >= {"filtered"}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, _empty_database: Path) -> Path:
    """A store of 300 runs, of which three of five are trials."""
    place = tmp_path_factory.mktemp("many")
    shutil.copy(_empty_database, place)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        patch.chdir(place)
        many_runs.write(place, 300, epochs=2)
    return place


@pytest.fixture
def in_many(many: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(many)
    return many


def all_pages(wanted: runs.Wanted, size: int) -> list[pd.DataFrame]:
    tables, token = [], None
    while True:
        found = runs.page(wanted, size, token)
        tables.append(found.table)
        token = found.next
        if token is None:
            return tables


@pytest.mark.usefixtures("in_many")
def test_pages_hold_each_run_once_in_the_order_that_is_asked_for() -> None:
    tables = all_pages(runs.Wanted(order_by="metrics.test_6", ascending=True), 70)
    assert [len(table) for table in tables] == [70, 70, 70, 70, 20]
    table = pd.concat(tables)
    assert table["run_id"].is_unique
    assert table["metrics.test_6"].is_monotonic_increasing
    assert runs.page(runs.Wanted(), 5).table["start_time"].is_monotonic_decreasing
    by_rate = runs.page(runs.Wanted(order_by="name", ascending=True), 300).table["name"]
    assert list(by_rate) == sorted(by_rate)


def test_sqlite_knows_what_its_tables_hold(in_many: Path) -> None:
    """Or it looks through all metrics for each run, when runs are asked for in the order of one."""
    code = "from brightfield.experiments import runs; runs.connect()"
    subprocess.run(
        [sys.executable, "-c", code], check=True
    )  # as a program that starts: this one looked when it was empty
    with closing(sqlite3.connect("mlflow.db")) as database:
        counted = {table for (table,) in database.execute("SELECT tbl FROM sqlite_stat1")}
    assert {"runs", "tags", "latest_metrics"} <= counted


@pytest.mark.usefixtures("in_many")
@pytest.mark.parametrize("roles", [("member",), ("member", "study"), ("member", "baseline", "ensemble", "study"), ()])
def test_runs_of_some_tasks_roles_and_statuses(roles: tuple[Role, ...]) -> None:
    everything = runs.search(limit=1000)
    assert len(everything) == 300
    found = runs.page(runs.Wanted(("beads", "rbc"), roles, ("FAILED", "KILLED")), 1000).table
    wanted = everything["task"].isin(["beads", "rbc"]) & everything["status"].isin(["FAILED", "KILLED"])
    if roles:
        wanted &= everything["role"].isin(roles)
    assert len(found) > 0
    assert set(found["run_id"]) == set(everything.loc[wanted, "run_id"])


@pytest.mark.usefixtures("in_many")
def test_a_text_is_looked_for_in_ids_commits_and_names() -> None:
    everything = runs.search(limit=1000)
    one = everything.iloc[17]
    assert list(runs.page(runs.Wanted(text=one["run_id"][:12])).table["run_id"]) == [one["run_id"]]
    of_commit = everything[everything["tags.mlflow.source.git.commit"] == f"{5:040x}"]
    assert set(runs.page(runs.Wanted(text=f"{5:040x}")).table["run_id"]) == set(of_commit["run_id"])
    assert set(runs.page(runs.Wanted(text=" Beads-"), 1000).table["task"]) == {"beads"}
    pages = all_pages(runs.Wanted(text="beads-"), 10)
    assert sum(map(len, pages)) == 75
    assert runs.page(runs.Wanted(text="it's %' OR '1'='1")).table.empty
    assert runs.page(runs.Wanted(("nobody",))).table.empty


def test_nothing_found_still_has_columns(store: Path) -> None:
    for found in (runs.search("it's unknown"), runs.search("filtered", role="study")):
        assert len(found) == 0
        assert list(found.columns) == ["run_id", "task", "name", "role", "status", "start_time", "duration_s"]
        assert found["duration_s"].dtype == float


def test_runs_of_other_programs_are_left_out(store: Path) -> None:
    client = runs.connect()
    client.create_run(client.create_experiment("foreign"))
    assert len(runs.search("foreign")) == 0
    assert runs.page(runs.Wanted(("foreign",), statuses=("RUNNING",))).table.empty
    assert runs.page(runs.Wanted(("foreign",), get_args(Role), ("RUNNING", "FINISHED"))).table.empty


def test_of_a_step_logged_twice_the_last_value_counts(store: Path) -> None:
    run = start("twice", "m")
    run.log_metrics({"loss": 3.0}, 1)
    time.sleep(0.01)
    run.log_history([(1, {"loss": 2.0}), (0, {"loss": 5.0})])
    assert runs.history(run.id, "loss").to_dict("list") == {"step": [0, 1], "value": [5.0, 2.0]}
