"""Augmentation leaves the truth true, and is a function of its seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from brightfield import tasks
from brightfield.data.augmenting import Augmenter
from brightfield.data.augmenting.geometry import GEOMETRY
from brightfield.data.augmenting.intensities import INTENSITIES
from brightfield.data.augmenting.optics import OPTICS
from brightfield.errors import BrightfieldError

ALL = [*GEOMETRY, *OPTICS, *INTENSITIES, "recorded_noise"]
TRACKING = tasks.build("tracking", tiny.SETTINGS["tracking"])
WINDOWS = [np.random.default_rng(0).normal(0, 1, (48, 48)).astype(np.float32)]


def augmenter(*names: str) -> Augmenter:
    return Augmenter(names, ALL, WINDOWS)


def images(count: int = 4, channels: int = 3, side: int = 24) -> torch.Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(0))


def labels(count: int = 4) -> torch.Tensor:
    return (torch.arange(count) % 2).float()[:, None]


@pytest.mark.parametrize("name", ALL)
def test_a_label_stays_what_it_is_and_images_keep_shape_and_type(name: str) -> None:
    original = images(40)
    varied, kept = augmenter(name)(original, labels(40), np.random.default_rng(0))
    assert torch.equal(kept, labels(40))
    assert varied.shape == original.shape
    assert varied.dtype == torch.float32
    assert torch.isfinite(varied).all()
    assert not torch.equal(varied, original)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(8, 40), st.floats(8, 40)), min_size=1, max_size=4),
    st.lists(st.sampled_from(sorted(TRACKING.learning.augmentations - {"noise"})), min_size=1, unique=True),
    st.integers(0, 1000),
)
def test_no_augmentation_of_beads_moves_a_bead_against_its_heat_map(
    places: list[tuple[float, float]], names: list[str], seed: int
) -> None:
    """Images are beads that look as their heat maps do: after augmentation both must be found at the same place."""
    row, column = np.mgrid[:49, :49]
    heat = np.stack([np.exp(-((column - x) ** 2 + (row - y) ** 2) / 8) for x, y in places]).astype(np.float32)[:, None]
    change = Augmenter(names, TRACKING.learning.augmentations)
    pixels, targets = change(torch.from_numpy(heat * 3 - 1), torch.from_numpy(heat), np.random.default_rng(seed))
    for (x, y), seen, target in zip(places, pixels.numpy(), targets.numpy(), strict=True):
        seen = (seen - np.median(seen)) / (seen.max() - np.median(seen))
        encoded = TRACKING.learning.encode(heat[0, 0])
        in_image, in_target = (
            TRACKING.answering.decode(a.astype(np.float32), encoded).positions for a in (seen, target)
        )
        assert in_image.shape == in_target.shape == (1, 2)
        assert np.abs(in_image - in_target).max() < 0.01
        corners = {(x, y), (48 - x, y), (x, 48 - y), (48 - x, 48 - y)}
        corners |= {(b, a) for a, b in corners}
        assert min(np.abs(in_target[0] - corner).max() for corner in corners) < 0.01


def test_the_same_seed_gives_the_same_draws_and_each_image_its_own() -> None:
    alike = images(1).expand(4, -1, -1, -1)
    drawn = [augmenter(*ALL)(alike, labels(), np.random.default_rng(seed))[0] for seed in (5, 5, 6)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert len({float(image.flatten()[0]) for image in drawn[0]}) == 4


@pytest.mark.parametrize("name", ALL)
def test_another_number_of_threads_changes_nothing(name: str) -> None:
    many, threads = images(16, side=96), torch.get_num_threads()
    drawn = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            drawn.append(augmenter(name)(many, labels(16), np.random.default_rng(1))[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*drawn)


def test_without_names_nothing_changes() -> None:
    varied, kept = augmenter()(images(), labels(), np.random.default_rng(0))
    assert torch.equal(varied, images())
    assert torch.equal(kept, labels())


def test_the_originals_are_left_alone() -> None:
    original, classes = images(), torch.randint(0, 3, (4, 24, 24), generator=torch.Generator().manual_seed(1))
    before, classes_before = original.clone(), classes.clone()
    for seed in range(5):
        augmenter(*ALL)(original, classes, np.random.default_rng(seed))
    assert torch.equal(original, before)
    assert torch.equal(classes, classes_before)


def test_what_would_make_the_truth_untrue_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(
        BrightfieldError,
        match=r"Augmentation blur, noise would invalidate the ground truth .*\. Allowed: brightness, flip.",
    ):
        Augmenter(["flip", "blur", "noise"], {"flip", "brightness"})
