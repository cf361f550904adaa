"""The largest field of bacteria: how long it takes on one core, and how many cells it holds."""

from __future__ import annotations

import time

import numpy as np
from claims import Claim

from brightfield.params import BacteriaSimulation
from brightfield.simulate.bacteria import simulate_group

SIZE_PX = 2048
COVERS = {"myxococcus": (0.25, 0.25), "e_coli": (0.15, 0.15)}  # of the area: about the middle of what is simulated
MOST_SECONDS = 20
FEWEST_CELLS = 1500


def rows() -> list[Claim]:
    """Processor time, so that other work on the machine does not count; the simulator itself never uses a second thread."""
    table = []
    for modality, phase_fraction in (("brightfield", 0.0), ("phase contrast", 1.0)):
        params = BacteriaSimulation.model_validate(
            {
                "simulator": "bacteria",
                "images": 3,
                "size_px": SIZE_PX,
                "phase_fraction": phase_fraction,
                "appearance": COVERS,
            }
        )
        start = time.process_time()
        (record,) = simulate_group(params, 0, np.random.default_rng(0))
        seconds = time.process_time() - start
        species = record.fields["species"][1:]
        what = f"{SIZE_PX} x {SIZE_PX} px in {modality}"
        table.append(Claim(f"{what}: processor time", seconds, "s", aim=MOST_SECONDS))
        counts = f"{len(species)} ({(species == 1).sum()} Myxococcus, {(species == 2).sum()} E. coli)"
        cells = len(species)
        table.append(Claim(f"{what}: cells", cells, aim=FEWEST_CELLS, better="higher", shown=counts))
    return table
