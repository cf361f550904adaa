"""A folder with a database, for all tests of a file: every test has a task of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brightfield.experiments.runs.connection import VARIABLE


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory, _empty_database: Path) -> Path:
    place = tmp_path_factory.mktemp("registry")
    shutil.copy(_empty_database, place)
    return place


@pytest.fixture(autouse=True)
def store(_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the default database."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(_place)
    return _place
