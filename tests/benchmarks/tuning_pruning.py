"""What pruning saves of thirty fixed trainings, those of a search, and what the best loses by it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import default_run
import numpy as np
import optuna
from claims import Claim
from optuna.trial import TrialState
from ruamel.yaml import YAML

import tunable
from brightfield.metrics.declarations import declared
from brightfield.tuning import sampling

MODEL = tunable.MODEL
TRIALS, EPOCHS, SEEDS = 30, 9, 5
ORDERS = 100
LEAST_SAVED, MOST_LOST = 0.4, 1.0


@dataclass(frozen=True)
class Searched:
    """A search.

    Attributes:
        curves: the objective of each trial after each of its epochs.
        report: of the study.
    """

    curves: list[list[float]]
    report: dict[str, Any]

    @property
    def best(self) -> float:
        """What the best trial ended with."""
        return max(curve[-1] for curve in self.curves)


def rows() -> Iterator[Claim]:
    """Trainings are seeded: one that is pruned is the beginning of one that is not."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "project")
        default_run.clone(folder)
        default_run.command(folder, "dvc", "repro", "prepare@denoise")
        _edit(folder, "training", {"epochs": EPOCHS})
        whole = _search(folder, TRIALS)
        noise = float(np.std([_of_seed(folder, seed) for seed in range(SEEDS)], ddof=1))
    metric = declared(whole.report["metric"])
    assert whole.report["direction"] == "maximize"
    saved, best = replayed(whole.curves)
    what = f"{MODEL}, {TRIALS} trials of {EPOCHS} epochs"
    yield Claim(f"{what}: epochs saved by pruning", saved, aim=LEAST_SAVED, better="higher")
    yield Claim(
        f"{what}: what the best loses by it, in deviations of a seed ({noise:.3f} {metric.unit})",
        (whole.best - best) / noise,
        aim=MOST_LOST,
    )
    orders = [replayed(order) for order in _orders(whole.curves)]
    shares, bests = zip(*orders, strict=True)
    yield Claim(f"{what}: epochs saved, the mean of {ORDERS} random orders", float(np.mean(shares)), better="higher")
    yield Claim(
        f"{what}: what the best loses, the mean of these orders, in deviations of a seed",
        (whole.best - float(np.mean(bests))) / noise,
    )


def _orders(curves: list[list[float]]) -> Iterator[list[list[float]]]:
    """The same trainings as if they had been drawn in another order: in a search that learns the best come late."""
    rng = np.random.default_rng(0)
    for _ in range(ORDERS):
        yield [curves[i] for i in rng.permutation(len(curves))]


def replayed(curves: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The share of the epochs that pruning saves of trials with given curves, and the best that is left."""
    study = optuna.create_study(direction="maximize", pruner=sampling.pruner("auto", EPOCHS, len(curves)))
    done = 0
    for curve in curves:
        trial = study.ask()
        for epoch, value in enumerate(curve, 1):
            done += 1
            trial.report(value, epoch)
            if epoch < len(curve) and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve[-1])
    return 1 - done / sum(map(len, curves)), study.best_value


def _search(folder: Path, trials: int) -> Searched:
    """From nothing: else no training would be done twice."""
    options = ["--trials", str(trials), "--no-stop", "--no-confirm", "--pruning", "none", "--workers", "1"]
    default_run.command(folder, "brightfield", "tune", MODEL, *options)
    report = json.loads((folder / "reports" / f"{MODEL}.study" / "study.json").read_text(encoding="utf-8"))
    with contextlib.chdir(folder):
        curves = [list(trial.intermediate_values.values()) for trial in tunable.study().trials]
    (folder / "studies" / "journal.log").unlink()
    return Searched(curves, report)


def _of_seed(folder: Path, seed: int) -> float:
    """What the entry reaches with a seed."""
    _edit(folder, None, {"seed": seed})
    return _search(folder, 1).best


def _edit(folder: Path, section: str | None, values: dict[str, Any]) -> None:
    yaml, path = YAML(), folder / "params.yaml"
    content = yaml.load(path)
    entry = content["models"][MODEL]
    (entry if section is None else entry[section]).update(values)
    yaml.dump(content, path)
