"""A network that saw simulated bacteria only, on real ones; and the same fine-tuned on labelled images of other sets.

Every set (an acquisition of one lab: organism, microscope, magnification) is left out in turn. Images are brought to one width of
cells first, as the user of such a network measures it once. Some cells of the ColiCoords sets are not labelled, so what is found
there beyond the labels counts as wrong. Overlays are written to ``.brightfield/benchmarks/bacteria_real``, those of images without
labels as well: they are to be looked at.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from claims import Claim, TextRow

from brightfield import images, params, tasks, training
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.inference import activations
from brightfield.inference.device import start_device
from brightfield.params import BacteriaSimulation, overlaying
from brightfield.results import ClassMap, overlays
from brightfield.results.regions import regions
from brightfield.simulate import simulate
from brightfield.tasks import Task
from brightfield.training import Fitted

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = "BRIGHTFIELD_REAL_DATA"
OUT = Path(".brightfield/benchmarks/bacteria_real")
MODEL = "bacteria-augmented"
WIDTH_PX = 11.0  # of a cell, after scaling: between the two species that are simulated
SCALES = (0.8, 1.0, 1.25, 1.6)  # around the measured width, for images whose cells nobody measured
FIELDS, WATCHED, STEPS, FINE_STEPS = 200, 12, 1200, 120
SPARSE = 40  # further fields with next to no cells, which real acquisitions have: without them cells are found where there are none
FEW = {"myxococcus": (0.0, 0.03), "e_coli": (0.0, 0.02)}  # their cover
FINE_RATE = 0.25  # of the rate of training
COMPUTE = params.Compute(threads=2)
MISIC_DICE = 0.65  # the least of what is published of MiSiC, 0.65 to 0.89
ALONE, TUNED = "simulation alone", "fine-tuned on the other sets"
Row = Claim | TextRow
Labels = npt.NDArray[np.int32]


def rows() -> Iterator[Row]:
    """A row a set, simulation alone and fine-tuned, then the means."""
    if (place := os.environ.get(REAL)) is None:
        yield ("real images", f"left out: {REAL} is not set", "")
        return
    begun = time.perf_counter()
    own = params.parse(overlaying.overlaid("full", REPOSITORY / "params.yaml"))
    model = _trained_for(own.models[MODEL], STEPS)
    task = tasks.build("segmentation", own.settings_of(model))
    base = _simulated_alone(task, model)
    sets = _sets(Path(place) / "bacteria/labelled")
    OUT.mkdir(parents=True, exist_ok=True)
    found = []
    for name in sets:
        others = [record for other, records in sets.items() if other != name for record in records]
        tuned = _fine_tuned(task, model, base, others)
        for way, fitted in ((ALONE, base), (TUNED, tuned)):
            scores = _scored(fitted, sets[name], f"{name}-{way.split()[0]}")
            found.append({"way": way, **scores})
            yield (f"{name} ({len(sets[name])} images): {way}", _words(scores), "")
    yield from _means(pd.DataFrame(found), len(sets))
    everything = _fine_tuned(task, model, base, [record for records in sets.values() for record in records])
    for name, cells in _unlabelled(everything, Path(place) / "bacteria/unlabelled"):
        yield (f"{name}, without labels: cells found", cells, "look at the overlay")
    yield ("all of it", f"{(time.perf_counter() - begun) / 60:.1f} min; overlays in {OUT}", "")


def _means(table: pd.DataFrame, sets: int) -> Iterator[Claim]:
    """Over all sets: simulation alone beside what is published of MiSiC, fine-tuned beside simulation alone."""
    means = table.groupby("way", sort=False)[["dice", "ap50"]].mean()
    what = f"mean over {sets} sets: "
    dice = float(means["dice"][ALONE])
    yield Claim(
        f"{what}Dice, {ALONE}", dice, aim=MISIC_DICE, better="higher", against="MiSiC as published, 0.65 to 0.89"
    )
    yield Claim(f"{what}AP50, {ALONE}", float(means["ap50"][ALONE]), better="higher")
    for metric, name in (("dice", "Dice"), ("ap50", "AP50")):
        alone, tuned = float(means[metric][ALONE]), float(means[metric][TUNED])
        yield Claim(f"{what}{name}, {TUNED}", tuned, aim=alone, better="higher", against=ALONE, peer_value=alone)


def _trained_for(model: params.Model, steps: int) -> params.Model:
    values = {"training.epochs": 4, "training.steps_per_epoch": steps // 4, "training.patch_px": 128}
    return params.with_values(model, values, "benchmark")


def _simulated_alone(task: Task[Any, Any], model: params.Model) -> Fitted:
    fields = _simulated()
    train: Any = fields[:-WATCHED]
    watched: Any = fields[-WATCHED:]
    return training.fit(task, model, train, watched, COMPUTE, description="simulation alone")


@cache
def _simulated() -> list[Record]:
    """Fields to learn from, then those that are watched."""
    usual = {"simulator": "bacteria", "size_px": 320}
    sparse = BacteriaSimulation.model_validate({**usual, "images": SPARSE, "seed": 1001, "appearance": FEW})
    dense = BacteriaSimulation.model_validate({**usual, "images": FIELDS + WATCHED, "seed": 1000})
    return [record for simulation in (sparse, dense) for record in simulate(simulation, processes=2)]


def _fine_tuned(task: Task[Any, Any], model: params.Model, base: Fitted, records: Sequence[Record]) -> Fitted:
    """A few steps more from the weights that simulation gave, on real images and as many simulated ones, lest it forget.

    Every third real image chooses the epoch.
    """
    assert model.training is not None
    rate = model.training.learning_rate * FINE_RATE
    short = params.with_values(_trained_for(model, FINE_STEPS), {"training.learning_rate": rate}, "benchmark")
    real = [record for i, record in enumerate(records) if i % 3]
    train: Any = [*real, *_simulated()[-WATCHED - len(real) : -WATCHED]]
    watched: Any = list(records[::3])
    return training.fit(
        task, short, train, watched, COMPUTE, description="fine-tuning", initial=base.network.state_dict()
    )


def _sets(folder: Path) -> dict[str, list[Record]]:
    """Records by set, scaled to one width of cells."""
    found: dict[str, list[Record]] = {}
    for place in sorted(folder.iterdir()):
        image, labels = images.read(place / "image.tif"), images.read_labels(place / "labels.tif")
        width = float(
            np.median(regions(ClassMap((labels > 0).astype(np.uint8), labels), ["", "cell"], 1.0)["width_um"])
        )
        factor = WIDTH_PX / width
        scaled = images.magnified(image, factor)
        fields = {"labels": images.nearest(labels, scaled.shape[:2])}
        group = re.sub(r"_\d+$", "", place.name) if place.name.startswith("colicoords") else place.name
        record = Record(place.name, group, scaled, fields)
        found.setdefault(group, []).append(record)
    if not found:
        raise BrightfieldError(f"{folder} has no images.")
    return found


def _answered(fitted: Fitted, image: npt.NDArray[Any]) -> ClassMap:
    task = tasks.build("segmentation", fitted.settings)
    encoded = task.learning.encode(image)
    answer = task.answering.decode(
        activations.activations(task, fitted.network, [encoded], start_device(COMPUTE), views=8)[0], encoded
    )
    assert isinstance(answer, ClassMap)
    return answer


def _scored(fitted: Fitted, records: Sequence[Record], name: str) -> dict[str, float]:
    """Dice of cells against background and AP at IoU 0.5, pooled over a set's images; an overlay of the first."""
    task = tasks.build("segmentation", fitted.settings)
    answers = [_answered(fitted, record.image) for record in records]
    truths = [task.learning.truth(record) for record in records]
    inside = [(a.instances > 0, t.instances > 0) for a, t in zip(answers, truths, strict=True)]
    shared = sum(int((a & t).sum()) for a, t in inside)
    both = sum(int(a.sum() + t.sum()) for a, t in inside)
    images.write_png(OUT / f"{name}.png", overlays.overlay(records[0].image, answers[0], truths[0]))
    return {"dice": 2 * shared / max(both, 1), "ap50": task.scoring.score(answers, truths)["ap50"]}


def _unlabelled(fitted: Fitted, folder: Path) -> Iterator[tuple[str, str]]:
    """Cells found at each scale, and an overlay of each."""
    for path in sorted(folder.iterdir()):
        if not images.is_image(path) or images.frame_count(path) > 1:
            continue
        image, counts = images.read(path).astype(np.float32), []
        for scale in SCALES:
            scaled = images.magnified(images.to_grey(image), scale)
            answer = _answered(fitted, scaled)
            images.write_png(OUT / f"{path.stem}-{scale:g}.png", overlays.overlay(scaled, answer))
            counts.append(f"{answer.instances.max()} at {scale:g}")
        yield path.stem, ", ".join(counts)


def _words(scores: dict[str, float]) -> str:
    return f"Dice {scores['dice']:.3f}, AP50 {scores['ap50']:.3f}"
