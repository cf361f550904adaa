"""Every model of bacteria in the profile ``full`` on simulated fields: one table, answers of all schemes scored as three classes.

Each network is trained as its entry says, but longer, on larger patches and more fields. Beside them stand two classes (cells
that touch become one: the bad example), the augmented network without augmentation, that of fluorescence without its channel, the
lite one without what photographs taught it, the U-Net of five classes trained on fields out of focus too, and three networks
trained four times as long and asked about eight views: the lite one, and five classes with fluorescence and without. The last
rows say what augmentation gains where something is unlike training, and what fluorescence gains in species accuracy. The focus
suite is split by grade: up to one and a half times as far off as training goes, and up to twice.

It takes an hour or two, so networks are kept in ``.brightfield/benchmarks/bacteria``: run again, it goes on where it was stopped. A
file is named by a digest of the entry, of this benchmark's numbers and of the code that simulates and trains; when any of them
changes, the network is trained anew. All are scored anew each time.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from claims import Claim, TextRow
from torch import nn

from brightfield import layout, params, tasks, training
from brightfield.data.records import Record
from brightfield.evaluation import bootstrap
from brightfield.inference import activations, starters
from brightfield.inference.device import start_device
from brightfield.params import BacteriaSimulation, overlaying
from brightfield.simulate import simulate
from brightfield.simulate.bacteria import FOCUS_UM
from brightfield.tasks import Task
from brightfield.training.warm_start import initial_weights

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = Path(".brightfield/benchmarks/bacteria")
CODE = [  # on which a network's weights depend, in src/brightfield
    "architectures/pretrained.py",
    "architectures/smp.py",
    "architectures/unet.py",
    "architectures/unet_pair.py",
    "architectures/watershed.py",
    "data/augmenting",
    "simulate/bacteria",
    "simulate/optics.py",
    "tasks/samples.py",
    "tasks/segmentation/learning.py",
    "tasks/segmentation/masks.py",
    "training",
]
# the same but for the one thing whose gain is measured
UNAUGMENTED, UNLIT = "augmented, without augmentation", "fluorescence, without its channel"
FIELDS, WATCHED, TEST_FIELDS, SUITE_FIELDS = 240, 12, 16, 8
UNFOCUSED_FIELDS = 80  # beside the others, of another seed than those of the focus suite that is scored
SIZE_PX, SEEDS = 384, (1000, 200)
EPOCHS, STEPS, PATCH_PX = 4, 200, 128
SUITES = ("focus", "density", "light", "camera")
NEAR_FOCUS, FAR_FOCUS = "focus, up to 1.5 times", "focus, up to 2 times"
BEST_IOU, BEST_AP50, FOCUS_IOU = 0.86, 0.90, 0.60
LEAST_GAIN = 0.001  # of augmentation and of fluorescence: more than nothing
NEAR_GRADE = 1.5  # of the focus suite, times as far as training goes
COMPUTE = params.Compute(threads=2)
SURE = params.Evaluation()
MOST_MINUTES = 90
Row = Claim | TextRow


@dataclass(frozen=True)
class Entry:
    """A model, how many times as long as the others it is trained, and on how many fields of the focus suite besides."""

    model: params.Model
    longer: int = 1
    unfocused: int = 0


@dataclass(frozen=True)
class Scored:
    """One model on every part: tables of statistics, a row an image."""

    task: Task[Any, Any]
    tables: dict[str, pd.DataFrame]
    minutes: float
    kept: bool

    def of(self, part: str) -> dict[str, float]:
        """Pooled metrics."""
        return self.task.scoring.summarise(self.tables[part])


def rows() -> Iterator[Row]:
    """A row a model and part, then what was promised."""
    own = params.parse(overlaying.overlaid("full", REPOSITORY / "params.yaml"))
    scored: dict[str, Scored] = {}
    for name, entry in _entries(own).items():
        found = scored[name] = _scored(own, name, entry)
        yield (f"{name} ({found.minutes:.1f} min{', kept' if found.kept else ''}): test", _words(found.of("test")), "")
        for part in found.tables:
            if part != "test":
                yield (f"{name}: {part}", _words(found.of(part)), "")
    yield from _promises(scored)
    yield Claim("all of it", sum(found.minutes for found in scored.values()), "min", aim=MOST_MINUTES)


def _entries(own: params.Params) -> dict[str, Entry]:
    """Those of the profile, and what stands beside them."""
    entries = {name: Entry(model) for name, model in own.models.items() if model.task == "bacteria"}

    def beside(base: str, values: dict[str, Any], longer: int = 1, unfocused: int = 0) -> Entry:
        return Entry(params.with_values(own.models[base], values, "benchmark"), longer, unfocused)

    return {
        **entries,
        UNAUGMENTED: beside("bacteria-augmented", {"training.augment": []}),
        UNLIT: beside("bacteria-fluorescence", {"settings": {"scheme": "species"}}),
        "two classes": beside("bacteria-unet", {"settings": {"scheme": "cells"}}),
        "lite without weights": beside("bacteria-lite", {"network.weights": "none"}),
        "species, out of focus too": beside("bacteria-species", {}, unfocused=UNFOCUSED_FIELDS),
        "species, long, eight views": beside("bacteria-species", {"test_time_augmentation": 8}, longer=4),
        "lite, long, eight views": beside("bacteria-lite", {"test_time_augmentation": 8}, longer=4),
        "fluorescence, long, eight views": beside("bacteria-fluorescence", {"test_time_augmentation": 8}, longer=4),
    }


def _promises(scored: Mapping[str, Scored]) -> Iterator[Claim]:
    single = {name: found.of("test") for name, found in scored.items()}
    for metric, aim in (("mean_iou", BEST_IOU), ("ap50", BEST_AP50)):
        best = max(single, key=lambda name: single[name][metric])
        value = single[best][metric]
        yield Claim(f"best single network: {metric}", value, aim=aim, better="higher", shown=f"{value:.3f} ({best})")
    near = {name: found.of(NEAR_FOCUS)["mean_iou"] for name, found in scored.items()}
    best = max(near, key=near.__getitem__)
    what, shown = f"best single network on {NEAR_FOCUS}: mean_iou", f"{near[best]:.3f} ({best})"
    yield Claim(what, near[best], aim=FOCUS_IOU, better="higher", shown=shown)
    plain, augmented = scored[UNAUGMENTED], scored["bacteria-augmented"]
    for part in plain.tables:
        gain, least = _gain(plain, augmented, part), None if part == "test" else LEAST_GAIN
        shown = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
        yield Claim(
            f"augmentation gains on {part}: mean_iou",
            gain.value,
            aim=least,
            better="higher",
            against=UNAUGMENTED,
            shown=shown,
        )
    without, with_it = (scored[name].of("test") for name in (UNLIT, "bacteria-fluorescence"))
    difference = with_it["species_accuracy"] - without["species_accuracy"]
    what = "fluorescence gains in species accuracy of matched cells"
    yield Claim(what, difference, aim=LEAST_GAIN, better="higher", against=UNLIT, shown=f"{difference:+.3f}")


def _gain(a: Scored, b: Scored, part: str) -> bootstrap.Difference:
    """The objective of b minus that of a, with its interval over fields."""
    return bootstrap.paired_difference(
        a.tables[part],
        b.tables[part],
        a.tables[part]["group"],
        a.task.scoring.pooled,
        "mean_iou",
        resamples=SURE.bootstrap,
        confidence=SURE.confidence,
        seed=SURE.seed,
    )


def _scored(own: params.Params, name: str, entry: Entry) -> Scored:
    """A model, trained or kept, on every part."""
    model = entry.model
    if model.training is not None:
        values = {"epochs": EPOCHS, "steps_per_epoch": STEPS * entry.longer, "patch_px": PATCH_PX}
        model = params.with_values(model, {f"training.{key}": value for key, value in values.items()}, "benchmark")
    task = tasks.build(model.kind, own.settings_of(model))
    network, minutes, kept = _fitted(task, name, model, entry.unfocused)
    device = start_device(COMPUTE).for_network(network)
    network.to(memory_format=torch.channels_last)

    def answered(task: Task[Any, Any], records: Sequence[Record]) -> tuple[list[Any], list[Any]]:
        encoded = [task.learning.encode(task.learning.pixels(record)) for record in records]
        return activations.activations(task, network, encoded, device, model.test_time_augmentation), encoded

    if task.answering.needs_calibration:
        watched = _simulated(FIELDS + WATCHED, SEEDS[0])[FIELDS:]
        activated, encoded = answered(task, watched)
        truth = [task.learning.truth(record) for record in watched]
        task = tasks.build(model.kind, task.answering.calibrate(activated, truth, encoded))
    tables = {}
    for part, records in _parts().items():
        answers = [task.answering.decode(a, e) for a, e in zip(*answered(task, records), strict=True)]
        truth = [task.learning.truth(record) for record in records]
        statistics = [task.scoring.statistics(a, t) for a, t in zip(answers, truth, strict=True)]
        known = {"id": [record.id for record in records], "group": [record.group for record in records]}
        tables[part] = pd.DataFrame(statistics).assign(**known)
    return Scored(task, tables, minutes, kept)


def _fitted(task: Task[Any, Any], name: str, model: params.Model, unfocused: int) -> tuple[nn.Module, float, bool]:
    """The network, in how many minutes it was trained, and whether that was another time."""
    path = KEPT / f"{name.replace(' ', '-').replace(',', '')}-{_digest(model, task.settings, unfocused)}.safetensors"
    if path.is_file():
        network = task.learning.network(model).eval()
        network.load_state_dict(safetensors.torch.load_file(path))
        return network, float(path.with_suffix(".minutes").read_text()), True
    begun = time.perf_counter()
    fields: Any = _simulated(FIELDS + WATCHED, SEEDS[0])
    learnt = fields[:FIELDS]
    if unfocused:
        learnt = learnt + [
            record for record in _simulated(3, SEEDS[0], ("focus",), unfocused) if record.row.get("suite") == "focus"
        ]
    initial = initial_weights(model)  # of the starter, which knows no field of this benchmark
    fitted = training.fit(task, model, learnt, fields[FIELDS:], COMPUTE, description=name, initial=initial)
    minutes = (time.perf_counter() - begun) / 60
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".minutes").write_text(f"{minutes}")
    partial = path.with_suffix(".partial")
    safetensors.torch.save_file({k: v.contiguous() for k, v in fitted.network.state_dict().items()}, partial)
    partial.replace(path)
    return fitted.network, minutes, False


def _digest(model: params.Model, settings: params.TaskSettings, unfocused: int) -> str:
    """Of everything that a model's weights depend on."""
    numbers = [FIELDS, WATCHED, SIZE_PX, SEEDS[0], *([unfocused] if unfocused else [])]
    digest = hashlib.sha256(
        json.dumps([model.model_dump(mode="json"), settings.model_dump(mode="json"), numbers]).encode()
    )
    package = REPOSITORY / "src/brightfield"
    if model.training is not None and model.training.init_from == layout.STARTER:
        digest.update((starters.folder(model.task) / layout.BUNDLE).read_bytes())  # has the checksum of the weights
    for place in CODE:
        for path in sorted((package / place).rglob("*.py")) or [package / place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _words(metrics: dict[str, float]) -> str:
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


@cache
def _parts() -> dict[str, list[Record]]:
    """The test split, the focus suite by grade, the other suites."""
    parts: dict[str, list[Record]] = {"test": [], NEAR_FOCUS: [], FAR_FOCUS: []}
    for record in _simulated(TEST_FIELDS, SEEDS[1], SUITES):
        suite = str(record.row.get("suite") or "test")
        if suite == "focus":
            off = abs(float(str(record.row["focus_um"]))) / FOCUS_UM[str(record.row["kind"])]
            suite = NEAR_FOCUS if off <= NEAR_GRADE else FAR_FOCUS
        parts.setdefault(suite, []).append(record)
    return parts


@cache
def _simulated(count: int, seed: int, suites: tuple[str, ...] = (), suite_fields: int = SUITE_FIELDS) -> list[Record]:
    wanted = {"simulator": "bacteria", "images": count, "size_px": SIZE_PX, "seed": seed, "fluorescence": True}
    simulation = BacteriaSimulation.model_validate({**wanted, "suites": list(suites), "suite_groups": suite_fields})
    return list(simulate(simulation, processes=2))
