"""Duplicate images: identical pixels, or the same scene at another brightness, compressed, or photographed again.

Near copies are found by a difference hash (Krawetz 2013, "Kind of like that", in both directions) and confirmed by the
normalised correlation of the gradients of thumbnails. Gradients rather than grey values, because crops of one kind share their
overall shape: among 3,400 real red blood cells the grey values of 50 pairs of unlike cells correlate above 0.9, no gradients do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brightfield.data.auditing.findings import COPIES, EXAMPLES, NEAR_COPIES, Finding

THUMBNAIL_PX = 32  # side of a thumbnail
HASH_PX = 8  # side of the grid of a hash: two bits for each of its 8 x 8 points
# maximum number of different bits, of 128, of a near copy: with noise of a tenth of the spread, other light or JPEG of quality 50
# nearly all copies stay below
DIFFERENT_BITS = 16
CORRELATION = 0.9  # minimum correlation of the gradients of a near copy
BLOCK = 2048  # number of images compared with all others at once
VERIFIED = 4096  # number of pairs confirmed at once
MOST_PAIRS = 100_000  # maximum number of pairs that are listed

Vector = npt.NDArray[np.float32]


class PerceptualHash(NamedTuple):
    """Difference hash and gradient of an image's thumbnail; similar images have similar ones."""

    bits: Vector  # (128,) 1 where the image gets brighter, else -1: to the right, then downwards
    gradient: npt.NDArray[np.float16]  # gradient of the thumbnail, of length 1


class Pair(NamedTuple):
    """Two images of different groups that look alike."""

    first: str
    second: str
    correlation: float


def perceptual_hash(image: np.ndarray) -> PerceptualHash | None:
    """Hash an image (H, W) or (H, W, C); None for an empty or constant image."""
    import PIL.Image

    if not image.size:
        return None
    grey = np.nan_to_num(np.atleast_3d(image).mean(axis=2, dtype=np.float32), posinf=0.0, neginf=0.0)
    box = PIL.Image.Resampling.BOX  # averages areas, so that a copy of another size has the same hash
    thumbnail = PIL.Image.fromarray(grey).resize((THUMBNAIL_PX, THUMBNAIL_PX), box)
    coarse = np.asarray(thumbnail.resize((HASH_PX + 1, HASH_PX + 1), box))
    right, down = np.diff(coarse, axis=1)[:-1], np.diff(coarse, axis=0)[:, :-1]
    fine = np.asarray(thumbnail)
    gradient = np.concatenate([np.diff(fine, axis=1).ravel(), np.diff(fine, axis=0).ravel()])
    length = float(np.linalg.norm(gradient))
    if length == 0:
        return None
    bits = np.where(np.concatenate([right.ravel(), down.ravel()]) > 0, np.float32(1), np.float32(-1))
    return PerceptualHash(bits, (gradient / length).astype(np.float16))


def near_copies(hashes: Mapping[str, PerceptualHash], group_of: Mapping[str, str]) -> list[Pair]:
    """Find pairs of images of different groups that look alike; within a group (frames of a movie) that is normal.

    All pairs are compared, by products of matrices: seconds for 20,000 images. At most ``MOST_PAIRS`` are returned.
    """
    names = list(hashes)
    if not names:
        return []
    bits = np.stack([hashes[name].bits for name in names])
    gradients = np.stack([hashes[name].gradient for name in names])
    group = np.unique([group_of[name] for name in names], return_inverse=True)[1]
    pairs: list[Pair] = []
    for i, j in _candidates(bits):
        apart = group[i] != group[j]
        i, j = i[apart], j[apart]
        for part in range(0, len(i), VERIFIED):
            a, b = i[part : part + VERIFIED], j[part : part + VERIFIED]
            found = np.einsum("ij,ij->i", gradients[a].astype(np.float32), gradients[b].astype(np.float32))
            alike = np.flatnonzero(found >= CORRELATION)
            pairs += [Pair(names[a[k]], names[b[k]], round(float(found[k]), 2)) for k in alike]
            if len(pairs) >= MOST_PAIRS:
                return pairs[:MOST_PAIRS]
    return pairs


def _candidates(bits: Vector) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Indices i < j of images whose hashes differ in few bits, a block at a time."""
    # the product of two hashes is the number of equal bits less that of different ones
    least = bits.shape[1] - 2 * DIFFERENT_BITS
    for start in range(0, len(bits), BLOCK):
        product = bits[start : start + BLOCK] @ bits[start:].T
        i, j = np.nonzero(product >= least)
        later = j > i
        yield i[later] + start, j[later] + start


def check_copies(same: Mapping[bytes, list[str]], split_of: Mapping[str, str]) -> Iterator[Finding]:
    """Identical pixels: a problem between splits, a warning within one. ``same`` maps fingerprints to image ids."""
    for names in same.values():
        splits = sorted({split_of[name] for name in names})
        first = ", ".join(names[:EXAMPLES])
        if len(splits) > 1:
            message = f"{first}: the same pixels in the splits {', '.join(splits)}"
            yield Finding(COPIES, "problem", message, len(names), tuple(names))
        elif len(names) > 1:
            message = f"{first}: the same pixels {len(names)} times in {splits[0]}"
            yield Finding(COPIES, "warning", message, len(names), tuple(names))


def check_near_copies(pairs: list[Pair], split_of: Mapping[str, str]) -> Iterator[Finding]:
    """One warning for the pairs between splits, one for those within a split; the most similar first."""
    ranked = sorted(pairs, key=lambda pair: -pair.correlation)
    between = [pair for pair in ranked if split_of[pair.first] != split_of[pair.second]]
    within = [pair for pair in ranked if split_of[pair.first] == split_of[pair.second]]
    for found, where, advice in (
        (between, "in different splits", "; give images of the same scene one group, or test scores are too good"),
        (within, "of different groups in one split", ""),
    ):
        if found:
            examples = tuple(_example(pair, split_of) for pair in found[:EXAMPLES])
            count = f"{'at least ' if len(pairs) == MOST_PAIRS else ''}{len(found)}"
            listed = ", ".join(examples) + (", ..." if len(found) > EXAMPLES else "")
            message = f"{count} pairs of images {where} look alike: {listed}{advice}"
            yield Finding(NEAR_COPIES, "warning", message, len(found), examples)


def _example(pair: Pair, split_of: Mapping[str, str]) -> str:
    first, second = split_of[pair.first], split_of[pair.second]
    places = first if first == second else f"{first}, {second}"
    return f"{pair.first} and {pair.second} ({places}; correlation {pair.correlation:.2f})"
