"""What a new user meets: the default run, and the models that come with Brightfield on images from elsewhere.

No row is about an image that a starter learnt from. How good it is on each real source is measured where a training leaves that
source out, by ``make starters``, and stands in ``scores.json`` of each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import default_run
import numpy as np
import numpy.typing as npt
import pandas as pd
from claims import Claim, TextRow

from brightfield import images, layout, params, tasks
from brightfield.data.records import Record
from brightfield.inference import bundle, starters
from brightfield.inference.predictor import Predictor
from brightfield.metrics import restoration, segmentation
from brightfield.prediction import own_scale
from brightfield.results import Picture
from brightfield.simulate import simulate
from brightfield.starters import making, sources
from brightfield.tasks.restoration.beside import nlm
from brightfield.tasks.segmentation.beside import otsu
from brightfield.tasks.segmentation.masks import of_cells

REPOSITORY = Path(__file__).resolve().parents[2]
SIDE = 512
SEED = 96
SCALES = (0.5, 0.7, 1.4, 2.0)
LARGEST_MB = 12.0
LOST = 0.02  # of the AUC, by crops at another scale
SMEARS = 12
# Of a source that no training saw an image of
AIMS = {"bacteria": {"dice": 0.92, "ap50": 0.80}, "rbc": {"auc": 0.95}}
REAL, PAIRS = "BRIGHTFIELD_REAL_DATA", Path("denoise/fmd_confocal")
Row = Claim | TextRow


def rows() -> Iterator[Row]:
    """The default run; the size of the starters, then each task."""
    yield from default_run.rows()
    names = starters.tasks()
    size = sum(path.stat().st_size for path in layout.STARTERS.glob("*/*") if path.is_file()) / 1e6
    yield Claim(f"all files of the starters of {', '.join(names)}", size, "MB", aim=LARGEST_MB, better="lower")
    for name in names:
        yield from _scores(name)
    if "bacteria" in names:
        yield from _false_cells(Predictor.load(starters.folder("bacteria")))
        yield from _bright_cells(Predictor.load(starters.folder("bacteria")))
    if "beads" in names:
        yield from _false_beads(Predictor.load(starters.folder("beads")))
    if "rbc" in names:
        yield from _scaled(starters.folder("rbc"))
    if "denoise" in names:
        yield from _confocal(Predictor.load(starters.folder("denoise")))


def _scores(name: str) -> Iterator[Row]:
    """On the default dataset, and on each real source, as they were when the starter was made."""
    found = json.loads((layout.starter(name) / layout.STARTER_SCORES).read_text(encoding="utf-8"))
    metric = next(key for key in making.SHOWN if key in found["simulated"]["test"])
    for part, scores in found["simulated"].items():
        yield Claim(f"{name}: {metric} on the default dataset, {part}", scores[metric], better="higher")
    for source, ways in found["real"].items():
        by_otsu = _otsu(source) if name == "bacteria" else {}
        for way, scores in ways.items():
            for key, value in scores.items():
                yield Claim(
                    f"{name}: {key} on {source}, learnt from {way}",
                    value,
                    aim=AIMS.get(name, {}).get(key) if way == making.LEFT_OUT else None,
                    better="higher",
                    against="Otsu" if key in by_otsu else "",
                    peer_value=by_otsu.get(key),
                )


def _otsu(name: str) -> dict[str, float]:
    """The scores of Otsu's threshold on a source of bacteria, whose cells are of the same width as where a starter is scored."""
    place = os.environ.get(REAL)
    source = next(each for each in sources.SOURCES["bacteria"] if each.name == name)
    if place is None or not (Path(place) / source.folder).is_dir():
        return {}
    own: Any = params.load(REPOSITORY / "params.yaml").tasks["bacteria"].settings
    records = map(sources.as_scored, sources.read(source, Path(place), "segmentation", own))
    task, answer = tasks.build("segmentation", own), otsu(own, [])
    columns = [task.scoring.statistics(answer(record.image), task.learning.truth(record)) for record in records]
    return {key: float(value) for key, value in task.scoring.summarise(pd.DataFrame(columns)).items()}


def _false_cells(predictor: Predictor) -> Iterator[Claim]:
    """Cells found in fields without any."""
    for what, image in _empty().items():
        answer: Any = predictor.predict([image])[0]
        yield Claim(
            f"bacteria: cells in a field that is {what}", float(answer.instances.max()), aim=0.0, better="lower"
        )


def _cases(name: str) -> Path | None:
    """The folder of an awkward input, beside the real images, where it is there."""
    place = os.environ.get(REAL)
    folder = None if place is None else Path(place).parent / "cases" / name
    return folder if folder is not None and folder.is_dir() else None


def _bright_cells(predictor: Predictor) -> Iterator[Row]:
    """Cells that are brighter than the ground, of which none was learnt from."""
    folder = _cases("30-bright-cells")
    if folder is None:
        yield ("bacteria: bright cells", f"left out: there is no folder cases beside {REAL}", "")
        return
    found = there = 0
    for path in images.files([folder / "fields"]):
        answer: Any = predictor.predict([images.read(path)])[0]
        labels = np.load(folder / f"{path.stem}_labels.npy").astype(np.int32)
        row = segmentation.cells(answer, of_cells(labels, predictor.task.settings))
        found, there = found + int(row["tp_50"]), there + int(row["cells"])
    yield Claim("bacteria: bright cells that are found", found, better="higher", against="all", peer_value=there)


def _false_beads(predictor: Predictor) -> Iterator[Row]:
    folder = _cases("16-empty-fields")
    if folder is None:
        yield ("beads: frames without beads", f"left out: there is no folder cases beside {REAL}", "")
        return
    frames = [image for _, image in images.frames(images.files([folder / "frames"]))]
    answers: list[Any] = predictor.predict(frames)
    found = sum(len(answer.positions) for answer in answers)
    yield Claim(f"beads: beads in {len(frames)} frames of noise", found, aim=0, better="lower")


def _empty() -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(SEED)
    clean = np.full((SIDE, SIDE), 1000, np.uint16)
    noisy = rng.poisson(1000, (SIDE, SIDE)).astype(np.uint16)
    hot = noisy.copy()
    hot[rng.uniform(size=hot.shape) < 1e-4] = 4000
    simulation = {"simulator": "bacteria", "seed": SEED, "images": 3, "size_px": SIDE}
    none = {"myxococcus": (0.0, 0.0), "e_coli": (0.0, 0.0)}
    slide = next(iter(simulate(params.parse_simulation({**simulation, "appearance": none}, "a field without cells"))))
    shade = np.linspace(0.7, 1.3, SIDE)
    return {
        "constant": clean,
        "noise": noisy,
        "noise and hot pixels": hot,
        "noise on uneven light": rng.poisson(1000 * np.outer(shade, shade)).astype(np.uint16),
        "a simulated slide": slide.image,
    }


def _scaled(folder: Path) -> Iterator[Claim]:
    """Crops of simulated smears that it never saw, made larger or smaller, as `predict` shows them to a starter."""
    model, predictor = bundle.read(folder), Predictor.load(folder)

    def auc(records: Sequence[Record]) -> float:
        factor = own_scale.measure(predictor, [record.image for record in records]).factor
        if factor is not None:
            magnified = predictor.task.answering.magnified
            records = [replace(record, image=magnified(record.image, factor)) for record in records]
        return making.scored(model, records)["auc"]

    usual = auc(_crops())
    yield Claim("rbc: AUC of new crops", usual, better="higher")
    for scale in SCALES:
        lost = usual - auc([_at(record, scale) for record in _crops()])
        yield Claim(f"rbc: AUC lost by crops at {scale:g} of their scale", lost, aim=LOST, better="lower")


@cache
def _crops() -> tuple[Record, ...]:
    own = params.load(REPOSITORY / "params.yaml").simulations["rbc"].model_dump(mode="json")
    drawn = params.parse_simulation({**own, "seed": SEED, "smears": SMEARS, "suites": []}, "crops")
    return tuple(simulate(drawn))


def _at(record: Record, scale: float) -> Record:
    scaled = images.framed(images.magnified(record.image, scale), record.image.shape[0])
    return Record(record.id, record.group, np.clip(np.rint(scaled), 0, 255).astype(np.uint8), row=record.row)


def _confocal(predictor: Predictor) -> Iterator[Row]:
    """Confocal images, whose clean counterparts are averages, beside non-local means. No starter learnt from a confocal image."""
    place = os.environ.get(REAL)
    if place is None or not (Path(place) / PAIRS).is_dir():
        yield ("denoise: confocal images", f"left out: {REAL} has no {PAIRS}", "")
        return
    settings: Any = predictor.task.settings
    means = nlm(settings, [])
    for path in images.files([Path(place) / PAIRS / "noisy"]):
        noisy, clean = (images.read(each) for each in (path, path.parent.parent / "clean" / path.name))
        truth, answer = Picture(clean.astype(np.float32)), predictor.predict([noisy])[0]
        yield Claim(
            f"denoise: PSNR of {path.stem}",
            restoration.psnr_db(answer, truth),
            "dB",
            better="higher",
            against="non-local means",
            peer_value=restoration.psnr_db(means(noisy), truth),
        )
