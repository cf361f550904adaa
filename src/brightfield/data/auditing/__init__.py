"""Audit a split dataset before anything is trained on it: problems that must be fixed, and warnings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from brightfield.data.auditing import copies, pixels, splits, truth
from brightfield.data.auditing.findings import (
    AGREEMENT,
    ALWAYS,
    CLASSES,
    HOLES,
    PIECES,
    Audit,
    Check,
    Finding,
    summarise,
)
from brightfield.data.auditing.pixels import fingerprint
from brightfield.data.records import Record

__all__ = ["Audit", "Check", "audit", "fingerprint"]


def audit(images: Iterable[Record], index: pd.DataFrame) -> Audit:
    """Check records, one at a time, against their index with the columns ``id``, ``group``, ``split`` (and ``label``).

    Problems: a group in two splits, the same pixels in two splits, a split without images, a class missing from the
    training split, constant images, truth that does not fit its image. Warnings: the same pixels twice in a split, images
    of different groups that look alike, a class missing elsewhere or rare, saturation, masks with holes or in pieces.
    """
    found: list[Finding] = []
    split_of = dict(zip(index["id"].astype(str), index["split"].astype(str), strict=True))
    group_of = dict(zip(index["id"].astype(str), index["group"].astype(str), strict=True))
    same: dict[bytes, list[str]] = defaultdict(list)
    hashes: dict[str, copies.PerceptualHash] = {}
    saturated: dict[str, float] = {}
    fragmented: dict[str, truth.FragmentedMask] = {}
    for record in images:
        if record.id not in split_of:
            found.append(Finding(AGREEMENT, "problem", f"{record.id}: not in the index", examples=(record.id,)))
            continue
        identical = same[pixels.fingerprint(record.image)]
        # of identical images, which are reported anyway, the first is enough
        if not identical and (hashed := copies.perceptual_hash(record.image)):
            hashes[record.id] = hashed
        identical.append(record.id)
        saturated[record.id] = pixels.saturated_share(record.image)
        found += pixels.check_pixels(record)
        found += truth.check_truth(record)
        labels = record.fields.get("labels")
        if labels is not None and labels.shape == record.image.shape[:2]:
            fragmented[record.id] = truth.fragmented_masks(labels)
    missing = [name for name in split_of if name not in saturated]
    found += [
        Finding(AGREEMENT, "problem", f"{name}: in the index, but has no image", examples=(name,)) for name in missing
    ]
    counts, classes = splits.count_splits(index), splits.count_classes(index)
    found += splits.check_splits(index, counts)
    found += copies.check_copies(same, split_of)
    found += copies.check_near_copies(copies.near_copies(hashes, group_of), split_of)
    found += truth.check_masks(fragmented)
    found += splits.check_classes(classes)
    found += pixels.check_saturation(saturated)
    applying = [*ALWAYS, *([PIECES, HOLES] if fragmented else []), *([CLASSES] if classes else [])]
    return Audit(
        problems=[finding.message for finding in found if finding.outcome == "problem"],
        warnings=[finding.message for finding in found if finding.outcome == "warning"],
        checks=summarise(found, applying),
        counts=counts,
        classes=classes,
        saturated=float(np.mean(list(saturated.values()))) if saturated else 0.0,
    )
