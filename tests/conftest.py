"""What tests of several rooms share: small datasets of each kind, and a project folder."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: small trainings lose time to a second thread
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as brightfield.system.environment, for workers of the tests too
sys.path.append(str(Path(__file__).parent))  # tests say `import tiny`

import numpy as np
import pytest

import postgresql
import tiny
from brightfield import layout, params
from brightfield.data import coverage, store
from brightfield.experiments import runs
from brightfield.inference.predictor import Predictor
from brightfield.tasks import Encoded

SPLITS = {"train": 8, "validation": 4, "test": 6}  # images


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``prepared("tracking")``: a folder like data/prepared/NAME with the splits train, validation and test."""
    made: dict[str, Path] = {}

    def of_kind(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(f"prepared-{kind}")
            write_prepared(made[kind], kind)
        return made[kind]

    return of_kind


def write_prepared(folder: Path, kind: str) -> None:
    """Fill ``folder``; every split has groups and pixels of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    records, splits = [], []
    for seed, (split, count) in enumerate(SPLITS.items()):
        records += tiny.records(kind, count, seed=seed, groups=3, prefix=split)
        splits += [split] * count
    store.write_raw(folder, records, {"origin": "test"})
    raw = store.ImageSet.raw(folder)
    index = raw.index.assign(split=splits)
    store.write_prepared(folder, raw, index)
    coverage.write(folder, raw, index)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: it holds a small params.yaml and nothing else, and no MLflow server is named."""
    (tmp_path / params.PARAMS).write_text(tiny.tiny_text(), encoding="utf-8")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def starters_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where starters lie, in ``project``: with none but those that a test writes (``trained.write_starter``)."""
    monkeypatch.setattr(layout, "STARTERS", project / "starters")
    return layout.STARTERS


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An MLflow database with nothing in it: to create one takes seconds, to copy one nothing.

    From then on no test waits for the disk after each of its transactions: none of them cuts the power.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    folder = tmp_path_factory.mktemp("mlflow")
    event.listen(Engine, "connect", _without_waiting)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        runs.connect()
    yield folder / "mlflow.db"
    event.remove(Engine, "connect", _without_waiting)


def _without_waiting(connection: Any, record: object) -> None:
    del record
    if isinstance(connection, sqlite3.Connection):
        with suppress(sqlite3.Error):  # a file that is no database, or is locked: MLflow is to meet it by itself
            connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def tracked_project(project: Path, _empty_database: Path) -> Path:
    """``project`` with an MLflow database."""
    shutil.copy(_empty_database, project / "mlflow.db")
    return project


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[postgresql.Server]:
    with postgresql.server() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def any_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each store of MLflow in turn, and its name: the default file of the current folder, and a database server.

    Name it after the fixture that makes the current folder.
    """
    if request.param == "postgresql":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("_postgresql")())
    return str(request.param)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl+C as a terminal has it, here and in child processes; a shell that runs tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def brightness_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is told what to answer: the mean of a crop is its probability of being good, in 255ths."""

    def stream(self: Predictor, encoded: Sequence[Encoded], apart: list[float] | None = None) -> Iterator[np.ndarray]:
        del self, apart
        return (np.array([each.mean / 255], np.float32) for each in encoded)

    monkeypatch.setattr(Predictor, "stream", stream)
