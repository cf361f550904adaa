"""Colour and texture features with logistic regression."""

from __future__ import annotations

import numpy as np
import torch

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.features import QUANTILES, RINGS, SCALES_PX, FeaturesLogistic, features

COUNT = len(QUANTILES) + 2 * RINGS + 3 * len(SCALES_PX)  # a channel


def crops(count: int, seed: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Coarse texture (1) and fine texture (0) of the same mean and spread."""
    rng = np.random.default_rng(seed)
    images, targets = [], []
    for i in range(count):
        noise = rng.normal(size=(3, 32, 32))
        if i % 2:
            noise = np.repeat(np.repeat(noise[:, ::4, ::4], 4, axis=1), 4, axis=2)
        images.append(torch.from_numpy(((noise - noise.mean()) / noise.std()).astype(np.float32)))
        targets.append(torch.tensor([float(i % 2)]))
    return images, targets


def baseline() -> FeaturesLogistic:
    return FeaturesLogistic(params.Features(architecture="features"), Shape(3, 1, 32))


def test_there_are_as_many_features_as_buffers_hold() -> None:
    image = np.random.default_rng(0).normal(size=(3, 20, 31)).astype(np.float32)
    row = features(image)
    assert row.shape == (3 * COUNT,) == baseline().weight.shape
    assert np.isfinite(row).all()


def test_the_quantiles_are_those_of_the_channel() -> None:
    channel = np.arange(101 * 101, dtype=np.float32).reshape(1, 101, 101)
    np.testing.assert_allclose(features(channel)[: len(QUANTILES)], np.array(QUANTILES) * 10200, rtol=1e-5)


def test_rings_go_from_the_centre_outwards() -> None:
    y, x = np.mgrid[:60, :60] - 29.5
    row = features(np.hypot(y, x).astype(np.float32)[None])
    rings = row[len(QUANTILES) : len(QUANTILES) + RINGS]
    assert (np.diff(rings) > 0).all()
    np.testing.assert_allclose(rings[:-1], (np.arange(RINGS - 1) + 0.5) * 5, atol=1.0)  # rings are 5 px wide


def test_two_obvious_classes_are_separated_on_crops_never_seen() -> None:
    made = baseline()
    made.fit(*crops(24, seed=0))
    images, targets = crops(20, seed=1)
    logits = made(torch.stack(images))
    assert logits.shape == (20, 1)
    assert ((logits > 0).float() == torch.stack(targets)).all()


def test_a_constant_image_is_answered() -> None:
    made = baseline()
    made.fit(*crops(8, seed=0))
    assert torch.isfinite(made(torch.zeros(1, 3, 32, 32))).all()


def test_what_was_learnt_is_in_the_buffers() -> None:
    made, empty = baseline(), baseline()
    made.fit(*crops(8, seed=0))
    empty.load_state_dict(made.state_dict())
    images = torch.stack(crops(4, seed=2)[0])
    assert torch.equal(empty(images), made(images))
