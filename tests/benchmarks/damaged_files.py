"""What the importers make of damaged TIFF, PNG and HDF5 files and selections, in a process whose memory is limited."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from claims import Claim, TextRow

DAMAGE = Path(__file__).parents[1] / "data" / "importing" / "damage.py"
FILES = 500
MOST = 2_000_000_000  # bytes


def rows() -> list[Claim | TextRow]:
    """How many were refused with a message, imported whole, or anything else; and the most memory that was taken."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, str(DAMAGE), str(Path(place) / "work"), str(FILES), str(MOST)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    refused = sum(number for what, number in found["counts"].items() if what.endswith("refused"))
    wrong = len(found["wrong"])
    return [
        (f"{FILES} damaged files: refused with a message", str(refused), "every one that cannot be read whole"),
        ("imported whole: the damage did no harm", str(FILES - refused - wrong), ""),
        Claim("imported in part, crashed or left something behind", wrong, aim=0),
        Claim("most memory", found["peak"] / 1e6, "MB", aim=MOST / 1e6),
    ]
