"""What pruning saves, and what it costs: on thirty fixed trainings, and in a search that learns from what it gave up."""

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
    def epochs(self) -> int:
        return sum(map(len, self.curves))

    def best(self, epochs: int | None = None) -> float:
        """The best of the trials that ended complete within so many epochs."""
        within = np.cumsum([len(curve) for curve in self.curves]) <= (epochs or self.epochs)
        return max(
            curve[-1] for curve, is_in in zip(self.curves, within, strict=True) if is_in and len(curve) == EPOCHS
        )


def rows() -> Iterator[Claim]:
    """Trainings are seeded: one that is pruned is the beginning of one that is not."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "project")
        default_run.clone(folder)
        default_run.command(folder, "dvc", "repro", "prepare@denoise")
        _edit(folder, "training", {"epochs": EPOCHS})
        whole = _search(folder, TRIALS, "none")
        pruned = _search(folder, TRIALS, "auto")
        noise = float(np.std([_of_seed(folder, seed) for seed in range(SEEDS)], ddof=1))
    metric = declared(whole.report["metric"])
    assert whole.report["direction"] == "maximize"
    saved, best = replayed(whole.curves)
    what = f"{MODEL}, {TRIALS} trials of {EPOCHS} epochs"
    yield Claim(f"{what}, the same with and without pruning: epochs saved", saved, aim=LEAST_SAVED, better="higher")
    yield Claim(
        f"{what}, the same: what the best loses, in deviations of a seed ({noise:.3f} {metric.unit})",
        (whole.best() - best) / noise,
        aim=MOST_LOST,
    )
    yield Claim(
        f"{what}, each search learning from its own: epochs saved", 1 - pruned.epochs / whole.epochs, better="higher"
    )
    equal = whole.best(pruned.epochs)
    yield Claim(
        f"{what}, each its own: {metric.label} of the best, of the search that prunes",
        pruned.best(),
        metric.unit,
        better="higher",
        against="the other after as many epochs",
        peer_value=equal,
        shown=f"{metric.said(pruned.best())}; without {metric.said(equal)} by then, {metric.said(whole.best())} at the end",
    )


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


def _search(folder: Path, trials: int, pruning: str) -> Searched:
    """From nothing: else no training would be done twice."""
    options = ["--trials", str(trials), "--no-stop", "--no-confirm", "--pruning", pruning, "--workers", "1"]
    default_run.command(folder, "brightfield", "tune", MODEL, *options)
    report = json.loads((folder / "reports" / f"{MODEL}.study" / "study.json").read_text(encoding="utf-8"))
    with contextlib.chdir(folder):
        curves = [list(trial.intermediate_values.values()) for trial in tunable.study().trials]
    (folder / "studies" / "journal.log").unlink()
    return Searched(curves, report)


def _of_seed(folder: Path, seed: int) -> float:
    """What the entry reaches with a seed."""
    _edit(folder, None, {"seed": seed})
    return _search(folder, 1, "none").best()


def _edit(folder: Path, section: str | None, values: dict[str, Any]) -> None:
    yaml, path = YAML(), folder / "params.yaml"
    content = yaml.load(path)
    entry = content["models"][MODEL]
    (entry if section is None else entry[section]).update(values)
    yaml.dump(content, path)
