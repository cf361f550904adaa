"""Does the warning of `predict` separate each shift suite from the test split, and what does it cost?"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from claims import Claim, TextRow
from sklearn.metrics import roc_auc_score

from brightfield import images, params, simulate
from brightfield.data import coverage, splitting
from brightfield.data.coverage import Coverage
from brightfield.data.measuring import measure, white_noise
from brightfield.system import processes

# Area under the curve: 0.9 where one image is enough to see the shift. Where training holds such images as well (crops out of
# focus, crops with a neighbour), only their number differs, and no single image shows it.
AIM = 0.9
AIMS = {
    ("rbc", "focus"): 0.6,
    ("rbc", "density"): 0.5,
    ("rbc", "camera"): 0.8,
}
# What training holds as well, so that no single image is unlike it: half of the beads and a quarter of the fields in brightfield
# are brighter than the ground already, on the other side of the focal plane
KNOWN = {("beads", "reversed"), ("bacteria", "reversed")}
SECONDS = {(2048, 2048): 0.5, (85, 85, 3): 0.002}  # of one processor


MOST_CHANGED = 200  # test images of which other kinds are made


def _reversed(image: np.ndarray) -> np.ndarray:
    """Dark and bright exchanged about the background."""
    return _of_type(2 * np.median(image, axis=(0, 1)) - image.astype(float), image.dtype)


def _empty(image: np.ndarray) -> np.ndarray:
    """The background with the noise of the image, and no object."""
    grey = image.astype(np.float32) if image.ndim == 2 else image.astype(np.float32).mean(axis=-1)
    noise = np.random.default_rng(0).normal(0, white_noise(grey), image.shape)
    return _of_type(np.median(image, axis=(0, 1)) + noise, image.dtype)


def _of_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind not in "ui":
        return values.astype(dtype)
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


KINDS = {  # what else may come, made of the test images
    "reversed": _reversed,
    "narrow": lambda image: _of_type(images.magnified(image, 0.5), image.dtype),
    "wide": lambda image: _of_type(images.magnified(image, 2)[: image.shape[0], : image.shape[1]], image.dtype),
    "empty": _empty,
}


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
    tested = [record for record, split in zip(records, table["split"], strict=True) if split == "test"][:MOST_CHANGED]
    for kind, change in KINDS.items():
        changed = coverage.measure_images(change(record.image) for record in tested)
        table = pd.concat([table, changed.assign(split=kind)], ignore_index=True)
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
        if (name, suite) in KNOWN:
            found.append((f"{name}: AUC of {suite} against test", shown, "about 0.5: training holds such images"))
            continue
        aim = AIMS.get((name, suite), AIM)
        found.append(Claim(f"{name}: AUC of {suite} against test", auc, aim=aim, better="higher", shown=shown))
    return found
