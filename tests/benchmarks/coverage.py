"""Does the warning of `predict` separate each shift suite from the test split, and what does it cost?"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from claims import Claim, TextRow
from sklearn.metrics import roc_auc_score

from brightfield import params, simulate
from brightfield.data import coverage, splitting
from brightfield.data.coverage import Coverage
from brightfield.data.measuring import measure
from brightfield.system import processes

# Area under the curve: 0.9 where one image is enough to see the shift. Where training holds such images as well (crops out of
# focus, crops with a neighbour), only their number differs, and no single image shows it.
AIM = 0.9
AIMS = {("rbc", "focus"): 0.6, ("rbc", "density"): 0.5, ("rbc", "camera"): 0.8}
SECONDS = {(2048, 2048): 0.5, (85, 85, 3): 0.002}  # of one processor


def rows() -> list[Claim | TextRow]:
    """What, measured, aim."""
    return [*_times(), *(row for name in simulate.SIMULATORS for row in _suites(name))]


def _times() -> list[Claim]:
    rng, found = np.random.default_rng(0), []
    for shape, aim in SECONDS.items():
        image = rng.integers(0, 255, shape, dtype=np.uint8)
        spent = []
        for _ in range(5):
            begun = time.process_time()
            measure(image)
            spent.append(time.process_time() - begun)
        found.append(Claim(f"{'x'.join(map(str, shape))} image, processor time", min(spent), "s", aim=aim))
    return found


def _suites(name: str) -> list[Claim | TextRow]:
    records = list(simulate.simulate(params.load().simulations[name], processes.available()))
    table = coverage.measure_records(records).assign(split=[str(record.row["suite"]) for record in records])
    usual = table["split"] == ""
    dealt = splitting.split_groups(list(table.loc[usual, "group"]), validation=0.2, test=0.2, seed=0)
    table.loc[usual, "split"] = dealt
    covered = Coverage.fit(table[table["split"] == "train"])
    table = pd.concat([table, covered.compare(table)], axis=1)
    inside = table[table["split"] == "test"]
    found: list[Claim | TextRow] = [(f"{name}: test images outside", f"{inside['outside'].mean():.1%}", "about 1%")]
    for suite in [split for split in dict.fromkeys(table["split"]) if split not in splitting.SPLITS]:
        shifted = table[table["split"] == suite]
        both = pd.concat([inside, shifted])
        auc = roc_auc_score(both["split"] == suite, both["distance"])
        number = shifted["farthest"].mode()[0]
        shown = f"AUC {auc:.2f}, {shifted['outside'].mean():.0%} outside, most in {number}"
        aim = AIMS.get((name, suite), AIM)
        found.append(Claim(f"{name}: AUC of {suite} against test", auc, aim=aim, better="higher", shown=shown))
    return found
