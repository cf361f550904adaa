"""The samples networks are trained on: patches, and how they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny
from brightfield import params, tasks
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

RNG = np.random.default_rng(0)


def numbered(height: int, width: int) -> Record:
    """A field whose pixels and labels tell where they are."""
    where = np.arange(height * width).reshape(height, width)
    return Record("field", "g", where.astype(np.uint16), {"labels": (where % 2).astype(np.int32)})


def training(patch: int | None) -> params.Training:
    return params.Training(epochs=1, patch_px=patch)


def test_patches_are_cut_from_image_and_target_at_the_same_place_anywhere() -> None:
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    field = numbered(40, 56)
    record = Record("field", "g", field.image, {"clean": field.image.astype(np.float32)})
    samples = task.learning.dataset([record], training(16))
    scale, offset = samples.encoded[0].std, samples.encoded[0].mean
    batch = samples.cut([0] * 300, np.random.default_rng(0))
    assert batch.images.shape == batch.targets.shape == (300, 1, 16, 16)
    torch.testing.assert_close(batch.images, batch.targets)  # clean and noisy are the same here
    places = torch.round(batch.images[:, 0, 0, 0] * scale + offset).int().tolist()
    corners = {divmod(place, 56) for place in places}
    rows, columns = zip(*corners, strict=True)
    assert (min(rows), max(rows)) == (0, 40 - 16)
    assert (min(columns), max(columns)) == (0, 56 - 16)


def test_an_image_smaller_than_the_patch_is_mirrored_outwards() -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    samples = task.learning.dataset([numbered(10, 40)], training(16))
    (image,), (target,), _ = samples.cut([0], RNG)
    assert image.shape == (1, 16, 16)
    assert target.shape == (16, 16)
    assert torch.equal(image[:, 10:], image[:, 4:10].flip(1))
    assert torch.equal(target[10:], target[4:10].flip(0))


def test_without_training_images_come_whole_and_as_they_are() -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    samples = task.learning.dataset(iter([numbered(10, 40), numbered(30, 20)]))
    assert len(samples) == 2
    assert samples.cut([0], RNG).images.shape == (1, 1, 10, 40)
    assert torch.equal(samples.cut([1], RNG).images[0], samples.encoded[1].tensor)
    assert samples.cut([1], RNG).targets.shape == (1, 30, 20)
    assert samples.varied(batch := samples.cut([1], RNG), RNG) is batch


def test_whole_images_of_several_sizes_are_refused_with_what_to_do() -> None:
    samples = tasks.build("segmentation", tiny.SETTINGS["segmentation"]).learning.dataset(
        [numbered(10, 40), numbered(30, 20)], training(None)
    )
    with pytest.raises(BrightfieldError, match=r"Images of 20x10 to 40x30 px .* Set training.patch_px"):
        samples.cut([0, 1], RNG)


def test_draws_are_a_function_of_the_seed() -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    settings = params.Training(epochs=1, patch_px=16, augment=["flip", "noise", "brightness", "blur"])
    samples = task.learning.dataset([numbered(40, 40)], settings)
    drawn = []
    for seed in (3, 3, 4):
        rng = np.random.default_rng(seed)
        drawn.append(samples.varied(samples.cut([0, 0], rng), rng).images)
    first, same, other = drawn
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_black_is_what_a_pixel_without_light_is_after_normalisation() -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    dark = Record(
        "dark", "g", np.random.default_rng(0).integers(50, 250, (32, 32, 3)).astype(np.uint8), {}, {"label": 1}
    )
    dark.image[0, 0] = 0
    samples = task.learning.dataset([dark])
    batch = samples.cut([0], RNG)
    torch.testing.assert_close(batch.images[0, :, 0, 0], batch.black.expand(3))
