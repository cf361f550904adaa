"""Everything small enough for tests: the project's own params.yaml with small numbers, and a handful of images of each kind.

``python tests/tiny.py PARAMS_IN PARAMS_OUT`` writes a params.yaml whose whole pipeline takes minutes instead of a quarter of an
hour; comments stay.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from brightfield import params
from brightfield.data.records import Record

REPOSITORY = Path(__file__).resolve().parent.parent
FloatArray = npt.NDArray[np.float64]

# The most that a number of this name may be, wherever it stands; smaller ones stay. A list is cut number by number.
MOST: dict[str, int] = {
    "threads": 1,
    "bootstrap": 100,
    "smears": 9,
    "crops_per_smear": 8,
    "movies": 10,
    "frames_per_movie": 3,
    "suite_groups": 2,
    "images": 10,
    "epochs": 2,
    "steps_per_epoch": 4,
    "batch_size": 4,
    "patch_px": 64,
    "filters": 4,
    "dense": 8,
    "depth": 2,
    "input_px": 32,
    "max_members": 4,
}
SIZES: dict[str, int] = {"bacteria": 128, "denoise": 64}  # size_px of the simulators whose size is free


# --- params.yaml ------------------------------------------------------------------------------------------------------


def tiny_params(source: Path = REPOSITORY / "params.yaml") -> Any:
    """The contents of a params.yaml with every size made small: the same entries, names and comments, as ruamel's mapping."""
    content = _yaml().load(source.read_text(encoding="utf-8"))
    for section in ("compute", "evaluation", "simulations", "models", "ensembles"):
        _shrink(content.get(section) or {})
    for simulation in (content.get("simulations") or {}).values():
        if simulation["simulator"] in SIZES:
            simulation["size_px"] = SIZES[simulation["simulator"]]
    for space in (content.get("spaces") or {}).values():
        if "training.batch_size" in space:
            space["training.batch_size"]["choices"][:] = [2, 4]
    return content


def write_params(target: Path, content: Any) -> None:
    """Write what :func:`tiny_params` gave, comments included."""
    with target.open("w", encoding="utf-8") as file:
        _yaml().dump(content, file)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    return yaml


def _shrink(section: Any) -> None:
    """Bound every number named in ``MOST``, at any depth."""
    for name, value in section.items():
        if isinstance(value, dict):
            _shrink(value)
        elif name in MOST and isinstance(value, list):
            value[:] = [min(number, MOST[name]) for number in value]
        elif name in MOST and isinstance(value, int):
            section[name] = min(value, MOST[name])


# --- images of each kind, easy enough to be learnt within seconds -------------------------------------------------------


def records(kind: str, count: int, seed: int = 0, groups: int = 2, prefix: str = "image") -> list[Record]:
    """Images with exact truth, in ``groups`` groups; the same seed gives the same pixels."""
    rng = np.random.default_rng(seed)
    made = [MAKERS[kind](rng, i) for i in range(count)]
    return [
        Record(f"{prefix}{i}", f"{prefix}-group{i % groups}", image, fields, row)
        for i, (image, fields, row) in enumerate(made)
    ]


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


MAKERS: dict[str, Callable[[np.random.Generator, int], Made]] = {
    "classification": _crop,
    "tracking": _frame,
    "segmentation": _field,
    "restoration": _pair,
}
KINDS = list(MAKERS)
SETTINGS: dict[str, params.TaskSettings] = {
    "classification": params.ClassificationSettings(size_px=32),
    "tracking": params.TrackingSettings(),
    "segmentation": params.SegmentationSettings(),
    "restoration": params.RestorationSettings(),
}
NETWORKS: dict[str, dict[str, Any]] = {
    "classification": {"architecture": "convnet", "filters": [4, 8], "dense": [], "dropout": 0.0, "batch_norm": True},
    "tracking": {"architecture": "unet", "filters": 4, "depth": 2},
    "segmentation": {"architecture": "unet", "filters": 4, "depth": 2},
    "restoration": {"architecture": "unet", "filters": 4, "depth": 2, "residual": True},
}
BASELINES: dict[str, dict[str, Any]] = {
    "classification": {"architecture": "features"},
    "tracking": {"architecture": "correlation", "template_px": 13},
    "segmentation": {"architecture": "watershed", "window_px": 41},
    "restoration": {"architecture": "nonlocal_means", "patch_px": 3, "distance_px": 4},
}
COMPUTE = params.Compute(device="cpu", threads=1, precision="float32")


def model(kind: str, seed: int = 0, network: dict[str, Any] | None = None, **training: Any) -> params.Model:
    """A small network of a kind: two epochs of four steps unless ``training`` says otherwise."""
    settings = {"epochs": 2, "steps_per_epoch": 4, "batch_size": 4, "learning_rate": 0.01, **training}
    entry = {
        "task": kind,
        "kind": kind,
        "dataset": kind,
        "seed": seed,
        "network": {**NETWORKS[kind], **(network or {})},
    }
    return params.parse_model({**entry, "training": settings}, "test")


def baseline(kind: str) -> params.Model:
    """The classical baseline of a kind."""
    return params.parse_model({"task": kind, "kind": kind, "dataset": kind, "network": BASELINES[kind]}, "test")


if __name__ == "__main__":
    write_params(Path(sys.argv[2]), tiny_params(Path(sys.argv[1])))
