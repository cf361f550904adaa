"""What a training needs to go on where it was interrupted: its state after the last whole epoch, in one file without pickles.

An epoch depends on the state before it and on the seed alone (see :mod:`brightfield.training.loop`), so the state is weights, their
moving average, the optimizer's moments, the schedule, the best weights so far and the history. It belongs to one training: the
fingerprint names code, data, settings, initial weights and the arithmetic of the machine, and a file with another one is ignored.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

import brightfield
from brightfield import params
from brightfield.inference.device import Device
from brightfield.system.files import UNWRITABLE, atomic_file
from brightfield.training.checkpointing import BestCheckpoint
from brightfield.training.optimisation import MovingAverage, optimizer, schedule

_log = logging.getLogger(__name__)


@dataclass
class State:
    """Everything that a step changes."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    mean: MovingAverage | None

    @classmethod
    def start(cls, network: nn.Module, training: params.Training, steps_per_epoch: int) -> State:
        """The state before the first step."""
        chosen = optimizer(network, training)
        planned = schedule(chosen, training, training.epochs * steps_per_epoch)
        return cls(network, chosen, planned, None if training.ema is None else MovingAverage(network, training.ema))

    def tensors(self) -> dict[str, Tensor]:
        """All tensors, by dotted names."""
        found = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        if self.mean is not None:
            found |= {f"mean.{name}": value for name, value in self.mean.network.state_dict().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
        return found

    def plain(self) -> dict[str, Any]:
        """What is no tensor, for JSON."""
        return {
            "groups": self.optimizer.state_dict()["param_groups"],
            "schedule": self.schedule.state_dict(),
            "averaged": None if self.mean is None else self.mean.steps,
        }

    def load(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Take over what :meth:`tensors` and :meth:`plain` gave."""
        self.network.load_state_dict(_below("network", tensors))
        if self.mean is not None:
            self.mean.network.load_state_dict(_below("mean", tensors))
            self.mean.steps = plain["averaged"]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _below("optimizer", tensors).items():
            number, _, moment = name.partition(".")
            moments.setdefault(int(number), {})[moment] = value
        self.optimizer.load_state_dict({"state": moments, "param_groups": plain["groups"]})
        self.schedule.load_state_dict(dict(plain["schedule"]))
        # a sum in another order of memory may differ in its last digit
        for parameter, found in self.optimizer.state.items():
            for moment, value in found.items():
                if value.shape == parameter.shape:
                    found[moment] = torch.empty_like(parameter).copy_(value)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): v for name, v in tensors.items() if name.startswith(f"{prefix}.")}


class Resumable:
    """The file of one training, written after each epoch.

    Attributes:
        path: the file.
        interrupted: whether an interrupted training of the same fingerprint left its state there.
        about: plain values that are saved with the state, such as the id of its run; at first those of the training, interrupted
            or another one, that left the file.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self._plain = _read_plain(path)
        self.interrupted = self._plain.get("fingerprint") == fingerprint
        self.about: dict[str, str] = dict(self._plain.get("about", {}))

    @property
    def rows(self) -> list[dict[str, float]]:
        """The history of the interrupted training, a row an epoch."""
        return list(self._plain["rows"]) if self.interrupted else []

    def restore(self, state: State, checkpoint: BestCheckpoint) -> int:
        """Continue with what an interrupted training left; returns the number of epochs that are done, 0 without one."""
        if not self.interrupted:
            return 0
        tensors = safetensors.torch.load_file(self.path)
        state.load(tensors, self._plain["state"])
        checkpoint.rows = self.rows
        checkpoint.best_epoch, checkpoint.best_value = self._plain["best_epoch"], self._plain["best_value"]
        checkpoint.best_weights = _below("best", tensors)
        return len(checkpoint.rows)

    def save(self, state: State, checkpoint: BestCheckpoint) -> None:
        """Replace the file; a disk that takes no more costs the possibility to resume and not the training."""
        plain = {
            "fingerprint": self.fingerprint,
            "about": self.about,
            "rows": checkpoint.rows,
            "best_epoch": checkpoint.best_epoch,
            "best_value": checkpoint.best_value,
            "state": state.plain(),
        }
        tensors = state.tensors() | {f"best.{name}": value for name, value in checkpoint.best_weights.items()}
        # copies: safetensors takes no tensor that shares its memory with another
        on_cpu = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(self.path) as partial:
                # written by Python: a full disk is an OSError then, with its reason
                partial.write_bytes(safetensors.torch.save(on_cpu, {"plain": json.dumps(plain)}))
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            _log.warning(
                "The state of the training could not be saved (%s): it goes on, but cannot be resumed from this epoch.",
                error.strerror or error,
            )

    def remove(self) -> None:
        """Delete the file, when the training's result is safe."""
        self.path.unlink(missing_ok=True)


def _read_plain(path: Path) -> dict[str, Any]:
    """What is no tensor of a saved state; empty without one, or with a damaged one."""
    try:
        with safe_open(path, "pt") as file:
            content = json.loads(file.metadata()["plain"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def fingerprint(
    identity: Mapping[str, Any], device: Device, threads: int, initial: Mapping[str, Tensor] | None = None
) -> str:
    """A digest of all that the result of a training depends on.

    Args:
        identity: settings and hashes of data, plain values.
        device: device and precision.
        threads: number of threads, on which the last digit of a sum depends.
        initial: weights to start from.
    """
    found = hashlib.sha256(_code().encode())
    name = torch.cuda.get_device_name(device.torch_device) if device.torch_device.type == "cuda" else ""
    arithmetic = [torch.__version__, str(device.torch_device), name, device.bfloat16, threads]
    found.update(json.dumps([identity, arithmetic], sort_keys=True, default=str).encode())
    for key, tensor in sorted((initial or {}).items()):
        found.update(key.encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _code() -> str:
    """A digest of the package's source."""
    top = Path(brightfield.__file__).parent
    found = hashlib.sha256()
    for path in sorted(top.rglob("*.py")):
        found.update(path.relative_to(top).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()
