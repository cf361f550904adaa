"""Images that are there twice: the same pixels, or the same scene brightened, compressed, or photographed again.

Near copies are found by a difference hash (Krawetz 2013, "Kind of like that", in both directions) and confirmed by the
normalised correlation of the gradients of thumbnails. Gradients, because crops of one kind share their overall shape: among
3,400 real red blood cells the grey values of 50 pairs of unlike cells correlate above 0.9, their gradients in none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brightfield.data.auditing.findings import COPIES, EXAMPLES, NEAR_COPIES, Finding

THUMBNAIL_PX = 32
HASH_PX = 8  # two bits for each of 8 x 8 places
DIFFERENT_BITS = 16  # of 128; noise of a tenth of the spread, other light and JPEG of quality 50 nearly all stay below
CORRELATION = 0.9
BLOCK = 2048  # images held against all others at once
VERIFIED = 4096  # pairs confirmed at once
MOST_PAIRS = 100_000  # then nobody reads on

Vector = npt.NDArray[np.float32]


class Fingerprint(NamedTuple):
    """What an image looks like from afar."""

    bits: Vector  # (128,) -1 or 1: does it get brighter to the right, does it get brighter downwards
    gradient: npt.NDArray[np.float16]  # of the thumbnail, of length 1


class Pair(NamedTuple):
    """Two images of different groups that look alike."""

    first: str
    second: str
    correlation: float


def fingerprint_of(image: np.ndarray) -> Fingerprint | None:
    """The look of an image (H, W) or (H, W, C); None where nothing can be seen."""
    import PIL.Image

    if not image.size:
        return None
    grey = np.nan_to_num(np.atleast_3d(image).mean(axis=2, dtype=np.float32), posinf=0.0, neginf=0.0)
    box = PIL.Image.Resampling.BOX  # averages areas, so that a copy of another size looks the same
    thumbnail = PIL.Image.fromarray(grey).resize((THUMBNAIL_PX, THUMBNAIL_PX), box)
    coarse = np.asarray(thumbnail.resize((HASH_PX + 1, HASH_PX + 1), box))
    right, down = np.diff(coarse, axis=1)[:-1], np.diff(coarse, axis=0)[:, :-1]
    fine = np.asarray(thumbnail)
    gradient = np.concatenate([np.diff(fine, axis=1).ravel(), np.diff(fine, axis=0).ravel()])
    length = float(np.linalg.norm(gradient))
    if length == 0:
        return None
    bits = np.where(np.concatenate([right.ravel(), down.ravel()]) > 0, np.float32(1), np.float32(-1))
    return Fingerprint(bits, (gradient / length).astype(np.float16))


def near_copies(looks: Mapping[str, Fingerprint], group_of: Mapping[str, str]) -> list[Pair]:
    """Pairs of images of different groups that look alike; within a group (frames of a movie) that is normal.

    Every pair is compared, as products of matrices: seconds for 20,000 images. At most ``MOST_PAIRS`` are returned.
    """
    names = list(looks)
    if not names:
        return []
    bits = np.stack([looks[name].bits for name in names])
    gradients = np.stack([looks[name].gradient for name in names])
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
    least = bits.shape[1] - 2 * DIFFERENT_BITS  # the product of two hashes is bits that agree less bits that differ
    for start in range(0, len(bits), BLOCK):
        product = bits[start : start + BLOCK] @ bits[start:].T
        i, j = np.nonzero(product >= least)
        later = j > i
        yield i[later] + start, j[later] + start


def check_copies(same: Mapping[bytes, list[str]], split_of: Mapping[str, str]) -> Iterator[Finding]:
    """The same pixels: a problem between splits, a warning within one; ``same`` by fingerprint."""
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
    """One warning for the pairs between splits, one for those within one; the likest first."""
    ranked = sorted(pairs, key=lambda pair: -pair.correlation)
    between = [pair for pair in ranked if split_of[pair.first] != split_of[pair.second]]
    within = [pair for pair in ranked if split_of[pair.first] == split_of[pair.second]]
    for found, where, advice in (
        (between, "in different splits", "; if they show the same thing, give them one group, or the test is too easy"),
        (within, "of different groups in one split", ""),
    ):
        if found:
            examples = tuple(_told(pair, split_of) for pair in found[:EXAMPLES])
            count = f"{'at least ' if len(pairs) == MOST_PAIRS else ''}{len(found)}"
            listed = ", ".join(examples) + (", ..." if len(found) > EXAMPLES else "")
            message = f"{count} pairs of images {where} look alike: {listed}{advice}"
            yield Finding(NEAR_COPIES, "warning", message, len(found), examples)


def _told(pair: Pair, split_of: Mapping[str, str]) -> str:
    first, second = split_of[pair.first], split_of[pair.second]
    places = first if first == second else f"{first}, {second}"
    return f"{pair.first} and {pair.second} ({places}; correlation {pair.correlation:.2f})"
