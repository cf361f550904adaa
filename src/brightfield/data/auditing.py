"""Look at a split dataset before anything is trained on it: what must stop, and what should be known."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from brightfield.data.splitting import SPLITS
from brightfield.errors import BrightfieldError
from brightfield.records import Record

SHOWN = 20  # problems in one message
SATURATED_SHARE = 0.01  # of an image's values; above this detail is lost
RARE_SHARE = 0.05  # of the rows; a class below this is hardly learnt without weights
FULL_SCALES = frozenset(2**bits - 1 for bits in (8, 10, 12, 14, 16))  # where cameras end


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        problems: what must be mended before training; each names its images or groups.
        warnings: what a user should know.
        counts: images and groups of each split, as ``{"train": {"images": 10, "groups": 3}, ...}``.
        classes: images of each class in each split, as ``{"train": {"0": 7, "1": 3}, ...}``; empty without labels.
        saturated: share of values at the camera's limit over all images, 0 to 1.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    classes: dict[str, dict[str, int]] = field(default_factory=dict)
    saturated: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def raise_if_failed(self) -> None:
        """Raise BrightfieldError naming the problems, if there are any."""
        if self.problems:
            more = [f"... and {len(self.problems) - SHOWN} more"] if len(self.problems) > SHOWN else []
            listed = "\n  ".join(self.problems[:SHOWN] + more)
            raise BrightfieldError(f"The dataset has {len(self.problems)} problems and cannot be used:\n  {listed}")


def audit(images: Iterable[Record], index: pd.DataFrame) -> Audit:
    """Check records, one at a time, against their index with the columns ``id``, ``group``, ``split`` (and ``label``).

    Problems: a group in two splits, the same pixels in two splits, a split without images, a class missing from the
    training split, constant images, truth that does not fit its image. Warnings: the same pixels twice in a split, a
    class missing elsewhere or rare, saturation.
    """
    found = Audit()
    split_of = dict(zip(index["id"].astype(str), index["split"].astype(str), strict=True))
    same: dict[bytes, list[str]] = defaultdict(list)
    saturated: dict[str, float] = {}
    for record in images:
        if record.id not in split_of:
            found.problems.append(f"{record.id}: not in the index")
            continue
        same[fingerprint(record.image)].append(record.id)
        saturated[record.id] = _saturated_share(record.image)
        found.problems.extend(f"{record.id}: {problem}" for problem in _problems(record))
    found.problems.extend(f"{name}: in the index, but has no image" for name in split_of if name not in saturated)
    _audit_splits(index, found)
    _audit_copies(same, split_of, found)
    _audit_classes(index, found)
    return _with_saturation(found, saturated)


def _problems(record: Record) -> list[str]:
    """What is wrong with one record."""
    problems = []
    if record.image.size == 0 or record.image.min() == record.image.max():
        problems.append("the image is constant")
    if not np.isfinite(record.image).all():
        problems.append("the image has values that are nan or infinite")
    for name, check in _TRUTHS.items():
        if name in record.fields and (problem := check(record.fields[name], record)):
            problems.append(problem)
    return problems


def _check_same_size(what: str) -> Callable[[np.ndarray, Record], str | None]:
    def check(truth: np.ndarray, record: Record) -> str | None:
        expected = record.image.shape[:2]
        return None if truth.shape == expected else f"{what} have shape {truth.shape}, the image has {expected}"

    return check


def _check_positions(positions: np.ndarray, record: Record) -> str | None:
    if positions.ndim != 2 or positions.shape[1] != 2 or not np.isfinite(positions).all():
        return f"positions must be finite and of shape (N, 2), got shape {positions.shape}"
    height, width = record.image.shape[:2]  # pixel centres are whole numbers, so the frame ends half a pixel further
    inside = ((positions >= -0.5) & (positions <= (width - 0.5, height - 0.5))).all(axis=1)
    if inside.all():
        return None
    x, y = positions[~inside][0]
    return f"{int((~inside).sum())} positions outside the image of {width} x {height}, the first x = {x:g}, y = {y:g}"


def _check_species(species: np.ndarray, record: Record) -> str | None:
    cells = int(record.fields["labels"].max()) if "labels" in record.fields else 0
    return None if species.shape == (cells + 1,) else f"species has shape {species.shape}, expected ({cells + 1},)"


_TRUTHS: Mapping[str, Callable[[np.ndarray, Record], str | None]] = {
    "labels": _check_same_size("labels"),
    "fluorescence": _check_same_size("fluorescence values"),
    "clean": _check_same_size("clean values"),
    "positions": _check_positions,
    "species": _check_species,
}


def _audit_splits(index: pd.DataFrame, found: Audit) -> None:
    for group, splits in index.groupby("group", sort=True)["split"].unique().items():
        if len(splits) > 1:
            found.problems.append(f"group {group}: in several splits ({', '.join(sorted(splits))}), expected in one")
    for split in dict.fromkeys([*SPLITS, *index["split"]]):
        rows = index[index["split"] == split]
        found.counts[split] = {"images": len(rows), "groups": int(rows["group"].nunique())}
        if rows.empty:
            found.problems.append(f"split {split}: has no images")


def _audit_copies(same: Mapping[bytes, list[str]], split_of: Mapping[str, str], found: Audit) -> None:
    for names in same.values():
        splits = sorted({split_of[name] for name in names})
        if len(splits) > 1:
            found.problems.append(f"{', '.join(names[:5])}: the same pixels in the splits {', '.join(splits)}")
        elif len(names) > 1:
            found.warnings.append(f"{', '.join(names[:5])}: the same pixels {len(names)} times in {splits[0]}")


def _audit_classes(index: pd.DataFrame, found: Audit) -> None:
    if "label" not in index:
        return
    labels = index["label"].astype(str)
    shares = labels.value_counts(normalize=True).sort_index()
    for split in found.counts:
        counts = labels[index["split"] == split].value_counts()
        found.classes[split] = {name: int(counts.get(name, 0)) for name in shares.index}
        for name in [name for name, number in found.classes[split].items() if number == 0 and not counts.empty]:
            where = found.problems if split == "train" else found.warnings
            where.append(f"split {split}: has no image of class {name}; import more groups, or split with another seed")
    if len(shares) == 1:
        found.problems.append(f"all images are of class {shares.index[0]}, expected two classes")
    rare = [f"class {name}: only {share:.1%} of the images" for name, share in shares.items() if share < RARE_SHARE]
    found.warnings.extend(rare)


def _with_saturation(found: Audit, saturated: Mapping[str, float]) -> Audit:
    bright = {name: share for name, share in saturated.items() if share > SATURATED_SHARE}
    if bright:
        worst = max(bright, key=lambda name: bright[name])
        found.warnings.append(
            f"{len(bright)} of {len(saturated)} images have more than {SATURATED_SHARE:.0%} of their values at the "
            f"camera's limit; the worst is {worst} with {bright[worst]:.1%}"
        )
    return replace(found, saturated=float(np.mean(list(saturated.values()))) if saturated else 0.0)


def _saturated_share(image: np.ndarray) -> float:
    """Share of values at full scale: the largest value, if that is where a camera of 8 to 16 bits ends."""
    if image.dtype.kind not in "ui" or image.size == 0 or (limit := int(image.max())) not in FULL_SCALES:
        return 0.0
    return float((image == limit).mean())


def fingerprint(image: np.ndarray) -> bytes:
    """Equal for equal pixels of equal shape, whatever the type."""
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<")).tobytes())
    return digest.digest()
