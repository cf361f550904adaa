"""Activated outputs of images of any size: padding and tiles must not show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tiny
from brightfield import tasks
from brightfield.inference import activations
from brightfield.inference.device import Device, start_device
from brightfield.system.arrays import Lazy
from brightfield.tasks import Encoded


@pytest.fixture
def device() -> Device:
    return start_device(tiny.COMPUTE, seed=0)


def local_network(task: Any) -> nn.Module:
    """Answers from the 5x5 pixels around each; at a border it sees the same mirrored pixels as padding shows it."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, padding_mode="reflect"), nn.Tanh(), nn.Conv2d(6, task.learning.shape().outputs, 1)
    )


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60_000, shape).astype(np.uint16)


@pytest.mark.parametrize("kind", ["tracking", "segmentation", "restoration"])
def test_a_tiled_image_answers_as_one_that_is_not(kind: str, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks.build(kind, tiny.SETTINGS[kind])
    network = local_network(task)
    encoded = [task.learning.encode(image(1500, 1300))]
    monkeypatch.setattr(activations, "TILE_PX", 2048)
    (whole,) = activations.activations(task, network, encoded, device)
    monkeypatch.setattr(activations, "TILE_PX", 512)
    (tiled,) = activations.activations(task, network, encoded, device)
    assert whole.shape == tiled.shape == (task.learning.shape().outputs, 1500, 1300)
    assert whole.dtype == tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    assert not np.array_equal(tiled, whole)  # it was tiled


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("size", [(331, 517), (512, 300), (97, 700)])
def test_tiles_of_a_unet_leave_no_seam(
    depth: int, size: tuple[int, int], device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everywhere, the borders of image and tiles included, for a network whose coarsest pixels and reach both matter."""
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    torch.manual_seed(0)
    network = task.learning.network(tiny.model("restoration", network={"depth": depth, "residual": False}))
    for parameter in network.parameters():
        parameter.data *= 1.5  # far pixels have a say
    encoded = [task.learning.encode(image(*size))]
    calls: list[tuple[int, ...]] = []
    network.register_forward_pre_hook(lambda _, inputs: calls.append(tuple(inputs[0].shape[-2:])))
    monkeypatch.setattr(activations, "TILE_PX", 2048)
    (whole,) = activations.activations(task, network, encoded, device)
    monkeypatch.setattr(activations, "TILE_PX", 160)
    (tiled,) = activations.activations(task, network, encoded, device)
    assert len(calls) > 2
    assert max(map(max, calls[1:])) < max(size)
    assert whole.std() > 0.05
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_tiles_of_a_network_that_sees_everything_blend_smoothly(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Everything(nn.Module):
        def forward(self, batch: Tensor) -> Tensor:
            return batch.mean(dim=(2, 3), keepdim=True).expand_as(batch)

    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    ramp = np.linspace(0, 1000, 700, dtype=np.float32)[None].repeat(64, axis=0)
    monkeypatch.setattr(activations, "TILE_PX", 256)
    (answer,) = activations.activations(task, Everything(), [task.learning.encode(ramp)], device)
    steps = np.abs(np.diff(answer[0, 32]))
    assert np.ptp(answer[0, 32]) > 1  # tiles differ by units,
    assert steps.max() < 0.05  # neighbouring pixels do not


def test_tiles_are_bounded_and_begin_where_the_coarsest_pixels_of_the_network_do(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    seen: list[tuple[int, ...]] = []

    class Network(nn.Module):
        multiple_px, reach_px = 64, 10

        def forward(self, batch: Tensor) -> Tensor:
            seen.append(tuple(batch.shape))
            return batch

    monkeypatch.setattr(activations, "TILE_PX", 320)
    (answer,) = activations.activations(task, Network(), [task.learning.encode(image(700, 90))], device)
    # 704 px padded: 320 + 2 * (320 - 128), the 2 * 10 + 64 px shared rounded up to 128
    assert seen == [(1, 1, 320, 128)] * 3
    assert answer.shape == (1, 700, 90)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 7), (32, 32), (33, 31), (64, 200)])
def test_the_answer_has_the_size_of_the_image(shape: tuple[int, int], device: Device) -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    encoded = task.learning.encode(image(*shape))
    (answer,) = activations.activations(task, nn.Identity(), [encoded], device)
    np.testing.assert_array_equal(answer, encoded.tensor.numpy())


def test_answers_come_in_the_order_of_the_images(device: Device) -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    encoded = [task.learning.encode(image(height, 20)) for height in (40, 9, 300, 9)]
    answers = activations.activations(task, nn.Identity(), encoded, device)
    assert [answer.shape[1] for answer in answers] == [40, 9, 300, 9]
    assert activations.activations(task, nn.Identity(), [], device) == []


def test_crops_go_in_batches_and_answer_as_each_alone(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    network = task.learning.network(tiny.model("classification"))
    encoded = [task.learning.encode(record.image) for record in tiny.records("classification", 7)]
    alone = [activations.activations(task, network, [e], device)[0] for e in encoded]
    sizes: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    monkeypatch.setattr(activations, "BATCH_PIXELS", 3 * 32 * 32)
    together = activations.activations(task, network, encoded, device)
    assert sizes == [3, 3, 1]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert activations.activations(task, network, [], device) == []


def test_small_images_of_one_size_go_in_batches_and_answer_as_each_alone(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    network = task.learning.network(tiny.model("segmentation"))
    shapes = [(40, 50)] * 5 + [(50, 40)] * 2 + [(70, 70), (40, 50)]
    encoded = [task.learning.encode(np.roll(image(*shape), i)) for i, shape in enumerate(shapes)]
    alone = [activations.activations(task, network, [e], device, views=3)[0] for e in encoded]
    sizes: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    monkeypatch.setattr(activations, "BATCH_PIXELS", 2 * 40 * 50)
    together = activations.activations(task, network, encoded, device, views=3)
    assert sizes[::3] == [2, 2, 1, 2, 1, 1]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_an_image_that_fills_a_batch_alone_is_answered_before_the_next_is_read(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    read: list[int] = []

    def encode(i: int) -> Encoded:
        read.append(i)
        return task.learning.encode(image(40, 50))

    monkeypatch.setattr(activations, "BATCH_PIXELS", 40 * 50)
    answers = activations.stream(task, nn.Identity(), Lazy(3, encode), device)
    next(answers)
    assert read == [0]


def test_a_batch_of_specks_is_no_larger_after_they_were_padded(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    sizes: list[int] = []
    network = nn.Identity()
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].numel()))
    monkeypatch.setattr(activations, "BATCH_PIXELS", 3 * 32 * 32)
    activations.activations(task, network, [task.learning.encode(image(2, 3)) for _ in range(7)], device)
    assert sizes == [3 * 32 * 32, 3 * 32 * 32, 32 * 32]


def test_the_network_is_in_evaluation_mode_and_keeps_no_graph(device: Device) -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    network = task.learning.network(tiny.model("classification", network={"dropout": 0.5})).train()
    encoded = [task.learning.encode(record.image) for record in tiny.records("classification", 3)]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first, second = (activations.activations(task, network, encoded, device) for _ in range(2))
    np.testing.assert_array_equal(first, second)  # no dropout
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())  # no statistics


# --- views ------------------------------------------------------------------------------------------------------------


class Leftwards(nn.Module):
    """Answers each pixel with its left neighbour: it knows left from right."""

    def forward(self, batch: Tensor) -> Tensor:
        return torch.roll(batch[:, :1], 1, dims=-1)


def test_the_mean_of_all_views_of_a_map_treats_all_directions_alike(device: Device) -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    pixels = np.zeros((64, 96), np.float32)
    pixels[20, 50] = 1
    encoded = [task.learning.encode(pixels)]
    (once,) = activations.activations(task, Leftwards(), encoded, device)
    (all_views,) = activations.activations(task, Leftwards(), encoded, device, views=8)
    background = float(encoded[0].tensor.min())
    assert {tuple(i) for i in np.argwhere(once[0] > background + 0.1)} == {(20, 51)}
    bright = all_views[0] - background > 0.1
    assert {tuple(i) for i in np.argwhere(bright)} == {(20, 51), (20, 49), (19, 50), (21, 50)}
    np.testing.assert_allclose(all_views[0][bright], all_views[0][bright].mean(), rtol=1e-5)


def test_the_probability_of_a_crop_is_the_mean_over_its_views(device: Device) -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])

    class UpperLeft(nn.Module):
        def forward(self, batch: Tensor) -> Tensor:
            return 5 * batch[:, 0, :1, 0]

    encoded = [task.learning.encode(record.image) for record in tiny.records("classification", 3, seed=0)]
    found = activations.activations(task, UpperLeft(), encoded, device, views=8)
    for image, probability in zip(encoded, found, strict=True):
        corners = image.tensor[0, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert float(probability[0]) == pytest.approx(float(torch.sigmoid(5 * corners).mean()), abs=1e-5)
