"""Real images as they are and wrecked: the sets that are answered well are doubted less than those answered badly.

The models are those that come with Brightfield, and a method without training. They know some of the images, so the wrecked forms
of them make most of the sets that are answered badly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from brightfield import images, layout, params, tasks
from brightfield.inference import bundle
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.predictor import Predictor
from brightfield.results import ClassMap

REAL = os.environ.get("BRIGHTFIELD_REAL_DATA")
REPOSITORY = Path(__file__).resolve().parents[2]
SIDE = 256
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Set = tuple[float, float]  # mean doubt, and how well it is answered

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL, reason="BRIGHTFIELD_REAL_DATA does not name a folder of real images"),
]


def told_apart(sets: list[Set], well: float) -> float:
    """The AUC between the sets that are answered ``well`` and the others."""
    good = np.array([doubt for doubt, score in sets if score >= well])
    bad = np.array([doubt for doubt, score in sets if score < well])
    assert len(good) >= 5
    assert len(bad) >= 5
    return float((good[:, None] < bad).mean() + 0.5 * (good[:, None] == bad).mean())


def middle(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def test_cells() -> None:
    predictor = Predictor([Member(bundle.read(layout.starter("bacteria")), 1.0)])
    sets = [_of_cells(predictor, each, wreck) for each in _fields() for wreck in FIELDS.values()]
    assert told_apart(sets, 0.65) > 0.85


def _fields() -> Iterator[tuple[Floats, Labels]]:
    for name in ("omnipose_Sample000193", "omnipose_Sample000252", "omnipose_e1t1_crop", "colicoords_ds1_00002"):
        folder = Path(str(REAL)) / "bacteria/labelled" / name
        yield (
            middle(images.to_grey(images.read(folder / "image.tif")).astype(np.float32)),
            middle(images.read_labels(folder / "labels.tif")),
        )


def _noisy(image: Floats, share: float) -> Floats:
    noise = np.random.default_rng(0).normal(0, share * np.ptp(image), image.shape)
    return np.asarray(image + noise, dtype=np.float32)


FIELDS: dict[str, Callable[[Floats], Floats]] = {
    "as it is": lambda image: image,
    "reversed": lambda image: np.asarray(image.max() - image),
    "blurred": lambda image: np.asarray(ndimage.gaussian_filter(image, 3)),
    "blurred badly": lambda image: np.asarray(ndimage.gaussian_filter(image, 7)),
    "noisy": lambda image: _noisy(image, 0.3),
    "half as large": lambda image: images.magnified(image, 0.5),
    "twice as large": lambda image: images.magnified(image, 2.0),
}


def _of_cells(predictor: Predictor, field: tuple[Floats, Labels], wreck: Callable[[Floats], Floats]) -> Set:
    image = wreck(field[0])
    (answer,), agreements, _ = predictor.judge([image])
    assert agreements is not None
    labels = images.nearest(field[1], image.shape[:2])
    truth: Any = ClassMap((labels > 0).astype(np.uint8), labels.astype(np.int32))
    scores = predictor.task.scoring.score([answer], [truth])
    return predictor.task.answering.doubted(agreements)[0], (scores["dice"] + scores["ap50"]) / 2


CROPS: dict[str, Callable[[Floats], Floats]] = {
    "as it is": lambda crop: crop,
    "red and blue exchanged": lambda crop: crop[..., ::-1],
    "pale": lambda crop: 255 - (255 - crop) * np.float32(0.4),
    "blurred": lambda crop: np.asarray(ndimage.gaussian_filter(crop, (3, 3, 0))),
    "blurred badly": lambda crop: np.asarray(ndimage.gaussian_filter(crop, (6, 6, 0))),
    "reversed": lambda crop: 255 - crop,
    "noisy": lambda crop: np.asarray(crop + np.random.default_rng(0).normal(0, 40, crop.shape), np.float32),
    "a quarter as large": lambda crop: images.framed(images.magnified(crop, 0.25), 85),
}


def test_crops() -> None:
    predictor = Predictor([Member(bundle.read(layout.starter("rbc")), 1.0)])
    sets = []
    for lab in ("rbc", "rbc-bccd", "rbc-pbc"):
        folder = Path(str(REAL)) / lab
        found = {kind: sorted((folder / kind).rglob("*.png")) for kind in ("bad", "good")}
        crops = [
            (images.read(path).astype(np.float32), kind == "good")
            for kind, paths in found.items()
            for path in images.evenly_spaced(paths, 30)
        ]
        sets += [_of_crops(predictor, crops, wreck) for wreck in CROPS.values()]
    assert told_apart(sets, 0.75) > 0.85


def _of_crops(predictor: Predictor, crops: list[tuple[Floats, bool]], wreck: Callable[[Floats], Floats]) -> Set:
    shown = [np.clip(np.rint(wreck(crop)), 0, 255).astype(np.uint8) for crop, _ in crops]
    answers: list[Any]
    answers, agreements, _ = predictor.judge(shown)  # type: ignore[assignment]
    assert agreements is not None
    right = [answer.positive == good for answer, (_, good) in zip(answers, crops, strict=True)]
    return float(np.mean(predictor.task.answering.doubted(agreements))), float(np.mean(right))


def test_restored_images() -> None:
    own = params.load(REPOSITORY / "params.yaml")
    model, settings = own.models["denoise-nlm"], own.tasks["denoise"].settings
    task = tasks.build("restoration", settings)
    network = task.learning.network(model)
    predictor = Predictor([Member(Bundle("denoise-nlm", "denoise", task, model, network, {}), 1.0)])
    rng = np.random.default_rng(0)
    sets = []
    for path in sorted((Path(str(REAL)) / "denoise/clean").iterdir())[::8]:
        clean = middle(images.to_grey(images.read(path)).astype(np.float64))
        clean = np.clip((clean - np.percentile(clean, 1)) / np.ptp(clean), 0, None)
        for noisy, true in _noisy_forms(clean, rng):
            (answer,), agreements, _ = predictor.judge([noisy.astype(np.float32)])
            assert agreements is not None
            left = np.sqrt(np.mean((answer.pixels - true) ** 2) / np.mean((noisy - true) ** 2))  # type: ignore[attr-defined]
            sets.append((task.answering.doubted(agreements)[0], -float(left)))
    assert told_apart(sets, -0.5) > 0.9


def _noisy_forms(clean: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for peak in (3, 10, 40, 300, 3000):
        yield 100 + rng.poisson(peak * clean + 1), 100 + peak * clean + 1
    for sigma_px in (1.0, 3.0):  # noise that neighbours share
        grain = ndimage.gaussian_filter(rng.normal(0, 1, clean.shape), sigma_px)
        yield 100 * clean + 10 * grain / grain.std(), 100 * clean
    yield 100 * clean + rng.normal(0, 10, (len(clean), 1)) + rng.normal(0, 3, clean.shape), 100 * clean
