"""Class maps and instances: pixels by a confusion matrix, cells by matching.

Per class c, IoU_c = TP / (TP + FP + FN) of the confusion matrix pooled over all images. For cells, AP_t = TP / (TP +
FP + FN) with one-to-one matching at IoU >= t (the convention of cell segmentation, not the ranked average precision of
COCO), and panoptic quality PQ = sum of IoU over the matches / (TP + FP / 2 + FN / 2) at IoU >= 0.5 (Kirillov et al.,
CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from brightfield.metrics import Columns, column, mean, ratio, totals
from brightfield.results import ClassMap

THRESHOLDS = {"50": 0.5, "75": 0.75}  # below 0.5 a cell could match two others, and the matching here would be wrong
_CELLS = (*(f"{count}_{name}" for name in THRESHOLDS for count in ("tp", "fp", "fn")), "iou_sum_50")


def statistics(predicted: ClassMap, truth: ClassMap, n_classes: int) -> dict[str, float]:
    """What one image contributes.

    Returns:
        ``confusion_{t}_{p}``, pixels of true class t answered as class p; ``tp_50``, ``fp_50``, ``fn_50``, ``tp_75``,
        ``fp_75`` and ``fn_75``, cells matched, invented and missed; ``iou_sum_50``, the sum of IoU over the matches at
        0.5. Instances of 0 or less are background.

    Raises:
        ValueError: the maps differ in size, or hold a class that is not in ``range(n_classes)``.
    """
    if predicted.classes.shape != truth.classes.shape:
        raise ValueError(f"prediction and truth share a shape, got {predicted.classes.shape} and {truth.classes.shape}")
    return {
        **_pixels(predicted.classes, truth.classes, n_classes),
        **_cells(predicted.instances, truth.instances),
    }


def _pixels(predicted: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], n: int) -> dict[str, float]:
    if max(predicted.max(initial=0), truth.max(initial=0)) >= n:
        raise ValueError(
            f"classes lie in 0...{n - 1}, got {predicted.max()} in the prediction, {truth.max()} in the truth"
        )
    pairs = truth.astype(np.intp).ravel() * n + predicted.ravel()
    counts = np.bincount(pairs, minlength=n * n).reshape(n, n)
    return {f"confusion_{t}_{p}": float(counts[t, p]) for t in range(n) for p in range(n)}


def _cells(predicted: npt.NDArray[np.int32], truth: npt.NDArray[np.int32]) -> dict[str, float]:
    found, n_found = _numbered(predicted)
    true, n_true = _numbered(truth)
    rows, cols, iou = _overlaps(true, found, n_true, n_found)
    result: dict[str, float] = {}
    for name, threshold in THRESHOLDS.items():
        hits = np.flatnonzero(iou >= threshold)
        # IoU of exactly 0.5 allows one tie: a cell cut into equal halves. One half is the match, the other is invented.
        hits = hits[np.unique(rows[hits], return_index=True)[1]]
        hits = hits[np.unique(cols[hits], return_index=True)[1]]
        result |= {
            f"tp_{name}": float(len(hits)),
            f"fp_{name}": float(n_found - len(hits)),
            f"fn_{name}": float(n_true - len(hits)),
        }
        if name == "50":
            result["iou_sum_50"] = float(iou[hits].sum())
    return result


def _numbered(instances: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.intp], int]:
    """Flat instance numbers 1...n without gaps (0 is background), and n."""
    flat = np.maximum(instances.ravel(), 0)
    if flat.max(initial=0) > flat.size:  # wild ids: sorting is dear, but a table of all ids would not fit
        flat = np.unique(flat, return_inverse=True)[1] + (0 if (flat == 0).any() else 1)
    present = np.bincount(flat, minlength=1) > 0
    present[0] = False
    numbers = np.where(present, np.cumsum(present), 0)
    return numbers[flat], int(present.sum())


def _overlaps(
    true: npt.NDArray[np.intp], found: npt.NDArray[np.intp], n_true: int, n_found: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Pairs of a true and a found cell that share a pixel, and their intersection over union."""
    both = (true > 0) & (found > 0)
    ones = np.ones(int(both.sum()), dtype=np.int64)
    shared = sparse.coo_array((ones, (true[both], found[both])), shape=(n_true + 1, n_found + 1)).tocsr().tocoo()
    rows, cols = shared.coords
    union = (
        np.bincount(true, minlength=n_true + 1)[rows] + np.bincount(found, minlength=n_found + 1)[cols] - shared.data
    )
    return rows, cols, shared.data / union


def _confusions(columns: Columns, n: int) -> npt.NDArray[np.float64]:
    """(n, n, images), axes truth, answer and image."""
    return np.stack([column(columns, f"confusion_{t}_{p}") for t in range(n) for p in range(n)]).reshape(n, n, -1)


def _divide(part: npt.NDArray[np.float64], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """``part / whole`` element by element, nan where ``whole`` is zero."""
    result: npt.NDArray[np.float64] = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _iou(confusions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """IoU of each class from (n, n, ...) counts; nan where a class is neither true nor answered."""
    hit = np.einsum("cc...->c...", confusions)
    return _divide(hit, confusions.sum(axis=0) + confusions.sum(axis=1) - hit)


def _mean_defined(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean over the first axis of what is not nan."""
    defined = ~np.isnan(values)
    return _divide(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))


def summarise(columns: Columns, classes: Sequence[str]) -> dict[str, float]:
    """The pooled metrics of a table with the columns of :func:`statistics`.

    Args:
        columns: the statistics, a row an image.
        classes: the names of the classes, in the order of their index.

    Returns:
        ``mean_iou`` (over the classes that occur), ``iou_<class>``, ``mean_accuracy`` (mean recall of the classes that
        are in the truth), ``mean_iou_per_image`` (mean over images of each image's mean IoU), ``ap50``, ``ap75`` and
        ``pq``.
    """
    per_image = _confusions(columns, len(classes))
    pooled = per_image.sum(axis=2)
    iou = _iou(pooled)
    recall = _divide(np.diagonal(pooled), pooled.sum(axis=1))
    cells = totals(columns, _CELLS)
    ap = {
        name: ratio(cells[f"tp_{name}"], sum(cells[f"{c}_{name}"] for c in ("tp", "fp", "fn"))) for name in THRESHOLDS
    }
    return {
        "mean_iou": float(_mean_defined(iou)),
        **{f"iou_{name}": float(value) for name, value in zip(classes, iou, strict=True)},
        "mean_accuracy": float(_mean_defined(recall)),
        "mean_iou_per_image": mean(_mean_defined(_iou(per_image))),
        "ap50": ap["50"],
        "ap75": ap["75"],
        "pq": ratio(cells["iou_sum_50"], cells["tp_50"] + 0.5 * (cells["fp_50"] + cells["fn_50"])),
    }


def confusion(columns: Columns, n_classes: int) -> npt.NDArray[np.int64]:
    """Counts of pixels over all images, (n, n): rows the truth, columns the answer."""
    counts: npt.NDArray[np.int64] = _confusions(columns, n_classes).sum(axis=2).astype(np.int64)
    return counts
