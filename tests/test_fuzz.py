"""No file is misread: pictures, tables and labels in many ways of writing, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz.py")
MOST = 300_000_000  # bytes


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_files_are_read_exactly_or_refused_in_a_line(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, str(FUZZ), str(tmp_path / "files"), "2000", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert sum(found["counts"].values()) == 2000
    for kind in ("pictures", "tables", "labels"):  # neither all read nor all refused
        assert min(found["counts"][f"{kind}: read"], found["counts"][f"{kind}: refused"]) > 100
    assert found["peak"] < MOST
