"""Devices, threads, precision and seeds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.inference.device import Device, start_device


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(
        BrightfieldError, match=rf"compute.device is '{device}', but this machine has only cpu. Set it to 'auto'."
    ):
        start_device(params.Compute(device=device))


def test_auto_takes_the_first_of_cuda_mps_and_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"cuda": True, "mps": True}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: found["mps"])
    for expected in ("cuda", "mps", "cpu"):
        assert start_device(params.Compute(threads=1, precision="float32")).torch_device == torch.device(expected)
        found[expected] = False


def test_threads_are_as_many_as_asked() -> None:
    start_device(params.Compute(device="cpu", threads=2))
    assert torch.get_num_threads() == 2
    start_device(params.Compute(device="cpu", threads=1))
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_precision_is_what_a_layer_computes_in(precision: Any, expected: torch.dtype) -> None:
    device = start_device(params.Compute(device="cpu", threads=1, precision=precision))
    with device.autocast():
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == expected


def test_auto_precision_is_what_the_processor_has() -> None:
    device = start_device(params.Compute(device="cpu", threads=1, precision="auto"))
    assert device.bfloat16 == torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.parametrize(
    ("precision", "groups", "stays"), [("auto", 4, False), ("auto", 1, True), ("bfloat16", 4, True)]
)
def test_depthwise_convolutions_keep_float32_on_a_processor(precision: Any, groups: int, stays: bool) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3, groups=groups))
    device = Device(torch.device("cpu"), bfloat16=True, chosen=precision == "auto")
    assert device.for_network(network).bfloat16 == stays


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))


def test_a_seed_repeats_everything_random_and_no_seed_leaves_it_alone() -> None:
    compute = params.Compute(device="cpu", threads=1)
    start_device(compute, seed=7)
    first, following = draws(), draws()
    start_device(compute, seed=7)
    assert draws() == first
    start_device(compute)
    assert draws() == following
    start_device(compute, seed=8)
    assert all(a != b for a, b in zip(draws(), first, strict=True))
