"""What tests need to know of each kind of task, in one table: a further kind is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brightfield import params
from brightfield.results import ClassMap, Label, Picture, Points, Result

Made = tuple[np.ndarray, dict[str, np.ndarray], dict[str, object]]


def _crop(rng: np.random.Generator, i: int) -> Made:
    """32x32 RGB: a dark disc (good, 1) or a ring (bad, 0), every second one."""
    y, x = np.mgrid[:32, :32] - 15.5 - rng.uniform(-1, 1, (2, 1, 1))
    radius = np.hypot(y, x)
    good = i % 2
    cell = radius < 9 if good else (radius < 10) & (radius > 6)
    grey = 200 - 90 * cell + rng.normal(0, 6, (32, 32))
    image = np.stack([grey, grey * 0.8, grey * 0.75], axis=-1)
    return np.clip(image, 0, 255).astype(np.uint8), {}, {"label": good}


def _frame(rng: np.random.Generator, i: int) -> Made:
    """48x48 uint16: one or two dark Gaussian spots on a grey ground, at least 14 px apart."""
    positions = rng.uniform(9, 38, (1, 2))
    while len(positions) < 1 + i % 2:
        another = rng.uniform(9, 38, 2)
        if np.hypot(*(positions[0] - another)) > 14:
            positions = np.vstack([positions, another])
    y, x = np.mgrid[:48, :48]
    image = 20_000 + rng.normal(0, 200, (48, 48))
    for px, py in positions:
        image -= 9_000 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 2.5**2))
    return image.astype(np.uint16), {"positions": positions}, {}


def _field(rng: np.random.Generator, i: int) -> Made:
    """64x64 uint16: dark round cells of 7 to 8 px radius; two of them touch."""
    del i
    labels = np.zeros((64, 64), np.int32)
    y, x = np.mgrid[:64, :64]
    for number, (cy, cx) in enumerate([(16, 16), (16, 31), (44, 20), (42, 48)], start=1):
        shift, radius = rng.uniform(-1.5, 1.5, 2), rng.uniform(7, 8)
        disc = np.hypot(y - cy - shift[0], x - cx - shift[1]) < radius
        labels[disc & (labels == 0)] = number
    image = 3000 - 1200 * (labels > 0) + rng.normal(0, 60, (64, 64))
    return image.astype(np.uint16), {"labels": labels}, {}


def _pair(rng: np.random.Generator, i: int) -> Made:
    """48x48 float32: smooth bright spots, and the same with few photons."""
    del i
    y, x = np.mgrid[:48, :48]
    clean = np.full((48, 48), 0.1)
    for cy, cx, size in zip(rng.uniform(6, 42, 6), rng.uniform(6, 42, 6), rng.uniform(3, 6, 6), strict=True):
        clean += np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * size**2))
    noisy = rng.poisson(clean * 12) / 12
    return noisy.astype(np.float32), {"clean": clean.astype(np.float32)}, {}


@dataclass(frozen=True)
class Kind:
    """One kind of task.

    Attributes:
        make: a small image with its truth, easy enough to be learnt within seconds: pixels, ``fields`` and ``row`` of a record.
        settings: of the task, for such images.
        network, baseline: sections ``network`` of a small model, and of a classical method where there is one.
        answer: the type of an answer.
        output: the target of one image (a tensor) as a perfect network would put it out.
        perfect: the scores of a perfect answer.
        learnt: what the objective must reach on four images, after ``epochs`` of ten steps.
        fitted: what the objective of the baseline must reach.
        agree: whether an answer and the truth, or two answers, are the same.
        forbidden: an augmentation that makes the truth untrue.
    """

    make: Callable[[np.random.Generator, int], Made]
    settings: params.TaskSettings
    network: Mapping[str, Any]
    baseline: Mapping[str, Any] | None
    answer: type[Result]
    output: Callable[[Any], Any]
    perfect: Mapping[str, float]
    learnt: float
    epochs: int
    fitted: float
    agree: Callable[[Any, Any], bool]
    forbidden: str


def _logits(probability: Any) -> Any:
    return probability.clamp(1e-7, 1 - 1e-7).logit()


def _one_hot(classes: Any) -> Any:
    from torch.nn import functional as F  # takes seconds, and not every test needs it

    return 20.0 * F.one_hot(classes.long(), 3).movedim(-1, 0)


def _same_label(a: Label, b: Label) -> bool:
    return abs(a.probability - b.probability) < 1e-5


def _same_points(a: Points, b: Points) -> bool:
    order_a, order_b = (np.lexsort(p.positions.T) for p in (a, b))
    return a.positions.shape == b.positions.shape and bool(
        (np.abs(a.positions[order_a] - b.positions[order_b]) < 0.01).all()
    )


def _same_map(a: ClassMap, b: ClassMap) -> bool:
    counts = a.instances.max() == b.instances.max()
    return bool(counts and (a.classes == b.classes).all() and ((a.instances > 0) == (b.instances > 0)).all())


def _same_picture(a: Picture, b: Picture) -> bool:
    return a.pixels.shape == b.pixels.shape and bool(np.allclose(a.pixels, b.pixels, atol=1e-5))


KINDS: dict[str, Kind] = {
    "classification": Kind(
        make=_crop,
        settings=params.ClassificationSettings(size_px=32),
        network={"architecture": "convnet", "filters": [4, 8], "dense": [], "dropout": 0.0, "batch_norm": True},
        baseline={"architecture": "features"},
        answer=Label,
        output=_logits,
        perfect={"auc": 1, "accuracy": 1, "brier": 0},
        learnt=1.0,
        epochs=4,
        fitted=0.9,
        agree=_same_label,
        forbidden="mirror",
    ),
    "tracking": Kind(
        make=_frame,
        settings=params.TrackingSettings(),
        network={"architecture": "unet", "filters": 4, "depth": 2},
        baseline={"architecture": "correlation", "template_px": 13},
        answer=Points,
        output=_logits,
        perfect={"recall": 1, "precision": 1, "failure_percent": 0},
        learnt=1.0,
        epochs=10,
        fitted=2.0,
        agree=_same_points,
        forbidden="rotate",
    ),
    "segmentation": Kind(
        make=_field,
        settings=params.SegmentationSettings(),
        network={"architecture": "unet", "filters": 4, "depth": 2},
        baseline={"architecture": "watershed", "window_px": 41},
        answer=ClassMap,
        output=_one_hot,
        perfect={"mean_iou": 1, "ap50": 1, "ap75": 1},
        learnt=0.85,
        epochs=6,
        fitted=0.8,
        agree=_same_map,
        forbidden="stain",
    ),
    "restoration": Kind(
        make=_pair,
        settings=params.RestorationSettings(),
        network={"architecture": "unet", "filters": 4, "depth": 2, "residual": True},
        baseline={"architecture": "nonlocal_means", "patch_px": 3, "distance_px": 4},
        answer=Picture,
        output=lambda clean: clean,
        perfect={"psnr_db": 100, "ssim": 1, "nrmse": 0},
        learnt=24.0,
        epochs=6,
        fitted=20.0,
        agree=_same_picture,
        forbidden="noise",
    ),
}
