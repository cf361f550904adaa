"""Five hundred damaged files: each is refused with a message or imported whole, and none takes the memory of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FILES = 500
MOST = 2_000_000_000  # bytes of address space: more is MemoryError, which would be a crash


@pytest.mark.slow
def test_damaged_files_are_refused_or_imported_whole(tmp_path: Path) -> None:
    script = Path(__file__).with_name("damage.py")
    command = [sys.executable, str(script), str(tmp_path / "work"), str(FILES), str(MOST)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert sum(found["counts"].values()) == FILES
    refused = sum(number for what, number in found["counts"].items() if what.endswith("refused"))
    assert 0.5 * FILES < refused < FILES  # some damage does no harm, most does
    assert found["peak"] < MOST / 2
