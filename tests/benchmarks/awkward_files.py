"""Files in many ways of writing: is each read exactly, or refused? And what does reading cost?"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from claims import Claim, TextRow

FUZZ = Path(__file__).parents[1] / "fuzz.py"
FILES = 2000
MOST = 300_000_000  # bytes


def rows() -> list[Claim | TextRow]:
    """How many pictures, tables and labels were read and refused, anything else, and the most memory that was taken."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, str(FUZZ), str(Path(place) / "files"), str(FILES), "0"]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    counts: dict[str, int] = found["counts"]
    read = sum(number for what, number in counts.items() if what.endswith(": read"))
    refused = sum(number for what, number in counts.items() if what.endswith(": refused"))
    return [
        (f"{FILES} pictures, tables and label images: read exactly", str(read), "all that say what they are"),
        ("refused in one line", str(refused), "all that may be misread"),
        Claim("misread, wrongly refused or crashed", len(found["wrong"]), aim=0),
        Claim("most memory of reading them", found["peak"] / 1e6, "MB", aim=MOST / 1e6),
    ]
