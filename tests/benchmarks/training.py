"""Training on any machine: beside another process, beside a plain loop, with more data than memory, after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from claims import Claim, TextRow

import tiny
from brightfield import layout
from brightfield.data import coverage, store
from brightfield.data.records import Record

REPOSITORY = Path(__file__).resolve().parents[2]
FIELDS, SIDE, DISTINCT = 2000, 2048, 8  # number of fields, their side in px, and how many of them differ
SPLITS = {"train": 0.95, "validation": 0.025, "test": 0.025}
MOST_GB = 3.0
STEPS = 60
CARD_BATCH, CARD_STEPS = 32, 600  # on a GPU
AUGMENT = ["flip", "rotate", "brightness", "noise", "recorded_noise", "defocus"]
PAIRS = 3  # number of times that alone and together, plain and ours, take turns
UNSET = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")
MODEL: dict[str, Any] = {
    "task": "bacteria",
    "kind": "segmentation",
    "dataset": "bacteria",
    "network": {"architecture": "unet", "filters": 16, "depth": 4},
    "training": {"epochs": 1, "steps_per_epoch": STEPS, "batch_size": 8, "patch_px": 96, "balance": "none"},
}

# What a process of its own does: `ours` trains with the package, `plain` in ten lines of PyTorch, on the same patches.
TIMED = """
import json, sys, time
from brightfield.system import environment
environment.set_defaults()
import numpy as np
import torch
from brightfield import params, tasks
from brightfield.data.records import Record
from brightfield.inference.device import start_device
from brightfield.training import loop, sampling
from brightfield.training.checkpointing import BestCheckpoint

settings = params.load()
task = tasks.build("segmentation", settings.tasks["bacteria"].settings)
model = params.parse_model(json.loads(sys.argv[3]), "benchmark")
rng = np.random.default_rng(0)
labels = np.kron(rng.permutation(64).reshape(8, 8), np.ones((32, 32))).astype(np.int32)
records = [Record(f"f{i}", "g", rng.normal(1000, 50, (256, 256)), {"labels": labels}) for i in range(6)]
compute = params.Compute(device=sys.argv[4], threads=int(sys.argv[2]))
device = start_device(compute, 0)
network = task.learning.network(model)
device = device.for_network(network)
samples = task.learning.dataset(records, model.training)
loss_function = task.learning.loss_function(samples, model.training)
on_processor = device.torch_device.type == "cpu"
workers = sampling.workers_for(compute, on_processor)
batches = sampling.Batches(task, samples, model.training, 0, device.torch_device, workers)
checkpoint = BestCheckpoint(task, [], device, None)
checkpoint.epoch = lambda *_: checkpoint.rows.append({"validation_mean_iou": 0.0})  # validation is no part of a step

def ours():
    loop.run(network, loss_function, model.training, batches, checkpoint, device, 0, "benchmark")

def plain():
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), model.training.learning_rate)
    for image, target in ready:
        with device.autocast():
            output = network(image)
        loss = loss_function(output.float(), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

def ended():
    if not on_processor:
        torch.cuda.synchronize()
    return time.perf_counter()

ready = [(b.images.contiguous(memory_format=torch.channels_last), b.targets) for b in batches.epoch(0)]
network.to(device.torch_device).to(memory_format=torch.channels_last)
run = {"ours": ours, "plain": plain}[sys.argv[1]]
run()  # warm
start = ended()
run()
print(ended() - start)
"""


def rows() -> Iterator[Claim | TextRow]:
    """Every row, the cheap ones first."""
    yield from beside_another()
    yield overhead()
    yield from on_a_card()
    yield resumed()
    yield from more_than_memory(FIELDS)


def beside_another() -> Iterator[Claim | TextRow]:
    """How much longer a training takes beside a second one, and beside a program that keeps a core busy."""
    alone = {threads: float(np.median([_timed("ours", threads) for _ in range(PAIRS)])) for threads in (2, 1)}

    def claim(beside: str, threads: int, seconds: Sequence[float], aim: float | None) -> Claim:
        ratio = float(np.median(seconds)) / alone[threads]
        name = f"training on {threads} core{'s' * (threads > 1)} beside {beside}, over alone"
        shown = f"{ratio:.2f} times ({alone[threads]:.1f} s alone)"
        return Claim(name, ratio, "times", aim=aim, against="alone", peer_value=1.0, shown=shown)

    yield claim("a second one", 2, [max(_together("ours")) for _ in range(PAIRS)], 2.5)
    for threads in alone:
        with _busy_core():
            beside = [_timed("ours", threads) for _ in range(PAIRS)]
        yield claim("a program that keeps a core busy", threads, beside, None)


@contextmanager
def _busy_core() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def overhead() -> Claim:
    """What an epoch of the package takes beside a plain loop over the same patches, ready in memory."""
    both = [(_timed("ours"), _timed("plain")) for _ in range(PAIRS)]
    ratio = float(np.median([ours / plain for ours, plain in both]))
    return Claim("an epoch over a plain PyTorch loop", ratio, "times", aim=1.05, against="plain loop", peer_value=1.0)


def on_a_card() -> Iterator[Claim | TextRow]:
    """Patches a second on a GPU, and the share of that time in which the same steps without a loader keep it busy."""
    import torch

    if not torch.cuda.is_available():
        yield "training on a GPU", "not measured: no CUDA device", ""
        return
    card = torch.cuda.get_device_name()
    for words, augment in (("", []), (", augmented", AUGMENT)):
        training = {
            **MODEL["training"],
            "batch_size": CARD_BATCH,
            "steps_per_epoch": CARD_STEPS,
            "augment": augment,
        }
        both = [
            [_timed(what, model={**MODEL, "training": training}, device="cuda") for what in ("ours", "plain")]
            for _ in range(PAIRS)
        ]
        ours, plain = np.median(both, axis=0)
        speed = CARD_BATCH * CARD_STEPS / ours
        yield Claim(f"training at batch {CARD_BATCH}{words} on {card}", speed, "patches/s", aim=8000, better="higher")
        yield Claim(f"of it, steps themselves{words} on {card}", 100 * plain / ours, "%", aim=70, better="higher")


def _start(what: str, threads: int, model: Mapping[str, Any] = MODEL, device: str = "cpu") -> subprocess.Popen[str]:
    free = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-c", TIMED, what, str(threads), json.dumps(model), device]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=free, cwd=REPOSITORY)


def _timed(what: str, threads: int = 2, **of_process: Any) -> float:
    return float(_start(what, threads, **of_process).communicate()[0])


def _together(what: str, threads: int = 2) -> list[float]:
    processes = [_start(what, threads) for _ in range(2)]
    return [float(process.communicate()[0]) for process in processes]


def resumed() -> Claim:
    """Kill a training in the middle of an epoch, start it again, and compare weights and history with one left in peace."""
    with tempfile.TemporaryDirectory() as place:
        project = Path(place)
        tiny.write_params(project / "params.yaml", tiny.tiny_params())
        command = _brightfield("train", "bacteria-unet", "--training.epochs", "6", "--training.steps_per_epoch", "12")
        _write_prepared(project, 24, 256)
        subprocess.run(command, check=True, cwd=project, capture_output=True)
        outputs = [
            project / layout.model("bacteria", "bacteria-unet") / name for name in (layout.WEIGHTS, layout.HISTORY)
        ]
        expected = [path.read_bytes() for path in outputs]
        process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (project / layout.unfinished("bacteria-unet")).exists():
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        again = subprocess.run(command, check=True, cwd=project, capture_output=True, text=True)
        assert "goes on after epoch" in again.stdout
        found = [path.read_bytes() for path in outputs]
    different = sum(a != b for one, other in zip(expected, found, strict=True) for a, b in zip(one, other, strict=True))
    return Claim("bytes of weights and history that differ after a kill", different, aim=0)


def more_than_memory(fields: int, side: int = SIDE) -> Iterator[Claim]:
    """The most memory of preparing nothing but training, evaluation and an ensemble of two models, each a few steps long."""
    with tempfile.TemporaryDirectory(dir=REPOSITORY) as place:  # /tmp may lie in memory
        project = Path(place)
        content = tiny.tiny_params()
        content["ensembles"]["bacteria-ensemble"]["members"] = ["bacteria-unet", "bacteria-tuned"]
        del content["models"][
            "bacteria-watershed"
        ]  # an ensemble is compared with baselines, which see every field whole
        tiny.write_params(project / "params.yaml", content)
        _write_prepared(project, fields, side)
        few = [
            "--network.filters",
            "4",
            "--network.depth",
            "2",
            "--training.epochs",
            "1",
            "--training.steps_per_epoch",
            "20",
        ]
        commands: list[tuple[str, Sequence[str]]] = [
            *(("train", [name, *few]) for name in ("bacteria-unet", "bacteria-tuned")),
            *(("evaluate", [name]) for name in ("bacteria-unet", "bacteria-tuned")),
            ("ensemble", ["bacteria-ensemble"]),
        ]
        most: dict[str, float] = {}
        for stage, arguments in commands:
            used = _memory_of(_brightfield(stage, *arguments), project)
            most[stage] = max(most.get(stage, 0.0), used)
        for stage, used in most.items():
            yield Claim(f"{stage} with {fields} fields of {side} x {side} px", used, "GB", aim=MOST_GB)


def _brightfield(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "brightfield.cli", *arguments]


def _memory_of(command: Sequence[str], folder: Path) -> float:
    """The most memory of a process, GB; its children are processes that decode a few images."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    most = 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        text = status.read_text(encoding="ascii") if status.exists() else ""
        most = max([most, *(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.2)
    assert process.returncode == 0, process.communicate()[1]
    return most * 1024 / 1e9


def _write_prepared(project: Path, fields: int, side: int) -> None:
    """A prepared dataset of bacteria: a few fields of noise with bright blocks, many times over, compressed once each."""
    rng = np.random.default_rng(0)
    folder = project / "data/prepared/bacteria"
    folder.mkdir(parents=True)
    images, labels = [], []
    for _ in range(DISTINCT):
        label = np.zeros((side, side), np.int32)
        for number, (row, column) in enumerate(rng.integers(0, side - 40, (max(4, side**2 // 10_000), 2)), start=1):
            label[row : row + 12, column : column + 36] = number
        # noise of a few levels compresses, as a camera's does
        image = (1000 + 20 * rng.integers(0, 8, (side, side)) - 300 * (label > 0)).astype(np.uint16)
        images.append(image)
        labels.append(label)
    packed = [
        [
            zlib.compress(np.ascontiguousarray(array.view(np.uint8).reshape(-1, array.itemsize).T).tobytes(), 1)
            for array in stack
        ]
        for stack in (images, labels)
    ]
    rows, first = [], 0
    for split, share in SPLITS.items():
        count = max(4, round(share * fields))
        ids = [f"f{first + i:05d}" for i in range(count)]
        with h5py.File(folder / f"{split}.h5", "w", libver="latest") as file:
            for name, dtype, chunks in (("image", np.uint16, packed[0]), ("labels", np.int32, packed[1])):
                path = f"{name}/{side}x{side}_{np.dtype(dtype).str.lstrip('<')}"
                stack = file.create_dataset(
                    path,
                    (count, side, side),
                    dtype,
                    chunks=(1, side, side),
                    compression="gzip",
                    compression_opts=1,
                    shuffle=True,
                )
                for i in range(count):
                    stack.id.write_direct_chunk((i, 0, 0), chunks[i % DISTINCT])
                file.create_dataset(f"{path}_ids", data=np.array(ids, dtype="S"))
        for i, identity in enumerate(ids):
            group = f"{split}-{i % 4}"
            rows.append({"id": identity, "group": group, "height": side, "width": side, "split": split})
        first += count
    index = pd.DataFrame(rows)
    store.write_index(folder, index)
    records = [
        Record(f"d{i}", "g", image, {"labels": label})
        for i, (image, label) in enumerate(zip(images, labels, strict=True))
    ]
    with tempfile.TemporaryDirectory() as place:
        store.write_raw(Path(place), records, {"origin": "benchmark"})
        raw = store.ImageSet.raw(Path(place))
        coverage.write(folder, raw, raw.index.assign(split="train"))
