"""How well models separate good red blood cells from those to discard, on real crops of smears that were never seen.

Three folds by smear. In each, a sixth of the other smears is the validation split, on which checkpoints, calibration and
thresholds are chosen. Without real images there is nothing to measure.

As many trainings run side by side as there are cores, one thread each: two threads on one training wait for each other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from claims import Claim, TextRow
from sklearn.model_selection import StratifiedGroupKFold

from brightfield import params, tasks, training
from brightfield.data.importing import import_dataset
from brightfield.data.store import ImageSet
from brightfield.inference import activations
from brightfield.inference.device import start_device
from brightfield.metrics import classification
from brightfield.params import overlaying

FOLDS = 3
VALIDATION = 6  # one part in so many of the smears that are not tested
GROUPS = r"^([^_]+)_"  # files are named <smear>_<x>_<y>.png
# without flips and without class weights; what follows a comma is no part of an entry's name
PLAIN = "rbc-convnet, plain"
# The best first. Entries of the profile full are sized for a quarter of an hour in all; here they get what they need.
LONGER: dict[str, dict[str, Any]] = {
    "rbc-imagenet": {  # what begins with the starter is left out: that has seen these smears
        "training.epochs": 16,
        "training.ema": 0.99,
        "network.input_px": 112,
        "test_time_augmentation": 8,
    },
    "rbc-frozen": {"training.augment": ["flip"], "network.input_px": 112, "test_time_augmentation": 8},
    "rbc-convnet": {"training.epochs": 25},
    PLAIN: {"training.epochs": 25, "training.augment": [], "training.balance": "none"},
    "rbc-features": {},
}
METRICS = ("auc", "average_precision", "precision_at_recall_95", "balanced_accuracy", "brier", "calibration_error")
AIM_AUC, AIM_GAIN = 0.945, 0.08


def rows() -> Iterator[Claim | TextRow]:
    """A row for each model and metric: mean and spread over the folds."""
    if "BRIGHTFIELD_REAL_DATA" not in os.environ:
        yield ("real crops", "not measured: BRIGHTFIELD_REAL_DATA is not set", "")
        return
    jobs = [(name, fold) for name in LONGER for fold in range(FOLDS)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        imported(Path(folder))
        scores = dict(zip(jobs, pool.map(lambda job: in_a_process(Path(folder), *job), jobs), strict=True))
    found = {name: pd.DataFrame([scores[name, fold] for fold in range(FOLDS)]) for name in LONGER}
    for name, table in found.items():
        yield from scores_of(name, table)
    best = max(found, key=lambda name: found[name]["auc"].mean())
    yield Claim(f"{best}, the best single network: AUC", found[best]["auc"].mean(), aim=AIM_AUC, better="higher")
    for other in (PLAIN, "rbc-convnet"):
        gain = found[best]["auc"] - found[other]["auc"]
        shown = f"{gain.mean():.3f} ({gain.min():.3f} to {gain.max():.3f})"
        what = f"gain in AUC of {best}"
        yield Claim(what, gain.mean(), aim=AIM_GAIN, better="higher", against=other, shown=shown)


def in_a_process(folder: Path, name: str, fold: int) -> dict[str, float]:
    """Train and score one model on one fold, in a process of its own."""
    command = [sys.executable, __file__, str(folder), name, str(fold)]
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    scored = {**json.loads(done.stdout.splitlines()[-1]), "minutes": (time.perf_counter() - begun) / 60}
    line = f"{name}, fold {fold + 1}: AUC {scored['auc']:.4f} after {scored['minutes']:.1f} min"
    print(f"\n{line}", file=sys.stderr, flush=True)
    return scored


def scores_of(name: str, table: pd.DataFrame) -> Iterator[TextRow]:
    """The rows of one model."""
    for metric in METRICS:
        values = table[metric]
        yield (
            f"{name}: {metric}",
            f"{values.mean():.3f} +- {values.std():.3f} ({', '.join(f'{v:.3f}' for v in values)})",
            "",
        )
    yield (f"{name}: training and answering, one core", f"{table['minutes'].mean():.1f} min a fold", "")


def imported(folder: Path) -> None:
    """Write the real crops to ``folder/raw``, as `brightfield import` does."""
    source = Path(os.environ["BRIGHTFIELD_REAL_DATA"]) / "rbc"
    settings = params.load().tasks["rbc"].settings
    import_dataset("classification", source, folder / "raw", settings=settings, group_pattern=GROUPS)


def splits(crops: ImageSet, fold: int) -> tuple[ImageSet, ImageSet, ImageSet]:
    """Training, validation and test of one fold; no smear is in two of them."""
    index = crops.index
    rest, test = _parts(index, FOLDS)[fold]
    train, validation = _parts(index.iloc[rest], VALIDATION)[0]
    chosen = (index.iloc[rest].iloc[train], index.iloc[rest].iloc[validation], index.iloc[test])
    assert index["group"].nunique() == sum(part["group"].nunique() for part in chosen)
    return tuple(ImageSet(crops.path, part) for part in chosen)  # type: ignore[return-value]


def _parts(index: pd.DataFrame, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    dealt = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    return list(dealt.split(np.zeros(len(index)), index["label"], index["group"]))


def score(name: str, train: ImageSet, validation: ImageSet, test: ImageSet) -> dict[str, float]:
    """Train one model of the profile ``full`` and score it on the test split."""
    settings = params.parse(overlaying.overlaid("full"))
    compute = settings.compute.model_copy(update={"threads": 1})
    entry = params.entry(settings.models, name.partition(",")[0], "model")
    model = params.with_values(entry, LONGER[name], "LONGER")
    task = tasks.build("classification", settings.tasks["rbc"].settings)
    fitted = training.fit(task, model, train, validation, compute, description=name)
    task = tasks.build("classification", fitted.settings)
    device = start_device(compute)
    records = list(test)
    encoded = [task.learning.encode(record.image) for record in records]
    activated = activations.activations(task, fitted.network, encoded, device, model.test_time_augmentation)
    answers = [task.answering.decode(a, e) for a, e in zip(activated, encoded, strict=True)]
    truth = [task.learning.truth(record) for record in records]
    return classification.summarise(pd.DataFrame(map(classification.statistics, answers, truth)))


if __name__ == "__main__":
    raw, wanted, number = sys.argv[1:]
    print(json.dumps(score(wanted, *splits(ImageSet.raw(Path(raw) / "raw"), int(number)))))
