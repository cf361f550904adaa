"""An ensemble of eight members over two hundred camera images, chosen and scored: the memory that it takes."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir
from pathlib import Path

import default_run
import numpy as np
from claims import Claim
from ruamel.yaml import YAML

import tiny
from brightfield import layout, params, tasks
from brightfield.data import coverage, store
from brightfield.data.records import Record
from brightfield.evaluation.activation_files import ActivationWriter
from brightfield.inference import bundle
from brightfield.system.arrays import FOLDER

SIDE_PX, MEMBERS = 2048, 8
FIELDS = {"train": 1, "validation": 20, "test": 20, "focus": 40, "density": 40, "light": 40, "camera": 40}
SCORED = sum(FIELDS.values()) - FIELDS["train"]
CELLS = 60  # in a field; few, so that most of the time goes where the memory does
TASK, NAME = "bacteria", "eight"
MOST_GB = 2.0


def rows() -> Iterator[Claim]:
    """One run of the stage in a process of its own, with networks that are as small as networks can be."""
    # on the disk of the project: ten gigabytes are too many for some folders of temporary files
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as top, chdir(top):
        # in a process of its own: a child begins with the largest memory of the process that starts it
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(_write_project).result()
        begun = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(default_run.REPOSITORY / "src")}
        environment.pop("MLFLOW_TRACKING_URI", None)
        words = [sys.executable, "-m", "brightfield.cli", "ensemble", NAME, "--bootstrap", "200"]
        with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            # of this process alone: the one that wrote the project took more
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
        minutes = (time.perf_counter() - begun) / 60
    what = f"{MEMBERS} members, {SCORED} fields of {SIDE_PX} x {SIDE_PX} px, chosen and scored"
    yield Claim(f"{what}: memory of the largest process", default_run.gigabytes(used), "GB", aim=MOST_GB)
    yield Claim(f"{what}: wall clock", minutes, "min")


def _write_project() -> None:
    names = [f"member{i}" for i in range(MEMBERS)]
    content = tiny.tiny_params()
    entry = {"task": TASK, "dataset": TASK, "training": {"epochs": 1, "patch_px": 32}}
    small = {"architecture": "unet", "filters": 1, "depth": 2}
    content["models"] = {name: {**entry, "seed": seed, "network": dict(small)} for seed, name in enumerate(names)}
    content["ensembles"] = {NAME: {"task": TASK, "dataset": TASK, "max_members": 3}}
    content["spaces"] = {}
    YAML().dump(content, Path(params.PARAMS))
    settings = params.load()
    folder = layout.prepared(TASK)
    folder.mkdir(parents=True)
    labels = [_labels(seed) for seed in range(2)]
    records = [
        Record(f"{split}{i}", f"{split}{i}", _image(labels[i % 2]), {"labels": labels[i % 2]}, {})
        for split, count in FIELDS.items()
        for i in range(count)
    ]
    store.write_raw(folder, records, {"origin": "test"})
    raw = store.ImageSet.raw(folder)
    index = raw.index.assign(split=[split for split, count in FIELDS.items() for _ in range(count)])
    store.write_prepared(folder, raw, index)
    coverage.write(folder, raw, index)
    task = tasks.build("segmentation", settings.tasks[TASK].settings)
    for name in names:
        model, place = settings.models[name], layout.model(TASK, name)
        place.mkdir(parents=True)
        bundle.write(place, name, TASK, task.settings, model, task.learning.network(model), {})
    _write_outputs(names, labels)


def _write_outputs(names: list[str], labels: list[np.ndarray]) -> None:
    """Two members answer each in a way of their own; the files of the others are theirs, so that they fit on a disk."""
    for seed, name in enumerate(names[:2]):
        folder = layout.predictions(TASK, name)
        folder.mkdir(parents=True)
        answers = [_answer(each, seed) for each in labels]
        for split, count in FIELDS.items():
            if split == "train":
                continue
            ids = [f"{split}{i}" for i in range(count)]
            with ActivationWriter(folder, split, ids, half=True) as writer:
                for i, identity in enumerate(ids):
                    writer.append(identity, answers[i % 2])
    for number, name in enumerate(names[2:]):
        folder = layout.predictions(TASK, name)
        folder.mkdir(parents=True)
        for file in layout.predictions(TASK, names[number % 2]).iterdir():
            (folder / file.name).hardlink_to(file)


def _labels(seed: int) -> np.ndarray:
    """Round cells that do not touch."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((SIDE_PX, SIDE_PX), np.int32)
    y, x = np.mgrid[-12:13, -12:13]
    disc = np.hypot(y, x) < 11
    places = [(row, column) for row in range(40, SIDE_PX - 40, 80) for column in range(40, SIDE_PX - 40, 80)]
    for number, place in enumerate(rng.choice(len(places), CELLS, replace=False), start=1):
        row, column = places[int(place)]
        labels[row - 12 : row + 13, column - 12 : column + 13][disc] = number
    return labels


def _image(labels: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (3000 - 1200 * (labels > 0) + rng.integers(-60, 60, labels.shape)).astype(np.uint16)


def _answer(labels: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities of background, body and contour with noise of a member's own."""
    from brightfield.tasks.segmentation.masks import class_map, one_hot

    rng = np.random.default_rng(seed)
    true = one_hot(class_map(labels, 2.0), 3)
    noisy = 0.75 * true + 0.25 * rng.dirichlet([1.0, 1.0, 1.0], labels.shape).transpose(2, 0, 1).astype(np.float32)
    return np.ascontiguousarray(noisy, np.float32)
