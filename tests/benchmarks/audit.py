"""How long the audit takes to compare every image with every other, and whether altered copies are found among them."""

from __future__ import annotations

import time

import numpy as np
from claims import Claim, TextRow
from scipy.ndimage import gaussian_filter

from brightfield.data.auditing.copies import near_copies, perceptual_hash

CROPS, COPIES = 20_000, 200
MOST_SECONDS = 60


def crop(rng: np.random.Generator) -> np.ndarray:
    """(85, 85) uint8: a dark disc with a texture of its own, so that crops resemble one another."""
    y, x = np.mgrid[:85, :85] - 42
    texture = gaussian_filter(rng.normal(size=(85, 85)), 4) * 200
    return np.clip(190 - 70 * (np.hypot(x, y) < 27) + texture, 0, 255).astype(np.uint8)


def rows() -> list[Claim | TextRow]:
    """Seconds for 20,000 crops, and how many of 200 copies (darker, with noise) are found, and of unlike pairs."""
    rng = np.random.default_rng(0)
    looks, took = {}, 0.0
    for i in range(CROPS):
        image = crop(rng)
        copy = np.clip(image * 0.8 + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8) if i < COPIES else None
        start = time.perf_counter()
        seen = perceptual_hash(image)
        took += time.perf_counter() - start
        looks[f"{i}"] = seen
        if copy is not None:
            looks[f"{i}-copy"] = perceptual_hash(copy)
    start = time.perf_counter()
    pairs = near_copies({name: seen for name, seen in looks.items() if seen}, {name: name for name in looks})
    compared = time.perf_counter() - start
    right = sum(pair.second == f"{pair.first}-copy" or pair.first == f"{pair.second}-copy" for pair in pairs)
    return [
        (f"seconds to look at {CROPS} crops", f"{took:.1f}", ""),
        Claim("time to compare all of them", compared, "s", aim=MOST_SECONDS),
        Claim(f"of {COPIES} altered copies found", right, aim=COPIES, better="higher"),
        Claim("unlike pairs taken for copies", len(pairs) - right, aim=0),
    ]
