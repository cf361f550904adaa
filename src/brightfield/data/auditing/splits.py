"""Checks of the index: groups, splits and classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from brightfield.data.auditing.findings import CLASSES, GROUPS, SPLITS_FILLED, Finding
from brightfield.data.splitting import SPLITS

RARE_SHARE = 0.05  # share of the images below which a class is rare, and hardly learned without class weights

Counts = dict[str, dict[str, int]]


def count_splits(index: pd.DataFrame) -> Counts:
    """Count images and groups of each split: first the three required splits, then the shift suites."""
    counts = {}
    for split in dict.fromkeys([*SPLITS, *index["split"]]):
        rows = index[index["split"] == split]
        counts[str(split)] = {"images": len(rows), "groups": int(rows["group"].nunique())}
    return counts


def count_classes(index: pd.DataFrame) -> Counts:
    """Count images of each class in each split; empty without labels."""
    if "label" not in index:
        return {}
    labels = index["label"].astype(str)
    table = {split: labels[index["split"] == split].value_counts() for split in count_splits(index)}
    return {split: {name: int(found.get(name, 0)) for name in sorted(set(labels))} for split, found in table.items()}


def check_splits(index: pd.DataFrame, counts: Counts) -> Iterator[Finding]:
    """Problems: a group in two splits, a split without images."""
    for group, splits in index.groupby("group", sort=True)["split"].unique().items():
        if len(splits) > 1:
            message = f"group {group}: in several splits ({', '.join(sorted(splits))}), expected in one"
            yield Finding(GROUPS, "problem", message, examples=(str(group),))
    for split, count in counts.items():
        if not count["images"]:
            yield Finding(SPLITS_FILLED, "problem", f"split {split}: has no images", examples=(split,))


def check_classes(classes: Counts) -> Iterator[Finding]:
    """Problems: a class missing from the training split, one class only. Warnings: a class missing elsewhere, or rare."""
    total = pd.DataFrame(classes).sum(axis=1)
    for split, counts in classes.items():
        for name in [name for name, count in counts.items() if not count and any(counts.values())]:
            message = f"split {split}: has no image of class {name}; import more groups, or split with another seed"
            yield Finding(
                CLASSES, "problem" if split == "train" else "warning", message, examples=(f"{name} in {split}",)
            )
    if len(total) == 1:
        yield Finding(CLASSES, "problem", f"all images are of class {total.index[0]}, expected two classes")
    yield from _rare(dict(total / max(int(total.sum()), 1)))


def _rare(shares: Mapping[str, float]) -> Iterator[Finding]:
    for name, share in shares.items():
        if share < RARE_SHARE:
            yield Finding(CLASSES, "warning", f"class {name}: only {share:.1%} of the images", examples=(name,))
