"""Device, threads, precision and seeds of computations."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from brightfield import params
from brightfield.architectures.protocols import has_depthwise_convolutions
from brightfield.errors import BrightfieldError
from brightfield.system import memory, turns


@dataclass(frozen=True)
class Device:
    """The section ``compute`` of params.yaml, resolved for this machine."""

    torch_device: torch.device
    bfloat16: bool
    chosen: bool = False  # whether the precision was chosen here ("auto")

    @property
    def name(self) -> str | None:
        """The GPU's name; None for the processor, which :mod:`brightfield.system.lineage` names."""
        return torch.cuda.get_device_name(self.torch_device) if self.torch_device.type == "cuda" else None

    def for_network(self, network: nn.Module) -> Device:
        """The device for one network: with precision "auto" on a CPU, depthwise convolutions stay in float32.

        In bfloat16 they train several times slower on a CPU (no fast kernel); mobile encoders consist of them.
        """
        slow = self.chosen and self.torch_device.type == "cpu" and has_depthwise_convolutions(network)
        return replace(self, bfloat16=self.bfloat16 and not slow)

    def autocast(self) -> AbstractContextManager[object]:
        """The context of mixed precision, if it is used."""
        if not self.bfloat16:
            return nullcontext()
        return torch.autocast(self.torch_device.type, torch.bfloat16)

    def turn(self) -> AbstractContextManager[object]:
        """The context of a computation on several cores, which waits for other commands' (:mod:`brightfield.system.turns`)."""
        if self.torch_device.type != "cpu":
            return nullcontext()
        return turns.of_this_process().take(torch.get_num_threads())

    @contextmanager
    def deterministic(self) -> Iterator[None]:
        """A context in which a GPU uses algorithms that give the same result each time; those of a CPU do so anyway."""
        if self.torch_device.type != "cuda":
            yield
            return
        before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
        try:
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # slow, never read
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


def start_device(compute: params.Compute, seed: int | None = None) -> Device:
    """Set the number of threads and, if given, the seed of all random generators; return the device.

    The last digit of a sum depends on the number of threads, so it is a parameter and not the number of cores.

    Raises:
        BrightfieldError: the machine does not have the device.
    """
    torch.set_num_threads(compute.threads)
    memory.keep_freed_memory()
    if seed is not None:
        seed_generators(seed)
    device = _torch_device(compute.device)
    return Device(device, _bfloat16(compute.precision, device), chosen=compute.precision == "auto")


def seed_generators(seed: int, epoch: int | None = None) -> None:
    """Seed all random generators of the process, of Python, numpy and torch, on every device; anew for each epoch of a training."""
    if epoch is not None:
        seed = int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)  # libraries draw from it
    torch.manual_seed(seed)


def _torch_device(wanted: str) -> torch.device:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
    if not available[wanted]:
        raise BrightfieldError(
            f"compute.device is {wanted!r}, but this machine has only "
            f"{', '.join(name for name, has in available.items() if has)}. Set it to 'auto'."
        )
    return torch.device(wanted)


def _bfloat16(precision: str, device: torch.device) -> bool:
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # a CPU without the instructions emulates bfloat16, slower than float32
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
