"""Checks of the pixels of one image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from brightfield.data.auditing.findings import CONSTANT, EXAMPLES, FINITE, SATURATION, Finding
from brightfield.data.records import Record

SATURATED_SHARE = 0.01  # share of an image's values at the camera's limit above which the image counts as saturated
FULL_SCALES = frozenset(2**bits - 1 for bits in (8, 10, 12, 14, 16))  # largest values of common cameras


def check_pixels(record: Record) -> Iterator[Finding]:
    """Problems: a constant image, values that are not finite."""
    image = record.image
    if image.size == 0 or image.min() == image.max():
        yield Finding(CONSTANT, "problem", f"{record.id}: the image is constant", examples=(record.id,))
    if not np.isfinite(image).all():
        message = f"{record.id}: the image has values that are nan or infinite"
        yield Finding(FINITE, "problem", message, examples=(record.id,))


def saturated_share(image: np.ndarray) -> float:
    """Share of values at full scale: equal to the image's maximum, if that is the largest value of a camera of 8 to 16 bits."""
    if image.dtype.kind not in "ui" or image.size == 0 or (limit := int(image.max())) not in FULL_SCALES:
        return 0.0
    return float((image == limit).mean())


def check_saturation(shares: Mapping[str, float]) -> Iterator[Finding]:
    """One warning for all images with too many saturated values; ``shares`` by id, 0 to 1."""
    bright = {name: share for name, share in shares.items() if share > SATURATED_SHARE}
    if bright:
        worst = sorted(bright, key=lambda name: -bright[name])[:EXAMPLES]
        message = (
            f"{len(bright)} of {len(shares)} images have more than {SATURATED_SHARE:.0%} of their values at the "
            f"camera's limit; the worst is {worst[0]} with {bright[worst[0]]:.1%}"
        )
        yield Finding(SATURATION, "warning", message, len(bright), tuple(f"{n} ({bright[n]:.1%})" for n in worst))


def fingerprint(image: np.ndarray) -> bytes:
    """Hash of shape and pixel values, whatever the byte order."""
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<")).tobytes())
    return digest.digest()
