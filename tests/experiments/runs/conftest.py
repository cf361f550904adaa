"""One real MLflow database for all tests of this room: creating one takes seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brightfield.experiments.runs.connection import VARIABLE


@pytest.fixture(scope="session")
def _place(tmp_path_factory: pytest.TempPathFactory, _empty_database: Path) -> Path:
    place = tmp_path_factory.mktemp("runs")
    shutil.copy(_empty_database, place)
    return place


@pytest.fixture
def store(_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the default database; tests tell themselves apart by the names of their tasks."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(_place)
    return _place
