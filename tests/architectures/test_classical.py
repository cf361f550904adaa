"""What every classical baseline does, whatever it computes."""

from __future__ import annotations

import pytest
import torch

import tiny
from brightfield import tasks


@pytest.mark.parametrize("kind", [kind for kind, known in tiny.KINDS.items() if known.baseline])
def test_a_baseline_stays_on_the_processor_where_networks_go_to_another_device(kind: str) -> None:
    task = tasks.build(kind, tiny.SETTINGS[kind])
    network = task.learning.network(tiny.baseline(kind))
    network.fit(*_samples(kind))
    record = tiny.records(kind, 1)[0]
    batch = task.learning.encode(task.learning.pixels(record)).tensor[None]
    expected = network(batch)
    moved = network.to("meta").to(
        memory_format=torch.channels_last
    )  # a device without memory: numpy could read nothing there
    assert {buffer.device.type for buffer in moved.buffers()} == {"cpu"}
    assert torch.equal(moved(batch), expected)


def _samples(kind: str) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    samples = tasks.build(kind, tiny.SETTINGS[kind]).learning.dataset(tiny.records(kind, 8))
    return [encoded.tensor for encoded in samples.encoded], samples.targets
