"""Metrics of class maps and instances: pixels by a confusion matrix, cells by matching.

Per class c, IoU_c = TP / (TP + FP + FN) of the confusion matrix pooled over all images. For cells, AP_t = TP / (TP +
FP + FN) with one-to-one matching at IoU >= t (the convention of cell segmentation, not the ranked average precision of
COCO), and panoptic quality PQ = sum of IoU over the matches / (TP + FP / 2 + FN / 2) at IoU >= 0.5 (Kirillov et al.,
CVPR 2019). Edges of cells are scored as in boundary F1 (Csurka et al., BMVC 2013): a pixel of an edge is correct if the other map
has an edge within ``TOLERANCE_PX``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from brightfield.metrics import Columns, Real, Weights, column, every_image_once, mean, of_one, ratio, totals
from brightfield.results import ClassMap
from brightfield.results.layers import INVENTED, MERGED, MISSED, RIGHT, SPLIT
from brightfield.results.outlines import outermost

# below 0.5 a cell could match two others, and the matching here would be wrong
THRESHOLDS = {f"{percent}": percent / 100 for percent in range(50, 100, 5)}
MAJORITY = 0.5  # a cell lies in another if more than this share of its pixels does
ROUNDING = 1e-9  # of a share of a whole number
TOLERANCE_PX = 2  # largest distance of corresponding edges
MATCHES = tuple(f"tp_{name}" for name in THRESHOLDS)
CELLS = ("cells", "found", *MATCHES, "iou_sum_50", "merges", "splits")
# prefixes of confusion matrices: of the three classes, of the classes of a labelling scheme, of the species of cells
PIXELS, OWN, SPECIES = "confusion", "own", "species"
EDGES = ("edge_px", "edge_hit_px", "found_edge_px", "found_edge_hit_px")


def statistics(predicted: ClassMap, truth: ClassMap, n_classes: int, n_species: int = 0) -> dict[str, float]:
    """The contribution of one image.

    Returns:
        ``confusion_{t}_{p}``, pixels of true class t answered as class p; where the answer has one of ``n_species`` species,
        ``species_{t}_{p}``, the matched cells (IoU 0.5) of true species t + 1 answered as species p + 1; ``cells`` and ``found``,
        the numbers of true and of answered cells; ``tp_50``, ``tp_55`` ... ``tp_95``, cells matched; ``iou_sum_50``, the sum
        of IoU over the matches at 0.5; ``merges``, answered cells that contain most of several true ones; ``splits``, true cells
        that contain most of several answered ones; ``edge_px`` and ``found_edge_px``, pixels of the edges of cells, and with
        ``_hit`` those that the other map has as well. Instances of 0 or less are background.

    Raises:
        ValueError: the maps differ in size, or contain a class that is not in ``range(n_classes)``.
    """
    if predicted.classes.shape != truth.classes.shape:
        raise ValueError(
            f"prediction and truth must share a shape, got {predicted.classes.shape} and {truth.classes.shape}"
        )
    return {
        **pixels(predicted.classes, truth.classes, n_classes),
        **cells(predicted, truth, n_species),
        **_edges(predicted.instances, truth.instances),
    }


def pixels(
    predicted: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], n: int, prefix: str = PIXELS
) -> dict[str, float]:
    """``{prefix}_{t}_{p}``, pixels of true class t answered as class p, of n classes.

    Raises:
        ValueError: a class that is not in ``range(n)``.
    """
    if max(predicted.max(initial=0), truth.max(initial=0)) >= n:
        raise ValueError(
            f"classes must lie in 0...{n - 1}, got {predicted.max()} in the prediction, {truth.max()} in the truth"
        )
    pairs = truth.astype(np.intp).ravel() * n + predicted.ravel()
    counts = np.bincount(pairs, minlength=n * n).reshape(n, n)
    return {f"{prefix}_{t}_{p}": float(counts[t, p]) for t in range(n) for p in range(n)}


def cells(predicted: ClassMap, truth: ClassMap, n_species: int = 0) -> dict[str, float]:
    """The numbers of cells among the :func:`statistics`."""
    _, _, true_ids, found_ids, rows, cols, shared, size, found_size = _overlap(predicted, truth)
    iou = shared / (size + found_size - shared)
    result = {"cells": float(len(true_ids)), "found": float(len(found_ids))}
    for name, threshold in THRESHOLDS.items():
        hits = _matched(rows, cols, iou, threshold)
        result[f"tp_{name}"] = float(len(hits))
        if name == "50":
            result["iou_sum_50"] = float(iou[hits].sum())
            if predicted.species is not None and n_species:
                pairs = np.zeros((2, 0), np.uint8)
                if truth.species is not None:
                    of_found, of_true = found_ids[cols[hits] - 1], true_ids[rows[hits] - 1]
                    pairs = np.stack([predicted.species[of_found], truth.species[of_true]]) - np.uint8(1)
                result |= pixels(pairs[0], pairs[1], n_species, SPECIES)
    result["merges"] = _repeated(cols[shared > MAJORITY * size])
    result["splits"] = _repeated(rows[shared > MAJORITY * found_size])
    return result


class Verdicts(NamedTuple):
    """How each cell compares with the other map.

    Attributes:
        found, true: the maps (H, W) int32 with their cells numbered from 1 without gaps, in the order of their numbers.
        of_found, of_true: of each cell by its number; entry 0 is empty.
    """

    found: npt.NDArray[np.int32]
    true: npt.NDArray[np.int32]
    of_found: tuple[str, ...]
    of_true: tuple[str, ...]


def verdicts(predicted: ClassMap, truth: ClassMap) -> Verdicts:
    """How each cell compares with the other map.

    As many answered cells are ``merged``, and as many true cells ``split``, as :func:`statistics` counts ``merges`` and ``splits``;
    the true cells in a merged one are merged, too, and the answered ones in a split one split. Of the others those that are matched
    at IoU 0.5 are ``right``, true ones without a match ``missed`` and answered ones ``invented``.
    """
    true, found, true_ids, found_ids, rows, cols, shared, size, found_size = _overlap(predicted, truth)
    hits = _matched(rows, cols, shared / (size + found_size - shared), THRESHOLDS["50"])
    of_found, of_true = (
        np.full(len(found_ids) + 1, INVENTED, dtype=object),
        np.full(len(true_ids) + 1, MISSED, dtype=object),
    )
    of_found[cols[hits]] = of_true[rows[hits]] = RIGHT
    swallowed = shared > MAJORITY * size  # most of the true cell lies in the answered one
    merging = np.isin(cols, _several(cols[swallowed])) & swallowed
    part = shared > MAJORITY * found_size
    splitting = np.isin(rows, _several(rows[part])) & part
    of_found[cols[splitting]] = of_true[rows[splitting]] = SPLIT
    of_true[rows[merging]] = MERGED
    of_found[cols[merging]] = MERGED
    of_true[rows[splitting]] = SPLIT  # a true cell that is both counts as split, an answered one as merged
    answered, real = (flat.reshape(truth.instances.shape).astype(np.int32) for flat in (found, true))
    return Verdicts(answered, real, ("", *of_found[1:]), ("", *of_true[1:]))


def _matched(
    rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp], iou: Real, threshold: float
) -> npt.NDArray[np.intp]:
    """Which pairs of cells match."""
    hits = np.flatnonzero(iou >= threshold)
    # IoU of exactly 0.5 allows one tie: a cell cut into equal halves. One half is the match, the other is invented.
    hits = hits[np.unique(rows[hits], return_index=True)[1]]
    return np.asarray(hits[np.unique(cols[hits], return_index=True)[1]])


def outline_distances(predicted: ClassMap, truth: ClassMap, share: float) -> Real:
    """How far the true outlines of matched cells (IoU at least 0.5) lie from the outlines that were found.

    Args:
        predicted: the answer.
        truth: the true cells.
        share: of the pixels of a true outline.

    Returns:
        Of each matched cell the least distance in px, between centres of pixels, such that so many pixels of its true outline lie
        within it of some outline that was found; in the order of the true cells. Where a cell is cut into two, the outline of the
        other half counts, too. Outlines are the outermost pixels of cells, and the border of the image is none.
    """
    from scipy import ndimage  # takes long to load, and not every kind of task needs it

    edge, answered = outermost(truth.instances), outermost(predicted.instances)
    if not (edge.any() and answered.any()):
        return np.empty(0)
    true, _, true_ids, _, rows, cols, shared, size, found_size = _overlap(predicted, truth)
    matched = np.sort(rows[_matched(rows, cols, shared / (size + found_size - shared), THRESHOLDS["50"])])
    owner, distance = true[edge.ravel()], ndimage.distance_transform_edt(~answered)[edge]
    sorted_distance = distance[np.lexsort((distance, owner))]
    pixels_ = np.bincount(owner, minlength=len(true_ids) + 1)
    matched = matched[pixels_[matched] > 0]  # a cell may fill the image
    first = np.cumsum(pixels_) - pixels_
    found_at = first[matched] + np.ceil(share * pixels_[matched] - ROUNDING).astype(int) - 1
    return np.asarray(sorted_distance[found_at], dtype=np.float64)


def _several(cells: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The cells that occur more than once."""
    return np.flatnonzero(np.bincount(cells, minlength=1) > 1)


def _repeated(cells: npt.NDArray[np.intp]) -> float:
    return float(len(_several(cells)))


def _edges(predicted: npt.NDArray[np.int32], truth: npt.NDArray[np.int32]) -> dict[str, float]:
    found, true = outermost(predicted), outermost(truth)
    return {
        "edge_px": float(true.sum()),
        "edge_hit_px": float((true & _near(found)).sum()),
        "found_edge_px": float(found.sum()),
        "found_edge_hit_px": float((found & _near(true)).sum()),
    }


def _near(edge: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels within ``TOLERANCE_PX`` steps of an edge, each to one of four neighbours; ten times as fast as scipy's dilation."""
    for _ in range(TOLERANCE_PX):
        grown = edge.copy()
        grown[1:] |= edge[:-1]
        grown[:-1] |= edge[1:]
        grown[:, 1:] |= edge[:, :-1]
        grown[:, :-1] |= edge[:, 1:]
        edge = grown
    return edge


def number_of_cells(instances: npt.NDArray[np.int32]) -> int:
    """How many cells a map shows."""
    return len(_numbered(instances)[1])


def _numbered(instances: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Flat instance numbers 1...n without gaps (0 is background), and the n ids that they had."""
    flat = np.maximum(instances.ravel(), 0)
    known = None
    if flat.max(initial=0) > flat.size:  # ids are huge: sorting is slow, but a table of all ids would not fit in memory
        known, flat = np.unique(flat, return_inverse=True)
    present = np.bincount(flat, minlength=1) > 0
    ids = np.flatnonzero(present) if known is None else known
    numbers = np.cumsum(present) - (1 if ids.size and ids[0] == 0 else 0)
    return numbers[flat], ids[ids > 0].astype(np.intp)


class _Overlap(NamedTuple):
    """What two maps of cells have in common.

    Attributes:
        true, found: flat numbers of the true and of the answered cells, from 1 without gaps; 0 is background.
        true_ids, found_ids: the numbers that the true and the answered cells had.
        rows, cols: a true and an answered cell that share pixels, by their numbers without gaps.
        shared: how many pixels, of each such pair.
        size, found_size: pixels of the true and of the answered cell of each pair.
    """

    true: npt.NDArray[np.intp]
    found: npt.NDArray[np.intp]
    true_ids: npt.NDArray[np.intp]
    found_ids: npt.NDArray[np.intp]
    rows: npt.NDArray[np.intp]
    cols: npt.NDArray[np.intp]
    shared: npt.NDArray[np.int64]
    size: npt.NDArray[np.intp]
    found_size: npt.NDArray[np.intp]


def _overlap(predicted: ClassMap, truth: ClassMap) -> _Overlap:
    found, found_ids = _numbered(predicted.instances)
    true, true_ids = _numbered(truth.instances)
    n_true, n_found = len(true_ids), len(found_ids)
    rows, cols, shared = _shared(true, found, n_true, n_found)
    size, found_size = np.bincount(true, minlength=n_true + 1)[rows], np.bincount(found, minlength=n_found + 1)[cols]
    return _Overlap(true, found, true_ids, found_ids, rows, cols, shared, size, found_size)


def _shared(
    true: npt.NDArray[np.intp], found: npt.NDArray[np.intp], n_true: int, n_found: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Pairs of a true and a found cell that share pixels, and the number of these pixels."""
    both = (true > 0) & (found > 0)
    ones = np.ones(int(both.sum()), dtype=np.int64)
    shared = sparse.coo_array((ones, (true[both], found[both])), shape=(n_true + 1, n_found + 1)).tocsr().tocoo()
    return (*shared.coords, shared.data)


def _confusions(columns: Columns, n: int, prefix: str = PIXELS) -> npt.NDArray[np.float64]:
    """Confusion matrices of all images, (n, n, images), axes truth, answer and image."""
    return np.stack([column(columns, f"{prefix}_{t}_{p}") for t in range(n) for p in range(n)]).reshape(n, n, -1)


def _iou(confusions: Real) -> Real:
    """IoU of each class from (n, n, ...) counts; nan where a class is neither true nor answered."""
    hit = np.einsum("cc...->c...", confusions)
    return ratio(hit, confusions.sum(axis=0) + confusions.sum(axis=1) - hit)


def _recall(confusions: Real) -> Real:
    """Recall of each class from (n, n, ...) counts; nan where a class is not in the truth."""
    return ratio(np.einsum("cc...->c...", confusions), confusions.sum(axis=1))


def _mean_defined(values: Real) -> Real:
    """The mean over the first axis, without nan."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))


def summarise(columns: Columns, classes: Sequence[str], species: Sequence[str] = ()) -> dict[str, float]:
    """The metrics of :func:`pooled`, with every image once."""
    return of_one(pooled(columns, every_image_once(columns), classes, species))


def pooled(columns: Columns, weights: Weights, classes: Sequence[str], species: Sequence[str] = ()) -> dict[str, Real]:
    """The pooled metrics of each resample of a table with the columns of :func:`statistics`.

    Args:
        columns: the statistics, one row per image.
        weights: how often each resample has each image.
        classes: the names of the classes, in the order of their index.
        species: the names of the species, in the order of their numbers.

    Returns:
        ``mean_iou`` (over the classes that occur), ``iou_<class>``, ``mean_accuracy`` (mean recall of the classes that
        are in the truth), ``mean_iou_per_image`` (mean over images of each image's mean IoU), ``dice`` (of everything but the
        first class, the background), ``ap50``, ``ap75``, ``ap50_95``
        (the mean over the thresholds 0.5, 0.55 ... 0.95), ``cell_precision`` and ``cell_recall`` at IoU 0.5, ``pq``,
        ``merges_percent`` and ``splits_percent`` (of the true cells) and ``boundary_f1``. Where answers have species,
        ``species_accuracy`` (of the cells that were found), ``species_mean_accuracy`` (mean recall of the species) and
        ``species_mean_iou`` (over background, and body and contour of each species).
    """
    per_image = _confusions(columns, len(classes))
    pixels_ = per_image @ weights.T
    iou = _iou(pixels_)
    counts, edges = totals(columns, CELLS, weights), totals(columns, EDGES, weights)
    both = counts["cells"] + counts["found"]
    ap = {name: ratio(counts[match], both - counts[match]) for name, match in zip(THRESHOLDS, MATCHES, strict=True)}
    return {
        "mean_iou": _mean_defined(iou),
        **{f"iou_{name}": value for name, value in zip(classes, iou, strict=True)},
        "mean_accuracy": _mean_defined(_recall(pixels_)),
        "mean_iou_per_image": mean(_mean_defined(_iou(per_image)), weights),
        "dice": _dice(pixels_),
        "ap50": ap["50"],
        "ap75": ap["75"],
        "ap50_95": np.asarray(np.mean(list(ap.values()), axis=0)),
        "cell_precision": ratio(counts["tp_50"], counts["found"]),
        "cell_recall": ratio(counts["tp_50"], counts["cells"]),
        "pq": ratio(2 * counts["iou_sum_50"], both),
        "merges_percent": 100 * ratio(counts["merges"], counts["cells"]),
        "splits_percent": 100 * ratio(counts["splits"], counts["cells"]),
        "boundary_f1": _boundary_f1(edges),
        **_species(columns, weights, len(species)),
    }


def mean_iou(columns: Columns, weights: Weights, n_classes: int) -> Real:
    """``mean_iou`` of :func:`pooled`, from the statistics of :func:`pixels`."""
    return _mean_defined(_iou(_confusions(columns, n_classes) @ weights.T))


def ap50(columns: Columns, weights: Weights) -> Real:
    """``ap50`` of :func:`pooled`, from the statistics of :func:`cells`."""
    matched, true, found = totals(columns, ("tp_50", "cells", "found"), weights).values()
    return ratio(matched, true + found - matched)


def _dice(confusion_: Real) -> Real:
    """Dice of cells against background, the first class; nan where neither truth nor answer has a cell."""
    shared = confusion_[1:, 1:].sum(axis=(0, 1))
    return ratio(2 * shared, confusion_[1:].sum(axis=(0, 1)) + confusion_[:, 1:].sum(axis=(0, 1)))


def _species(columns: Columns, weights: Weights, n: int) -> dict[str, Real]:
    metrics: dict[str, Real] = {}
    if n and f"{SPECIES}_0_0" in columns:
        matched = _confusions(columns, n, SPECIES) @ weights.T
        metrics["species_accuracy"] = ratio(np.einsum("cc...->...", matched), matched.sum(axis=(0, 1)))
        metrics["species_mean_accuracy"] = _mean_defined(_recall(matched))
    if n and f"{OWN}_{2 * n}_{2 * n}" in columns:
        metrics["species_mean_iou"] = _mean_defined(_iou(_confusions(columns, 2 * n + 1, OWN) @ weights.T))
    return metrics


def _boundary_f1(edges: Mapping[str, Real]) -> Real:
    """The harmonic mean of precision and recall of edge pixels; nan where there are no edges at all."""
    answered, true = edges["found_edge_px"], edges["edge_px"]
    precision = edges["found_edge_hit_px"] / np.maximum(answered, 1.0)
    recall = edges["edge_hit_px"] / np.maximum(true, 1.0)
    f1 = np.nan_to_num(ratio(2 * precision * recall, precision + recall))
    return np.where((answered > 0) | (true > 0), f1, np.nan)


def confusions(columns: Columns, n_classes: int, prefix: str = PIXELS) -> npt.NDArray[np.int64]:
    """Counts of pixels of each image, (n, n, images): axes truth, answer and image."""
    return _confusions(columns, n_classes, prefix).astype(np.int64)
