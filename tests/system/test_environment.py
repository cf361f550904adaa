"""Variables that libraries read when they are loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from brightfield.system import environment
from tiny import REPOSITORY

NAMES = (
    "GOMP_SPINCOUNT",
    "OMP_WAIT_POLICY",
    "OPENBLAS_NUM_THREADS",
    "NO_ALBUMENTATIONS_UPDATE",
    "MLFLOW_LOGGING_LEVEL",
)
OTHERS = {"OPENBLAS_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1", "MLFLOW_LOGGING_LEVEL": "WARNING"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"GOMP_SPINCOUNT": "10000", **OTHERS}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7", **OTHERS}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active", **OTHERS}),
        ({"OPENBLAS_NUM_THREADS": "4"}, {"GOMP_SPINCOUNT": "10000", **OTHERS, "OPENBLAS_NUM_THREADS": "4"}),
        ({"MLFLOW_LOGGING_LEVEL": "DEBUG"}, {"GOMP_SPINCOUNT": "10000", **OTHERS, "MLFLOW_LOGGING_LEVEL": "DEBUG"}),
    ],
)
def test_what_the_user_has_set_stays(
    given: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment.set_defaults()
    assert {name: os.environ[name] for name in NAMES if name in os.environ} == expected
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("program", ["command line", "dashboard"])
def test_commands_and_the_dashboard_set_them_before_torch_is_loaded(program: str) -> None:
    """A finder notes the variable when torch is about to be loaded; every process that computes begins in one of the two ways."""
    start = {
        "command line": "sys.argv[1:] = ['train', 'missing']; from brightfield.cli import main; main()",
        "dashboard": "sys.path.insert(0, 'dashboard'); import runpy; runpy.run_path('dashboard/menu.py'); import torch",
    }[program]
    code = f"""
import importlib.abc, os, sys
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            print("spin", os.environ.get("GOMP_SPINCOUNT"), flush=True)
            os._exit(0)  # nobody waits for torch
        return None
sys.meta_path.insert(0, Finder())
{start}
"""
    without = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=without, cwd=REPOSITORY
    )
    assert done.stdout.splitlines()[:1] == ["spin 10000"], done.stdout + done.stderr
