"""What a starter learns from, and its two trainings: long on simulations, then short on real images beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
from torch import Tensor

from brightfield import params, tasks, training
from brightfield.data.records import Record
from brightfield.inference.device import start_device
from brightfield.simulate import simulate
from brightfield.system import processes, progress
from brightfield.system.files import atomic_file
from brightfield.tasks import Task
from brightfield.training import Fitted
from brightfield.training.resuming import Resumable, fingerprint

RECIPE = Path(__file__).with_name("recipe.yaml")
WATCHED = 14  # every so manieth group of a simulation chooses the epoch
WATCHED_REAL = 4  # and every so manieth real image
DIGITS = 12  # of a hash


def recipe() -> params.Params:
    """The recipe of all starters."""
    return params.load(RECIPE)


def simulated(name: str, known: params.Params) -> tuple[list[Record], list[Record]]:
    """The simulated records of a task to learn from, and those that choose the epoch."""
    train: list[Record] = []
    watched: list[Record] = []
    for title, simulation in known.simulations.items():
        if not title.startswith(f"{name}-"):
            continue
        drawn = simulate(simulation, processes.available())
        groups: dict[str, int] = {}
        for record in progress.track(drawn, f"simulate {title}", unit="image"):
            number = groups.setdefault(record.group, len(groups))
            (watched if number % WATCHED == 0 else train).append(record)
    return train, watched


def learnt_from_simulations(
    name: str, known: params.Params, train: Sequence[Record], watched: Sequence[Record], scratch: Path
) -> dict[str, Tensor]:
    """The weights of the long training, from ``scratch`` where the same one was done before: same entry, same images."""
    task, model = _task(name, known), known.models[name]
    identity = {"model": model.model_dump(mode="json"), "data": sorted(hashes(train))}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:DIGITS]
    kept = scratch / f"{name}-{digest}.safetensors"
    if kept.is_file():
        return safetensors.torch.load_file(kept)
    scratch.mkdir(parents=True, exist_ok=True)
    made = fingerprint(identity, start_device(known.compute, model.seed), known.compute.threads)
    resumable = Resumable(scratch / f"{name}-unfinished.safetensors", made)
    fitted = _fit(task, model, train, watched, known, f"{name}: simulations", resumable=resumable)
    with atomic_file(kept) as partial:
        partial.write_bytes(safetensors.torch.save(dict(fitted.network.state_dict())))
    resumable.remove()
    return dict(fitted.network.state_dict())


def learnt_from_real(
    name: str,
    known: params.Params,
    begun: Mapping[str, Tensor],
    real: Sequence[Record],
    train: Sequence[Record],
    watched: Sequence[Record],
) -> Fitted:
    """The training that goes on with real images: every few of them choose the epoch, beside simulated ones."""
    chosen = [record for number, record in enumerate(real) if number % WATCHED_REAL == 0]
    learnt = [record for number, record in enumerate(real) if number % WATCHED_REAL]
    beside = train[:: max(1, len(train) // max(1, len(learnt)))]
    task, model = _task(name, known), known.models[f"{name}-real"]
    return _fit(task, model, [*learnt, *beside], [*chosen, *watched], known, f"{name}: real images", initial=begun)


def _fit(
    task: Task[Any, Any],
    model: params.Model,
    train: Any,
    watched: Any,
    known: params.Params,
    description: str,
    **how: Any,
) -> Fitted:
    return training.fit(task, model, train, watched, known.compute, description=description, **how)


def _task(name: str, known: params.Params) -> Task[Any, Any]:
    return tasks.build(known.tasks[name].kind, known.settings_of(known.models[name]))


def hashes(records: Iterable[Record]) -> set[str]:
    """What tells images apart: the first digits of the SHA-256 of shape, type and pixels."""
    found = set()
    for record in records:
        image = np.ascontiguousarray(record.image)
        head = f"{image.shape}{image.dtype.str}".encode()
        found.add(hashlib.sha256(head + image.tobytes()).hexdigest()[:DIGITS])
    return found
