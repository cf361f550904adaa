"""Checks of the ground truth of one image: whether it fits the image, and whether masks are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from brightfield.data.auditing.findings import EXAMPLES, HOLES, PIECES, TRUTH, Finding
from brightfield.data.records import Record

EIGHT = np.ones((3, 3), dtype=int)  # 8-connectivity for masks; their holes are then 4-connected


class FragmentedMask(NamedTuple):
    """Ids of the fragmented masks of one image."""

    pieces: list[int]  # ids of masks in several pieces
    holes: list[int]  # ids of masks with holes


def check_truth(record: Record) -> Iterator[Finding]:
    """Problems: ground truth of another size than the image, positions outside it, species that do not match the masks."""
    for name, check in _TRUTHS.items():
        if name in record.fields and (problem := check(record.fields[name], record)):
            yield Finding(TRUTH, "problem", f"{record.id}: {problem}", examples=(record.id,))


def fragmented_masks(labels: np.ndarray) -> FragmentedMask:
    """Find the instances of (H, W) labels, 0 the background, that have several pieces or holes.

    A hole is a region that one instance encloses alone: background, or another instance.
    """
    fragmented = FragmentedMask([], [])
    for i, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        mask = np.pad(labels[box] == i, 1)  # so that the outside is one region
        if ndimage.label(mask, EIGHT)[1] > 1:
            fragmented.pieces.append(i)
        if ndimage.label(~mask)[1] > 1:
            fragmented.holes.append(i)
    return fragmented


def check_masks(fragmented: Mapping[str, FragmentedMask]) -> Iterator[Finding]:
    """One warning for all masks in several pieces and one for all with holes; ``fragmented`` by image id."""
    for check, what, of in (
        (PIECES, "are in several pieces", {name: masks.pieces for name, masks in fragmented.items()}),
        (HOLES, "have holes", {name: masks.holes for name, masks in fragmented.items()}),
    ):
        if count := sum(map(len, of.values())):
            images = [name for name, ids in of.items() if ids]
            examples = tuple(f"{name} label {ids[0]}" for name, ids in of.items() if ids)[:EXAMPLES]
            message = f"{count} masks in {len(images)} images {what}: {_listed(examples, len(images))}"
            yield Finding(check, "warning", message, count, examples)


def _listed(examples: tuple[str, ...], count: int) -> str:
    return ", ".join(examples) + (", ..." if count > len(examples) else "")


def _check_same_size(what: str) -> Callable[[np.ndarray, Record], str | None]:
    def check(truth: np.ndarray, record: Record) -> str | None:
        expected = record.image.shape[:2]
        return None if truth.shape == expected else f"{what} have shape {truth.shape}, the image has {expected}"

    return check


def _check_positions(positions: np.ndarray, record: Record) -> str | None:
    if positions.ndim != 2 or positions.shape[1] != 2 or not np.isfinite(positions).all():
        return f"positions must be finite and of shape (N, 2), got shape {positions.shape}"
    height, width = record.image.shape[:2]  # pixel centres have whole numbers, so the image ends half a pixel further
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
    "repeats": _check_same_size("other repeats"),
    "transmission": _check_same_size("transmission values"),
    "positions": _check_positions,
    "species": _check_species,
}
