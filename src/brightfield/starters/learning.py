"""What a starter learns from, and its two trainings: long on simulations, then short on real images beside them."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from brightfield import layout, params, tasks, training
from brightfield.data.records import Record
from brightfield.inference import bundle
from brightfield.inference.bundle import Bundle
from brightfield.inference.device import start_device
from brightfield.simulate import simulate
from brightfield.starters import sources
from brightfield.system import processes, progress
from brightfield.system.files import atomic_folder
from brightfield.training.resuming import Resumable, fingerprint

WATCHED = 14  # every so manieth group of a simulation chooses the epoch
WATCHED_REAL = 5  # and every so manieth group of real images
DIGITS = 12  # of a hash


def recipe() -> params.Params:
    """The recipe of all starters."""
    return params.load(layout.RECIPE)


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


def from_simulations(
    name: str, known: params.Params, train: Sequence[Record], watched: Sequence[Record], scratch: Path
) -> Bundle:
    """The model after the long training, from ``scratch`` where the same one was done before: same entry, same images."""
    return _kept(name, name, known, train, watched, "simulations", scratch, None)


def from_real(
    name: str,
    known: params.Params,
    begun: Bundle,
    real: Sequence[Record],
    train: Sequence[Record],
    watched: Sequence[Record],
    scratch: Path,
) -> Bundle:
    """The model after the training that goes on with real images; some of them, and simulated ones, choose the epoch."""
    chosen, learnt = (
        [seen for record in real if _watches(record) == watching for seen in sources.to_learn_from(record)]
        for watching in (True, False)
    )
    beside = train[:: max(1, len(train) // max(1, len(learnt)))]
    everything = [*learnt, *beside]
    return _kept(name, f"{name}-real", known, everything, [*chosen, *watched], "real images", scratch, begun)


def _watches(record: Record) -> bool:
    """Whether a real image chooses the epoch: every so manieth group, by a number that belongs to it."""
    return zlib.crc32(record.group.encode()) % WATCHED_REAL == 0


def _kept(
    name: str,
    entry: str,
    known: params.Params,
    train: Any,
    watched: Any,
    description: str,
    scratch: Path,
    begun: Bundle | None,
) -> Bundle:
    """A training's result, kept in ``scratch`` under a digest of its entry, its images and what it begins with."""
    model, kind = known.models[entry], known.tasks[name].kind
    initial = None if begun is None else begun.network.state_dict()
    identity = {"model": model.model_dump(mode="json"), "data": sorted(hashes(train)), "begun": _digest(initial)}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:DIGITS]
    kept = scratch / f"{name}-{digest}"
    if not kept.is_dir():
        scratch.mkdir(parents=True, exist_ok=True)
        made = fingerprint(identity, start_device(known.compute, model.seed), known.compute.threads)
        resumable = Resumable(scratch / f"{name}-unfinished.safetensors", made)
        fitted = training.fit(
            tasks.build(kind, known.settings_of(model)),
            model,
            train,
            watched,
            known.compute,
            description=f"{name}: {description}",
            initial=initial,
            resumable=resumable,
        )
        with atomic_folder(kept) as folder:
            bundle.write(folder, layout.STARTER, name, fitted.settings, model, fitted.network, {})
        resumable.remove()
    return bundle.read(kept)


def _digest(weights: Mapping[str, Tensor] | None) -> str:
    """What tells initial weights apart."""
    found = hashlib.sha256()
    for key, value in sorted((weights or {}).items()):
        found.update(key.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def hashes(records: Iterable[Record]) -> set[str]:
    """What tells images apart: the first digits of the SHA-256 of shape, type and pixels."""
    found = set()
    for record in records:
        image = np.ascontiguousarray(record.image)
        head = f"{image.shape}{image.dtype.str}".encode()
        found.add(hashlib.sha256(head + image.tobytes()).hexdigest()[:DIGITS])
    return found
