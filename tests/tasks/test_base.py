"""What all tasks share: objectives and the samples networks are trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny
from brightfield import params, tasks
from brightfield.data.records import Record
from brightfield.tasks import Objective

NAN = float("nan")


@pytest.mark.parametrize(
    ("direction", "a", "b", "better"),
    [
        ("maximize", 2.0, 1.0, True),
        ("maximize", 1.0, 2.0, False),
        ("maximize", 1.0, 1.0, False),
        ("minimize", 1.0, 2.0, True),
        ("minimize", 2.0, 1.0, False),
        ("maximize", 0.0, NAN, True),
        ("minimize", 9.0, NAN, True),
        ("maximize", NAN, 0.0, False),
        ("minimize", NAN, 0.0, False),
        ("maximize", NAN, NAN, False),
    ],
)
def test_better_is_strict_and_undefined_is_worst(direction: str, a: float, b: float, better: bool) -> None:
    objective = Objective({"maximize": "auc", "minimize": "rmse_px"}[direction])
    assert objective.direction == direction
    assert objective.better(a, b) is better


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
    samples = task.dataset([record], training(16), seed=0)
    scale, offset = samples.encoded[0].std, samples.encoded[0].mean
    corners = set()
    for _ in range(300):
        sample = samples[0]
        assert sample["image"].shape == sample["target"].shape == (1, 16, 16)
        torch.testing.assert_close(sample["image"], sample["target"])  # clean and noisy are the same here
        place = round(float(sample["image"][0, 0, 0]) * scale + offset)
        corners.add(divmod(place, 56))
    rows, columns = zip(*corners, strict=True)
    assert (min(rows), max(rows)) == (0, 40 - 16)
    assert (min(columns), max(columns)) == (0, 56 - 16)


def test_an_image_smaller_than_the_patch_is_mirrored_outwards() -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    samples = task.dataset([numbered(10, 40)], training(16), seed=0)
    sample = samples[0]
    assert sample["image"].shape == (1, 16, 16)
    assert sample["target"].shape == (16, 16)
    assert torch.equal(sample["image"][:, 10:], sample["image"][:, 4:10].flip(1))
    assert torch.equal(sample["target"][10:], sample["target"][4:10].flip(0))


def test_without_training_images_come_whole_and_as_they_are() -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    samples = task.dataset(iter([numbered(10, 40), numbered(30, 20)]))
    assert len(samples) == 2
    assert samples[0]["image"].shape == (1, 10, 40)
    assert torch.equal(samples[1]["image"], samples.encoded[1].tensor)
    assert samples[1]["target"].shape == (30, 20)


def test_draws_are_a_function_of_the_seed() -> None:
    task = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
    settings = params.Training(epochs=1, patch_px=16, augment=["flip", "noise", "brightness", "blur"])
    first, same, other = (task.dataset([numbered(40, 40)], settings, seed=seed) for seed in (3, 3, 4))
    drawn = [first[0]["image"] for _ in range(4)]
    assert all(torch.equal(image, same[0]["image"]) for image in drawn)
    assert not all(torch.equal(image, other[0]["image"]) for image in drawn)
