"""How fast crops of red blood cells are drawn, and whether several processes draw the same ones, for every simulator."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from claims import Claim

from brightfield import params
from brightfield.data.records import Record
from brightfield.params import RbcSimulation
from brightfield.simulate import simulate

CROPS = 3000
SECONDS = 60.0  # for so many, on one core
SIZES = {"images": 4, "smears": 4, "crops_per_smear": 3, "movies": 4, "frames_per_movie": 2, "suite_groups": 1}


def rows() -> list[Claim]:
    """Time of three thousand crops, by the clock and of the processor; digests from one process and from two."""
    smears = RbcSimulation(simulator="rbc", smears=CROPS // 50, crops_per_smear=50)
    clock, processor = time.perf_counter(), time.process_time()
    crops = sum(1 for _ in simulate(smears))
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return [
        Claim(f"{crops} crops, clock", clock, "s", aim=SECONDS),
        Claim(f"{crops} crops, processor", processor, "s", aim=SECONDS),
        *_digests(),
    ]


def _digests() -> Iterator[Claim]:
    for name, simulation in params.load().simulations.items():
        small = simulation.model_copy(update={key: n for key, n in SIZES.items() if hasattr(simulation, key)})
        alone, together = (_digest(simulate(small, processes)) for processes in (1, 2))
        what = f"{name}: images of one process and of two are the same (1: yes)"
        shown = f"sha256 {alone} and {together}"
        yield Claim(what, float(alone == together), aim=1, better="higher", shown=shown)


def _digest(records: Iterator[Record]) -> str:
    found = hashlib.sha256()
    for record in records:
        found.update(f"{record.id}{record.group}{sorted(record.row.items())}".encode())
        for array in (record.image, *record.fields.values()):
            found.update(array.tobytes())
    return found.hexdigest()[:12]
