"""Every model of bacteria in ``params.yaml`` on simulated fields: one table, answers of all schemes scored as three classes.

Each network is trained as its entry says, but longer, on larger patches and more fields; the last rows say what augmentation gains
where something is unlike training, and what fluorescence gains in telling species. The focus suite is told by grade: up to one and
a half times as far off as training goes, and up to twice as far.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brightfield import comparison, inference, params, tasks, training
from brightfield.computing import start
from brightfield.params import BacteriaSimulation
from brightfield.records import Record
from brightfield.simulate import simulate
from brightfield.simulate.bacteria import FOCUS_UM
from brightfield.tasks import Task

REPOSITORY = Path(__file__).resolve().parents[2]
FIELDS, WATCHED, TEST_FIELDS, SUITE_FIELDS = 240, 12, 16, 8
SIZE_PX = 384
EPOCHS, STEPS, PATCH_PX = 4, 300, 128
LONGER = {"bacteria-lite": 2}  # times as many steps: the network that begins with what photographs taught it
BEST_IOU, BEST_AP50, FOCUS_IOU = 0.86, 0.90, 0.60
NEAR_GRADE = 1.5  # of the focus suite, times as far as training goes
COMPUTE = params.Compute(threads=2)
SURE = params.Evaluation()
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Scored:
    """One model on every part: tables of statistics, a row an image."""

    task: Task[Any, Any]
    tables: dict[str, pd.DataFrame]
    minutes: float

    def of(self, part: str) -> dict[str, float]:
        """Pooled metrics."""
        return self.task.summarise(self.tables[part])


def rows() -> Iterator[Row]:
    """A row a model and part, then what was promised."""
    begun = time.perf_counter()
    own = params.load(REPOSITORY / "params.yaml")
    learnt = _simulated(FIELDS + WATCHED, seed=1000)
    parts = _parts(_simulated(TEST_FIELDS, seed=200, suites=("focus", "density", "light", "camera")))
    entries = {name: model for name, model in own.models.items() if model.task == "bacteria"}
    scored = {name: _scored(own, name, model, learnt, parts) for name, model in entries.items()}
    for name, found in scored.items():
        yield (f"{name} ({found.minutes:.1f} min): test", _told(found.of("test")), "")
        for part in parts:
            if part != "test":
                yield (f"{name}: {part}", _told(found.of(part)), "")
    yield from _promises(scored, list(parts))
    yield ("all of it", f"{(time.perf_counter() - begun) / 60:.0f} min", "at most 90 min")


def _promises(scored: dict[str, Scored], parts: Sequence[str]) -> Iterator[Row]:
    single = {name: found.of("test") for name, found in scored.items()}
    for metric, aim in (("mean_iou", BEST_IOU), ("ap50", BEST_AP50)):
        best = max(single, key=lambda name: single[name][metric])
        yield (f"best single network: {metric}", f"{single[best][metric]:.3f} ({best})", f">= {aim}")
    near = {name: found.of(parts[1])["mean_iou"] for name, found in scored.items()}
    best = max(near, key=near.__getitem__)
    yield (f"best single network on {parts[1]}: mean_iou", f"{near[best]:.3f} ({best})", f">= {FOCUS_IOU}")
    plain, augmented = scored["bacteria-dice"], scored["bacteria-augmented"]
    for part in parts:
        gain = _gain(plain, augmented, part)
        yield (f"augmentation gains on {part}: mean_iou", gain, "" if part == "test" else "> 0")
    without, with_it = (scored[name].of("test") for name in ("bacteria-species", "bacteria-fluorescence"))
    told = f"{with_it['species_accuracy'] - without['species_accuracy']:+.3f}"
    yield ("fluorescence gains in telling species of matched cells", told, "> 0")


def _gain(a: Scored, b: Scored, part: str) -> str:
    """The objective of b minus that of a, with its interval over fields."""
    difference = comparison.paired_difference(
        a.tables[part],
        b.tables[part],
        a.tables[part]["group"],
        a.task.summarise,
        "mean_iou",
        resamples=SURE.bootstrap,
        confidence=SURE.confidence,
        seed=SURE.seed,
    )
    return f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _scored(
    own: params.Params, name: str, model: params.Model, learnt: list[Record], parts: dict[str, list[Record]]
) -> Scored:
    begun = time.perf_counter()
    if model.training is not None:
        steps = STEPS * LONGER.get(name, 1)
        longer = {"epochs": EPOCHS, "steps_per_epoch": steps, "patch_px": PATCH_PX}
        model = params.with_values(model, {f"training.{key}": value for key, value in longer.items()}, "benchmark")
    train: Any = learnt[:FIELDS]
    watched: Any = learnt[FIELDS:]
    task = tasks.build(model.kind, own.settings_of(model))
    fitted = training.fit(task, model, train, watched, COMPUTE, description=name)
    settled = tasks.build(model.kind, fitted.settings)
    computer = start(COMPUTE)
    tables = {}
    for part, records in parts.items():
        encoded = [settled.encode(settled.pixels(record)) for record in records]
        activated = inference.activations(settled, fitted.network, encoded, computer, model.views)
        answers = [settled.decode(a, e) for a, e in zip(activated, encoded, strict=True)]
        told = [settled.statistics(a, settled.truth(r)) for a, r in zip(answers, records, strict=True)]
        tables[part] = pd.DataFrame(told).assign(group=[record.group for record in records])
    return Scored(settled, tables, (time.perf_counter() - begun) / 60)


def _told(metrics: dict[str, float]) -> str:
    species = metrics.get("species_accuracy", float("nan"))
    return (
        f"mIoU {metrics['mean_iou']:.3f}, AP {metrics['ap50']:.3f} / {metrics['ap75']:.3f} / {metrics['ap50_95']:.3f}, "
        f"edges {metrics['boundary_f1']:.3f}, merges {metrics['merges_percent']:.1f}%, splits {metrics['splits_percent']:.1f}%"
        + (
            ""
            if np.isnan(species)
            else f", species {species:.3f} ({metrics['species_mean_iou']:.3f} mIoU of five classes)"
        )
    )


def _parts(records: list[Record]) -> dict[str, list[Record]]:
    """The test split, the focus suite by grade, the other suites."""
    parts: dict[str, list[Record]] = {"test": [], "focus, up to 1.5 times": [], "focus, up to 2 times": []}
    for record in records:
        suite = str(record.row.get("suite") or "test")
        if suite == "focus":
            off = abs(float(str(record.row["focus_um"]))) / FOCUS_UM[str(record.row["kind"])]
            suite = f"focus, up to {'1.5' if off <= NEAR_GRADE else '2'} times"
        parts.setdefault(suite, []).append(record)
    return parts


def _simulated(count: int, seed: int, suites: tuple[str, ...] = ()) -> list[Record]:
    wanted = {"simulator": "bacteria", "images": count, "size_px": SIZE_PX, "seed": seed, "fluorescence": True}
    simulation = BacteriaSimulation.model_validate({**wanted, "suites": suites, "suite_groups": SUITE_FIELDS})
    return list(simulate(simulation, processes=2))
