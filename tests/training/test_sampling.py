"""Batches prepared ahead by processes of their own."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import tiny
from brightfield import params
from brightfield.system import processes
from brightfield.training import sampling
from trained import fit, weights

STOCHASTIC = {
    "classification": tiny.model("classification", network={"dropout": 0.5}, augment=["flip", "rotate", "colour"]),
    "tracking": tiny.model("tracking", patch_px=32, augment=["flip", "noise", "blur"]),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked")
@pytest.mark.parametrize("kind", STOCHASTIC)
def test_workers_change_nothing_but_who_prepares_the_batches(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared_here = [0]
    of_choice = sampling.Cutter.__getitem__

    def counted(cutter: sampling.Cutter, choice: sampling.Choice) -> Any:
        prepared_here[0] += 1
        return of_choice(cutter, choice)

    monkeypatch.setattr(sampling.Cutter, "__getitem__", counted)
    alone = fit(kind, STOCHASTIC[kind])
    assert prepared_here[0] == 8
    helped = fit(kind, STOCHASTIC[kind], compute=tiny.COMPUTE.model_copy(update={"workers": 2}))
    assert prepared_here[0] == 8
    assert helped.history.equals(alone.history)
    assert all(torch.equal(value, weights(helped)[name]) for name, value in weights(alone).items())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked")
def test_workers_end_with_a_training_that_is_stopped() -> None:
    before = set(multiprocessing.active_children())  # another test of this process may have left some

    def stop(epoch: int, metrics: dict[str, float]) -> None:
        del epoch, metrics
        assert len(set(multiprocessing.active_children()) - before) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as kept:  # which keeps the frames
        fit("tracking", tiny.model("tracking"), compute=tiny.COMPUTE.model_copy(update={"workers": 2}), on_epoch=stop)
    assert kept.tb is not None
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize(
    ("compute", "cores", "on_processor", "expected"),
    [
        ({"threads": 1}, 2, True, 1),
        ({"threads": 2}, 2, True, 0),
        ({"threads": 2}, 4, True, 2),
        ({"threads": 2}, 64, True, sampling.MOST_WORKERS),
        ({"threads": 4}, 2, True, 0),
        ({"threads": 2}, 2, False, 1),
        ({"threads": 2}, 1, False, 0),
        ({"threads": 2, "workers": 3}, 2, True, 3),
        ({"threads": 2, "workers": 0}, 16, False, 0),
    ],
)
def test_workers_take_the_cores_that_are_left(
    compute: dict[str, Any], cores: int, on_processor: bool, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(processes, "cores", lambda: list(range(cores)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**40))
    assert sampling.workers_for(params.Compute(**compute), on_processor) == expected
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**26))  # of a container
    assert sampling.workers_for(params.Compute(**compute), on_processor) == compute.get("workers", 0)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert sampling.workers_for(params.Compute(**compute), on_processor) == 0


@pytest.mark.parametrize(
    ("threads", "cores", "sharing", "expected"), [(1, 2, 2, 0), (1, 4, 2, 1), (2, 16, 2, 6), (2, 7, 3, 0)]
)
def test_trainings_that_share_the_cores_share_what_is_left(
    threads: int, cores: int, sharing: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(processes, "cores", lambda: list(range(cores)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**40))
    monkeypatch.setattr(sampling, "MOST_WORKERS", 16)
    assert sampling.workers_for(params.Compute(threads=threads), on_processor=True, sharing=sharing) == expected
