"""How fast crops of red blood cells are drawn, and whether several processes draw the same ones, for every simulator."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from brightfield import params
from brightfield.data.records import Record
from brightfield.params import RbcSimulation
from brightfield.simulate import simulate

CROPS = 3000
SECONDS = 60.0  # for so many, on one core
SIZES = {"images": 4, "smears": 4, "crops_per_smear": 3, "movies": 4, "frames_per_movie": 2, "suite_groups": 1}


def rows() -> list[tuple[str, str, str]]:
    """Time of three thousand crops, by the clock and of the processor; digests from one process and from two."""
    smears = RbcSimulation(simulator="rbc", smears=CROPS // 50, crops_per_smear=50)
    clock, processor = time.perf_counter(), time.process_time()
    crops = sum(1 for _ in simulate(smears))
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    aim = f"at most {SECONDS:g} s"
    return [
        (f"{crops} crops, clock", f"{clock:.1f} s", aim),
        (f"{crops} crops, processor", f"{processor:.1f} s", aim),
        *_digests(),
    ]


def _digests() -> Iterator[tuple[str, str, str]]:
    for name, simulation in params.load().simulations.items():
        small = simulation.model_copy(update={key: n for key, n in SIZES.items() if hasattr(simulation, key)})
        alone, together = (_digest(simulate(small, processes)) for processes in (1, 2))
        told = f"{alone} and {together}"
        yield f"{name}: sha256 of what one process and what two draw", told, "the same"


def _digest(records: Iterator[Record]) -> str:
    found = hashlib.sha256()
    for record in records:
        found.update(f"{record.id}{record.group}{sorted(record.row.items())}".encode())
        for array in (record.image, *record.fields.values()):
            found.update(array.tobytes())
    return found.hexdigest()[:12]
