"""``make starters``: train the starter of each task, score it on what it never saw, write its bundle and its card."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from brightfield import layout, params
from brightfield.data import splitting
from brightfield.data.coverage import Coverage, measure_records
from brightfield.data.records import Record
from brightfield.inference import bundle
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.predictor import Predictor
from brightfield.metrics.declarations import declared
from brightfield.simulate import simulate
from brightfield.stages import prepare
from brightfield.starters import learning, sources
from brightfield.starters.sources import Source
from brightfield.system import lineage, processes, progress
from brightfield.system.files import atomic_folder, write_json

SCRATCH = Path(".brightfield/starters")  # long trainings are kept here, and one that is interrupted goes on
REAL = "BRIGHTFIELD_REAL_DATA"
# of a task's metrics
SHOWN = ("auc", "capped_error_px", "failure_percent", "mean_iou", "dice", "ap50", "psnr_db", "ssim")
SIMULATED, LEFT_OUT = "simulations alone", "the other sources as well"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    known = learning.recipe()
    parser = argparse.ArgumentParser(prog="python -m brightfield.starters.making", description=__doc__)
    parser.add_argument("tasks", nargs="*", help=f"of {', '.join(known.tasks)}; all without")
    parser.add_argument("--real", type=Path, default=os.environ.get(REAL), help=f"folder of real images [{REAL}]")
    parser.add_argument("--quick", action="store_true", help="leave out the trainings without each source in turn")
    parser.add_argument(
        "--scores", action="store_true", help="train nothing: the default dataset has changed, score again on it"
    )
    given = parser.parse_args(arguments)
    for name in given.tasks or known.tasks:
        params.entry(known.tasks, name, "task")
        top = None if given.real is None else Path(given.real)
        if given.scores:
            score_again(name)
        else:
            make(name, top, quick=given.quick)


def make(name: str, top: Path | None, *, quick: bool = False) -> None:
    """Make the starter of one task, from simulations and the sources that lie in the folder ``top``.

    Unless ``quick``, a training without each source in turn says how good the starter is on images of a source that it never saw.
    """
    known = learning.recipe()
    train, watched = learning.simulated(name, known)
    begun = learning.from_simulations(name, known, train, watched, SCRATCH)
    there = sources.there(name, top)
    real = {s.name: sources.read(s, top, known.tasks[name].kind, begun.task.settings) for s in there if top}
    scores: dict[str, Any] = {source: {SIMULATED: scored(begun, records)} for source, records in real.items()}
    for source, records in real.items() if len(real) > 1 and not quick else ():
        others = [record for other, found in real.items() if other != source for record in found]
        without = learning.from_real(name, known, begun, others, train, watched, SCRATCH)
        scores[source][LEFT_OUT] = scored(without, records)
    records = [record for found in real.values() for record in found]
    final = learning.from_real(name, known, begun, records, train, watched, SCRATCH) if records else begun
    learnt = [*train, *watched, *(seen for record in records for seen in sources.to_learn_from(record))]
    with atomic_folder(layout.starter(name)) as folder:
        _write(folder, name, final, learnt)
        _write_scores(folder, name, there, scores)


def score_again(name: str) -> None:
    """Score the starter of one task on its default dataset again, which is simulated otherwise than when the starter was made."""
    folder = layout.starter(name)
    scores = json.loads((folder / layout.STARTER_SCORES).read_text(encoding="utf-8"))["real"]
    _write_scores(folder, name, [source for source in sources.SOURCES.get(name, ()) if source.name in scores], scores)


def scored(model: Bundle, records: Sequence[Record]) -> dict[str, float]:
    """The task's metrics on some records, pooled. Cells are brought to one width first, as ``--magnify auto`` does."""
    seen, task = [sources.as_scored(record) for record in records], model.task
    encoded = [task.learning.encode(task.learning.judged_pixels(record)) for record in seen]
    predictor = Predictor([Member(model, 1.0)], learning.recipe().compute)
    answers = task.answering.decode_all(predictor.activations(encoded), encoded)
    pairs = zip(answers, (task.learning.truth(record) for record in seen), strict=True)
    columns = pd.DataFrame([task.scoring.statistics(answer, true) for answer, true in pairs])
    found = task.scoring.summarise(columns)
    return {key: float(found[key]) for key in SHOWN if key in found}


def _on_default(name: str, model: Bundle) -> dict[str, dict[str, float]]:
    """Scores on the test split and the suites of the task's default dataset, of which it never saw an image."""
    own = params.load()
    dataset = own.tasks[name].dataset
    drawn = list(simulate(own.simulations[dataset], processes.available()))
    index = pd.DataFrame([{"id": record.id, "group": record.group, **record.row} for record in drawn])
    split = list(prepare.split(index, own.datasets[dataset])["split"])
    parts = [part for part in dict.fromkeys(split) if part not in ("train", "validation", splitting.GATE)]
    return {part: scored(model, [r for r, of in zip(drawn, split, strict=True) if of == part]) for part in parts}


def _write(folder: Path, name: str, model: Bundle, learnt: Sequence[Record]) -> None:
    """The bundle, its weights in half precision, and the hashes of all images that had a part in it."""
    measured = measure_records(progress.track(learnt, f"measure {name}", unit="image"))
    provenance = {"lineage": lineage.collect(device="cpu").as_dict(), "trained_images": len(learnt)}
    covered = replace(Coverage.fit(measured), width_px=model.task.learning.known_width(learnt))
    network = model.network.half()
    bundle.write(folder, layout.STARTER, name, model.task.settings, model.model, network, provenance, covered)
    write_json(folder / layout.LEARNT, {"images": sorted(learning.hashes(learnt))})


def _write_scores(folder: Path, name: str, there: Sequence[Source], real: Mapping[str, Any]) -> None:
    """The card and its scores; those of images of the default dataset are measured here."""
    made = bundle.read(folder)
    simulated, images = _on_default(name, made), made.provenance["trained_images"]
    write_json(folder / layout.STARTER_SCORES, {"simulated": simulated, "real": real})
    text = "\n".join(_card(name, learning.recipe(), there, simulated, real, images)) + "\n"
    (folder / layout.CARD).write_text(text, encoding="utf-8")


def _card(
    name: str,
    known: params.Params,
    there: Sequence[Source],
    simulated: Mapping[str, Mapping[str, float]],
    real: Mapping[str, Mapping[str, Mapping[str, float]]],
    images: int,
) -> list[str]:
    """What a user should know before relying on it."""
    names = [title for title in known.simulations if title.startswith(f"{name}-")]
    steps = [known.models[entry].training for entry in (name, *([f"{name}-real"] if there else []))]
    lines = [
        f"# The starter of {name}",
        "",
        f"It has learnt from {images:,} images, among them the simulations {' and '.join(names)} of `recipe.yaml`, in "
        + ", then ".join(f"{each.epochs} epochs of batches of {each.batch_size}" for each in steps if each)
        + ". No image of the validation split, the test split or a suite of a default dataset is among them.",
    ]
    if there:
        lines += ["", "Real images among them:", ""]
        lines += [f"- {source.name}: {source.origin}, {source.licence}" for source in there]
    lines += ["", "On the default dataset, which is simulated:", ""]
    lines += [f"- {part}: {_words(found)}" for part, found in simulated.items()]
    if real:
        lines += ["", "On real images, without the source that is scored:", ""]
        lines += [
            f"- {source}, from {way}: {_words(found)}" for source, ways in real.items() for way, found in ways.items()
        ]
    return lines


def _words(found: Mapping[str, float]) -> str:
    return ", ".join(declared(metric).said(value) for metric, value in found.items())


if __name__ == "__main__":
    main()
