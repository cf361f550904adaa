"""How many of the most suspect labels are wrong, on simulated red cells of which the probability of each label is known."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from claims import Claim, TextRow

from brightfield import params, tasks
from brightfield.evaluation import label_errors
from brightfield.evaluation.label_errors import find_label_errors
from brightfield.simulate import simulate
from brightfield.system import processes

SHARE = 0.05  # of the labels, flipped at random and looked at
DRAWS = 5  # of which labels are flipped
FOLDS = 4
AIM = 0.7
BASELINE, BASELINE_REGULARISATION = 84, 1.0  # the first features are those of the baseline, which has this by default


def precisions(
    described: npt.NDArray[np.float64], known: pd.DataFrame, p_positive: npt.NDArray[np.float64] | None, seed: int
) -> tuple[float, float]:
    """Among the most suspect labels: the share that was flipped, and that was flipped or is less likely than the other.

    Judged by ``p_positive`` where it is given: what the best model there can be would find.
    """
    rng, labels = np.random.default_rng(seed), known["label"].to_numpy(dtype=np.int64)
    flipped = np.zeros(len(labels), dtype=bool)
    flipped[rng.choice(len(labels), round(SHARE * len(labels)), replace=False)] = True
    given = np.where(flipped, 1 - labels, labels)
    if p_positive is None:
        regularisation = BASELINE_REGULARISATION if described.shape[1] == BASELINE else label_errors.REGULARISATION
        groups = known["group"].to_numpy(dtype=str)
        probabilities = label_errors.out_of_fold(described, given, groups, FOLDS, regularisation)
    else:
        probabilities = np.column_stack([1 - p_positive, p_positive])
    first = find_label_errors(given, probabilities).order[: flipped.sum()]
    unlikely = np.where(given == 1, known["p_positive"], 1 - known["p_positive"]) < 0.5
    return float(flipped[first].mean()), float((flipped | unlikely)[first].mean())


def rows() -> list[Claim | TextRow]:
    """Precision at 5% of the labels, against flips alone and against flips and unlikely labels."""
    settings = params.load(Path(__file__).parents[2] / "params.yaml")
    entry = settings.tasks["rbc"]
    crops = list(simulate(settings.simulations["rbc"].model_copy(update={"suites": []}), processes.available()))
    known = pd.DataFrame([{"group": crop.group, **crop.row} for crop in crops])
    start = time.perf_counter()
    described = label_errors.compute_features(tasks.build(entry.kind, entry.settings), crops)
    label_errors.out_of_fold(
        described, known["label"].to_numpy(dtype=np.int64), known["group"].to_numpy(dtype=str), FOLDS
    )
    duration = time.perf_counter() - start
    ceiling = known["p_positive"].to_numpy()
    ways = {
        "features and encoder": (described, None, AIM),
        "features of the baseline alone": (described[:, :BASELINE], None, None),
        "the simulator's own probabilities, the limit": (described, ceiling, None),
    }
    found: list[Claim | TextRow] = []
    for way, (table, p_positive, aim) in ways.items():
        drawn = np.array([precisions(table, known, p_positive, seed) for seed in range(DRAWS)])
        for what, column in (("flipped", drawn[:, 0]), ("flipped or unlikely", drawn[:, 1])):
            shown = f"{column.mean():.2f} ({column.min():.2f} to {column.max():.2f})"
            claim = f"precision at {SHARE:.0%}, {what}: {way}"
            found.append(Claim(claim, column.mean(), aim=aim, better="higher", shown=shown))
    return [*found, (f"seconds for {len(crops)} crops", f"{duration:.0f}", "")]
