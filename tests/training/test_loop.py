"""Steps of a training, beside other processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from torch import nn

import tiny
from brightfield.system import turns
from trained import fit


def test_every_step_and_every_image_of_validation_is_computed_in_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    open_turns, taken, steps = [0], [0], [0]

    class Counting:
        @contextmanager
        def take(self, threads: int) -> Iterator[bool]:
            assert threads == tiny.COMPUTE.threads
            open_turns[0] += 1
            taken[0] += 1
            yield True
            open_turns[0] -= 1

    def forward(module: nn.Module, given: Any) -> None:
        del module, given
        assert open_turns[0] == 1
        steps[0] += 1

    monkeypatch.setattr(turns, "of_this_process", Counting)
    handle = nn.modules.module.register_module_forward_pre_hook(forward)
    try:
        fit("segmentation", tiny.model("segmentation", epochs=2))
    finally:
        handle.remove()
    assert taken[0] > 2
    assert steps[0] > taken[0]
