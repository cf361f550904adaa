"""Networks and bundles of a few images and steps, for tests of several rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import tiny
from brightfield import layout, params, tasks, training
from brightfield.data.coverage import Coverage
from brightfield.inference import bundle
from brightfield.system.files import atomic_folder
from brightfield.training import Fitted

TASKS = {"classification": "rbc", "tracking": "beads", "segmentation": "bacteria", "restoration": "denoise"}


def fit(
    kind: str, model: params.Model, images: int = 6, compute: params.Compute = tiny.COMPUTE, **options: Any
) -> Fitted:
    """A fit on tiny images; lists of records serve as image sets."""
    train: Any = tiny.records(kind, images, seed=1)
    validation: Any = tiny.records(kind, 4, seed=2)
    return training.fit(tasks.build(kind, tiny.SETTINGS[kind]), model, train, validation, compute, **options)


def weights(fitted: Fitted) -> dict[str, Tensor]:
    """By the names of its tensors."""
    return dict(fitted.network.state_dict())


def write_bundle(kind: str, name: str = "mine", covered: Coverage | None = None) -> None:
    """A bundle of an untrained network where a model of the task would lie."""
    _write(kind, name, layout.model(TASKS[kind], name), covered)


def write_starter(kind: str) -> None:
    """The same in half precision, where the starter of the task would lie: below ``layout.STARTERS``, which is a test's own."""
    assert layout.STARTERS.is_relative_to(Path.cwd()), "a test writes no starter into the package"
    _write(kind, layout.STARTER, layout.starter(TASKS[kind]), None, half=True)


def _write(kind: str, name: str, place: Path, covered: Coverage | None, half: bool = False) -> None:
    torch.manual_seed(0)
    model, settings = tiny.model(kind), params.load().tasks[TASKS[kind]].settings
    model = model.model_copy(update={"task": TASKS[kind]})
    network = tasks.build(kind, settings).learning.network(model)
    with atomic_folder(place) as folder:
        bundle.write(folder, name, TASKS[kind], settings, model, network.half() if half else network, {}, covered)


def write_watershed_bundle() -> None:
    """The bacteria baseline of the default project, untrained, as the model ``mine``: it finds cells without having learnt."""
    model, settings = params.load().models["bacteria-watershed"], params.load().tasks["bacteria"].settings
    network = tasks.build("segmentation", settings).learning.network(model)
    with atomic_folder(layout.model("bacteria", "mine")) as folder:
        bundle.write(folder, "mine", "bacteria", settings, model, network, {})
