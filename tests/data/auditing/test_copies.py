"""Near copies are found whatever was done to them, and unlike images are left alone."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from scipy.ndimage import gaussian_filter, zoom

from brightfield import images
from brightfield.data.auditing import copies
from brightfield.data.auditing.copies import PerceptualHash, check_near_copies, near_copies, perceptual_hash

REAL = os.environ.get("BRIGHTFIELD_REAL_DATA")


def crop(seed: int) -> np.ndarray:
    """(85, 85, 3) uint8: a dark disc in the middle, as in every crop, with a texture of its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:85, :85] - 42
    texture = 25 * gaussian_filter(rng.normal(size=(85, 85)), 4) * 8
    grey = 190 - 70 * (np.hypot(x, y) < 27) + texture + rng.normal(0, 3, (85, 85))
    return np.clip(grey[..., None] * [1.0, 0.85, 0.9], 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(PIL.Image.open(buffer))


def looks(*pictures: np.ndarray) -> dict[str, PerceptualHash]:
    found = {str(i): perceptual_hash(picture) for i, picture in enumerate(pictures)}
    return {name: seen for name, seen in found.items() if seen is not None}


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "brightness": lambda image: (image * 0.7 + 20).astype(np.uint8),
    "noise": lambda image: np.clip(image + np.random.default_rng(1).normal(0, 4, image.shape), 0, 255).astype(np.uint8),
    "compression": jpeg,
    "size": lambda image: zoom(image, (2, 2, 1), order=1),
    "grey": images.to_grey,
    "depth": lambda image: image.astype(np.uint16) * 257,
    "gamma": lambda image: (255 * (image / 255) ** 0.8).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others(change: str) -> None:
    pictures = [crop(seed) for seed in range(20)]
    pictures.append(CHANGES[change](pictures[7]))
    (pair,) = near_copies(looks(*pictures), {str(i): f"g{i}" for i in range(21)})
    assert (pair.first, pair.second) == ("7", "20")
    assert pair.correlation >= 0.9


def test_other_cells_are_no_copies() -> None:
    assert near_copies(looks(*(crop(seed) for seed in range(100))), {str(i): f"g{i}" for i in range(100)}) == []


def test_frames_of_one_movie_are_no_copies() -> None:
    pictures = [crop(0), CHANGES["noise"](crop(0)), CHANGES["gamma"](crop(0))]
    groups = {"0": "a", "1": "a", "2": "b"}
    assert [(p.first, p.second) for p in near_copies(looks(*pictures), groups)] == [("0", "2"), ("1", "2")]


def test_where_nothing_can_be_seen_nothing_is_alike() -> None:
    assert perceptual_hash(np.full((40, 40), 7, np.uint8)) is None
    assert perceptual_hash(np.zeros((0, 4), np.uint8)) is None
    assert perceptual_hash(np.full((40, 40), np.nan, np.float32)) is None
    assert near_copies({}, {}) == []


def test_two_sentences_with_names_and_numbers() -> None:
    pictures = [crop(0), CHANGES["noise"](crop(0)), crop(1), CHANGES["noise"](crop(1))]
    pairs = near_copies(looks(*pictures), {str(i): f"g{i}" for i in range(4)})
    between, within = check_near_copies(pairs, {"0": "train", "1": "test", "2": "train", "3": "train"})
    assert between.message.startswith("1 pairs of images in different splits look alike: 0 and 1 (train, test; correl")
    assert within.message.startswith("1 pairs of images of different groups in one split look alike: 2 and 3 (train; ")
    assert {between.outcome, within.outcome} == {"warning"}
    assert list(check_near_copies([], {})) == []


def test_no_pair_is_lost_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    bits = np.where(rng.uniform(size=(40, 128)) > 0.5, 1, -1).astype(np.float32)[rng.integers(0, 40, 60)]
    gradient = np.eye(1, 8, dtype=np.float16)[0]  # the hash alone decides
    many = {str(i): PerceptualHash(row, gradient) for i, row in enumerate(bits)}
    alike = {(str(i), str(j)) for j in range(60) for i in range(j) if (bits[i] != bits[j]).sum() <= 16}
    assert len(alike) > 10
    monkeypatch.setattr(copies, "BLOCK", 7)
    monkeypatch.setattr(copies, "VERIFIED", 3)
    assert {(pair.first, pair.second) for pair in near_copies(many, {name: name for name in many})} == alike
    monkeypatch.setattr(copies, "MOST_PAIRS", 5)
    pairs = near_copies(many, {name: name for name in many})
    assert len(pairs) == 5
    (finding,) = check_near_copies(pairs, dict.fromkeys(many, "train"))
    assert finding.message.startswith("at least 5 pairs")


@pytest.mark.skipif(REAL is None, reason="BRIGHTFIELD_REAL_DATA names no folder of real images")
def test_real_red_cells_hold_one_cell_photographed_twice() -> None:
    paths = sorted(Path(str(REAL), "rbc", "good").glob("*.png"))
    pictures = {path.stem: images.read(path) for path in paths}
    seen = {name: found for name, picture in pictures.items() if (found := perceptual_hash(picture))}
    pairs = near_copies(seen, {name: name.split("_")[0] for name in pictures})
    assert [(pair.first, pair.second) for pair in pairs] == [("564_379_157", "611_379_158")]
