"""Maps of datasets: images that look alike lie near each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightfield import layout
from brightfield.evaluation import embedding
from conftest import write_prepared

pytestmark = pytest.mark.usefixtures("project")


def stripes(period: float, seed: int) -> np.ndarray:
    """A grey image of stripes."""
    noise = np.random.default_rng(seed).normal(0, 8, (64, 64))
    return (100 + 60 * np.sin(np.arange(64) * 2 * np.pi / period)[None, :] + noise).astype(np.uint16)


def test_images_that_look_alike_are_described_alike() -> None:
    pixels = [stripes(period, seed) for period in (4, 20) for seed in range(12)]
    places = embedding.lay_out(embedding.describe(pixels))
    distance = np.hypot(*(places[:, None] - places[None]).T)
    np.fill_diagonal(distance, np.inf)
    assert ((distance.argmin(axis=0) >= 12) == (np.arange(24) >= 12)).all()


def test_brightness_and_contrast_do_not_count() -> None:
    image = stripes(7, 0)
    a, b = embedding.describe([image, image * 3 + 500])
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["classification", "tracking"])
def test_each_split_has_its_share_of_the_map(kind: str, prepared: Callable[[str], Path]) -> None:
    write_prepared(layout.prepared("lab"), kind)
    whole = embedding.of_dataset("lab")
    assert whole["split"].value_counts().to_dict() == {"train": 8, "test": 6, "validation": 4}
    assert np.isfinite(whole[["x", "y"]].to_numpy()).all()
    again = embedding.of_dataset("lab")
    np.testing.assert_array_equal(whole["x"], again["x"])
    few = embedding.of_dataset("lab", most=9)
    assert few["split"].value_counts().to_dict() == {"train": 4, "test": 3, "validation": 2}
    assert embedding.of_dataset("lab", most=3).empty
