"""A store of MLflow with as many runs as a laboratory has after some years, written straight into its tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from brightfield.experiments.runs.connection import connect, tracking_uri

TASKS = ("rbc", "beads", "bacteria", "denoise")
METRICS = 30  # of a run
CURVES = 5  # metrics that have a value an epoch; each of the others has one value
EPOCHS = 20
TRIALS = 0.6  # share of runs
BEGUN_MS, BETWEEN_MS = 1_700_000_000_000, 600_000
CHUNK = 1000  # runs in one insertion


def write(folder: Path, count: int, epochs: int = EPOCHS, seed: int = 0) -> str:
    """Fill the store of a project's folder with runs, and return its address.

    Args:
        folder: the current one, in which the default store is made.
        count: of runs.
        epochs: values of each curve.
        seed: of the values.
    """
    from mlflow.store.tracking.dbmodels import models
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    client = connect()
    known = {task: client.get_experiment_by_name(task) for task in TASKS}
    experiments = [
        client.create_experiment(task) if known[task] is None else known[task].experiment_id for task in TASKS
    ]
    store = SqlAlchemyStore(tracking_uri(), (folder / "mlruns").as_posix())
    tables = {
        "runs": models.SqlRun.__table__,
        "tags": models.SqlTag.__table__,
        "params": models.SqlParam.__table__,
        "latest": models.SqlLatestMetric.__table__,
        "metrics": models.SqlMetric.__table__,
    }
    with store.engine.begin() as connection:
        for rows in _chunks(count, epochs, [int(each) for each in experiments], seed):
            for name, table in tables.items():
                connection.execute(insert(table), rows[name])
    return tracking_uri()


def _chunks(count: int, epochs: int, experiments: list[int], seed: int) -> Iterator[dict[str, list[dict[str, Any]]]]:
    rng = np.random.default_rng(seed)
    for first in range(0, count, CHUNK):
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("runs", "tags", "params", "latest", "metrics")}
        for number in range(first, min(first + CHUNK, count)):
            _add(rows, number, epochs, experiments, rng)
        yield rows


def _add(
    rows: dict[str, list[dict[str, Any]]], number: int, epochs: int, experiments: list[int], rng: np.random.Generator
) -> None:
    task = number % len(TASKS)
    role = "trial" if rng.random() < TRIALS else ("member", "baseline", "ensemble", "study")[number // 4 % 4]
    run, begun = uuid.UUID(int=int(rng.integers(2**62)) << 64 | number).hex, BEGUN_MS + number * BETWEEN_MS
    status = ("FINISHED", "FINISHED", "FINISHED", "FAILED", "KILLED")[number % 5]
    rows["runs"].append(
        {
            "run_uuid": run,
            "name": f"{TASKS[task]}-{role} {number}",
            "source_type": "LOCAL",
            "user_id": "lab",
            "status": status,
            "start_time": begun,
            "end_time": begun + 90_000,
            "lifecycle_stage": "active",
            "artifact_uri": f"mlruns/{experiments[task]}/{run}/artifacts",
            "experiment_id": experiments[task],
        }
    )
    tags = {
        "brightfield.role": role,
        "brightfield.model": f"{TASKS[task]}-unet",
        "mlflow.runName": f"{TASKS[task]}-{role} {number}",
        "mlflow.source.git.commit": f"{number % 97:040x}",
    }
    rows["tags"] += [{"key": key, "value": value, "run_uuid": run} for key, value in tags.items()]
    rows["params"] += [
        {"key": f"model.training.{key}", "value": str(value), "run_uuid": run}
        for key, value in {
            "learning_rate": 10 ** rng.uniform(-4, -2),
            "batch_size": 2 ** (number % 5),
            "seed": number,
        }.items()
    ]
    values = rng.random(METRICS)
    for place, value in enumerate(values):
        # the first of the others is the objective of its task, on the test split
        key = f"validation_{place}" if place < CURVES else "test_objective" if place == CURVES else f"test_{place}"
        steps = range(epochs) if place < CURVES else range(1)
        known = {"key": key, "is_nan": False, "run_uuid": run}
        rows["metrics"] += [
            {**known, "value": float(value + 1 / (1 + step)), "timestamp": begun + step, "step": step} for step in steps
        ]
        rows["latest"].append(rows["metrics"][-1])
