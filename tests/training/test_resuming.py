"""A training that was interrupted goes on and ends as if it had not been, to the last bit."""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from brightfield import params
from brightfield.inference.device import start_device
from brightfield.training.resuming import Resumable, fingerprint
from trained import fit, weights

ENTRIES = {
    "dropout, rotations, a moving average": (
        "classification",
        tiny.model(
            "classification",
            network={"dropout": 0.5, "batch_norm": True},
            augment=["flip", "rotate", "colour"],
            ema=0.9,
            balance="batches",
            epochs=4,
        ),
    ),
    "RMSprop, a constant rate": (
        "classification",
        tiny.model("classification", optimizer="rmsprop", schedule="constant", epochs=4),
    ),
    "patches": ("tracking", tiny.model("tracking", patch_px=32, augment=["flip", "noise", "blur"], epochs=4)),
    "classes": ("segmentation", tiny.model("segmentation", augment=["flip", "rotate", "noise"], epochs=4)),
    "blind spots": ("restoration", tiny.model("restoration", network={"residual": False}, blind_spots=True, epochs=4)),
    "patience": ("classification", tiny.model("classification", learning_rate=1e-12, patience=1, epochs=9)),
}


class Interrupted(Exception):  # noqa: N818
    """What stops a training in its third epoch."""


def interrupt(epoch: int, metrics: dict[str, float]) -> None:
    del metrics
    if epoch == 2:
        raise Interrupted


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_interrupted_training_ends_with_the_same_weights_and_history(entry: str, tmp_path: Path) -> None:
    kind, model = ENTRIES[entry]
    whole = fit(kind, model)
    path = tmp_path / "state" / "mine.safetensors"
    if len(whole.history) > 2:
        with pytest.raises(Interrupted):
            fit(kind, model, resumable=Resumable(path, "f"), on_epoch=interrupt)
    else:
        fit(kind, model, resumable=Resumable(path, "f"))  # killed after its last epoch, before its bundle
    left = Resumable(path, "f")
    assert left.interrupted
    assert len(left.rows) == 2  # the third epoch had not been saved
    epochs: list[int] = []
    resumed = fit(kind, model, resumable=left, on_epoch=lambda epoch, _: epochs.append(epoch))
    assert epochs == list(range(2, len(whole.history)))
    assert resumed.history.equals(whole.history)
    assert resumed.best_epoch == whole.best_epoch
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(whole).items())


def test_what_belongs_to_another_training_is_not_gone_on_with(tmp_path: Path) -> None:
    model, path = tiny.model("classification", epochs=4), tmp_path / "mine.safetensors"
    with pytest.raises(Interrupted):
        fit("classification", model, resumable=Resumable(path, "one"), on_epoch=interrupt)
    other = Resumable(path, "another")
    assert not other.interrupted
    assert other.rows == []
    epochs: list[int] = []
    fit("classification", model, resumable=other, on_epoch=lambda epoch, _: epochs.append(epoch))
    assert epochs == [0, 1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_state_is_ignored(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(content)
    assert not Resumable(path, "f").interrupted


def test_what_belongs_to_a_training_is_saved_with_it(tmp_path: Path) -> None:
    resumable = Resumable(tmp_path / "mine.safetensors", "f")
    resumable.about = {"run_id": "abc"}
    fit("classification", tiny.model("classification"), resumable=resumable)
    assert Resumable(resumable.path, "f").about == {"run_id": "abc"}
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]
    resumable.remove()
    assert not Resumable(resumable.path, "f").interrupted


def test_a_full_disk_costs_the_possibility_to_resume_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with caplog.at_level(logging.WARNING):
        fitted = fit("classification", tiny.model("classification"), resumable=Resumable(tmp_path / "mine", "f"))
    assert len(fitted.history) == 2
    assert "could not be saved (No space left on device): it goes on" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_fingerprint_names_all_that_the_result_depends_on() -> None:
    device = start_device(tiny.COMPUTE)
    weight = torch.zeros(3)
    same: dict[str, Any] = {"identity": {"data": "a"}, "device": device, "threads": 1, "initial": {"w": weight}}
    changed: list[dict[str, Any]] = [
        {"identity": {"data": "b"}},
        {"device": start_device(params.Compute(device="cpu", precision="bfloat16"))},
        {"threads": 2},
        {"initial": {"w": weight + 1}},
        {"initial": None},
    ]
    found = [fingerprint(**same), *(fingerprint(**{**same, **change}) for change in changed)]
    assert fingerprint(**same) == found[0]
    assert len(set(found)) == len(found)
