"""Moves: image and target go together, flips to the last bit, rotations the same on every device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from brightfield.data.augmenting import Augmenter
from brightfield.data.augmenting.geometry import flip, rotate, rotated, turned
from brightfield.images import symmetry


def images(count: int, channels: int = 1, height: int = 24, width: int = 24) -> Tensor:
    return torch.randn(count, channels, height, width, generator=torch.Generator().manual_seed(0))


def views_of(image: Tensor) -> list[Tensor]:
    """The eight flips and quarter turns of the last two axes, drawn by hand."""
    return [torch.rot90(s, k, (-2, -1)) for s in (image, image.flip(-1)) for k in range(4)]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_is_turned_to_its_own_view_to_the_last_bit(channels: int) -> None:
    original, views = images(16, channels), np.tile(np.arange(8), 2)[::-1].copy()
    moved = turned(original, views)
    for image, seen, view in zip(original, moved, views, strict=True):
        assert np.array_equal(symmetry.turned(image.numpy(), int(view)), seen.numpy())


def test_flips_are_the_eight_symmetries_of_a_square() -> None:
    original = images(1).expand(200, -1, -1, -1)
    moved, _ = flip()(original, None, np.random.default_rng(0))
    seen = [i for image in moved for i, view in enumerate(views_of(original[0])) if torch.equal(image, view)]
    assert len(seen) == 200
    assert set(seen) == set(range(8))


def test_a_rectangle_keeps_its_shape() -> None:
    original = images(1, height=12, width=20).expand(60, -1, -1, -1)
    moved, _ = flip()(original, None, np.random.default_rng(0))
    assert moved.shape == original.shape
    first = original[0]
    four = [first, first.flip(-1), first.flip(-2), first.flip((-2, -1))]
    seen = [i for image in moved for i, view in enumerate(four) if torch.equal(image, view)]
    assert len(seen) == 60
    assert set(seen) == set(range(4))


TARGETS = {
    "heat map": images(40),
    "several maps": images(40, 3),
    "classes": torch.randint(0, 3, (40, 24, 24), generator=torch.Generator().manual_seed(1)),
    "classes in a byte": torch.randint(0, 3, (40, 24, 24), generator=torch.Generator().manual_seed(1)).byte(),
    "classes with unknown": torch.randint(-1, 3, (40, 24, 24), generator=torch.Generator().manual_seed(1)),
}


@pytest.mark.parametrize("name", TARGETS)
def test_image_and_target_move_together(name: str) -> None:
    original, targets = images(40), TARGETS[name]
    change = Augmenter(["flip", "noise", "brightness"], ["flip", "noise", "brightness"])
    _, moved_targets = change(original, targets, np.random.default_rng(3))
    moved, _ = Augmenter(["flip"], ["flip"])(original, torch.zeros(40, 1), np.random.default_rng(3))
    assert moved_targets.dtype == targets.dtype
    assert moved_targets.shape == targets.shape
    for image, seen, target, moved_target in zip(original, moved, targets, moved_targets, strict=True):
        (which,) = [i for i, view in enumerate(views_of(image)) if torch.equal(seen, view)]
        assert torch.equal(moved_target, views_of(target)[which])


def test_rotation_turns_by_any_angle_half_of_the_time_and_keeps_the_range() -> None:
    original = images(1, 3).expand(60, -1, -1, -1)
    moved, _ = rotate()(original, None, np.random.default_rng(0))
    others = [m for m in moved if not any(torch.equal(m, s) for s in views_of(original[0]))]
    assert 20 <= len(others) <= 40
    assert len({float(image[0, 0, 0]) for image in others}) == len(others)
    assert moved.min() >= original.min() - 1e-4
    assert moved.max() <= original.max() + 1e-4


def test_classes_are_rotated_with_the_image_and_stay_classes() -> None:
    """The image is its own class map, so after any rotation the two still agree but where the image was resampled."""
    classes = torch.zeros(20, 64, 64, dtype=torch.int64)
    classes[:, 16:48, 24:40], classes[:, 28:36, 30:60] = 1, 2
    moved, targets = rotate()(classes[:, None].float(), classes[:, None], np.random.default_rng(0))
    assert targets.dtype == torch.int64
    assert sum(not torch.equal(target[0], classes[0]) for target in targets) > 5
    assert set(targets.unique().tolist()) == {0, 1, 2}
    agree = ((moved.round() - targets).abs() < 0.5).double().mean(dim=(1, 2, 3))
    assert float(agree.min()) > 0.9


@pytest.mark.parametrize("side", [63, 64])
def test_a_device_rotates_as_the_processor_does(side: int) -> None:
    """On a processor OpenCV rotates, elsewhere torch; OpenCV rounds places to 1/32 px where there are two channels."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    smooth = torch.stack([torch.sin(x / 5.0), torch.cos(y / 7.0 + x / 9.0)])[None].expand(24, -1, -1, -1)
    classes = (smooth[:, :1] > 0).byte() + (smooth[:, 1:] > 0.3).byte()
    on_processor, classes_there = rotate()(smooth, classes, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    chosen = np.flatnonzero(rng.random(24) < 0.5)
    angles = rng.uniform(-180, 180, 24)[chosen]
    assert len(chosen) >= 8
    elsewhere = rotated(smooth[chosen], angles, "bilinear")
    steepest = 1 / 5.0  # change a pixel
    torch.testing.assert_close(elsewhere, on_processor[chosen], atol=steepest / 32, rtol=0)
    assert classes_there is not None
    classes_elsewhere = rotated(classes[chosen].float(), angles, "nearest").byte()
    assert float((classes_elsewhere == classes_there[chosen]).double().mean()) > 0.999


def test_a_quarter_turn_is_exact_on_a_device() -> None:
    original = images(4)
    moved = rotated(original, np.array([0.0, 90.0, 180.0, -90.0]), "bilinear")
    expected = [torch.rot90(image, k, (-2, -1)) for k, image in enumerate(original)]
    torch.testing.assert_close(moved, torch.stack(expected), atol=2e-5, rtol=0)
