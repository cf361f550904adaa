"""Runs as tables."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd

from brightfield.experiments import runs
from brightfield.experiments.runs import Role, Run
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


def test_nothing_found_still_has_columns(store: Path) -> None:
    for found in (runs.search("it's unknown"), runs.search("filtered", role="study")):
        assert len(found) == 0
        assert list(found.columns) == ["run_id", "task", "name", "role", "status", "start_time", "duration_s"]
        assert found["duration_s"].dtype == float


def test_runs_of_other_programs_are_left_out(store: Path) -> None:
    client = runs.connect()
    client.create_run(client.create_experiment("foreign"))
    assert len(runs.search("foreign")) == 0


def test_of_a_step_logged_twice_the_last_value_counts(store: Path) -> None:
    run = start("twice", "m")
    run.log_metrics({"loss": 3.0}, 1)
    time.sleep(0.01)
    run.log_history([(1, {"loss": 2.0}), (0, {"loss": 5.0})])
    assert runs.history(run.id, "loss").to_dict("list") == {"step": [0, 1], "value": [5.0, 2.0]}
