"""How far images lie from those of a training split, in brightness, contrast, noise, focus, density and polarity."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from brightfield import layout
from brightfield.data.measuring import ALONE, COLOUR_RATIOS, MEASURES, measure
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.system.files import write_json

FloatArray = npt.NDArray[np.floating[Any]]

SHARES = ("focus", "density", "polarity")  # measures between 0 and 1; the others are positive
COVERED_SHARE = 0.99  # share of held-out training images that lie inside the limit
FOLDS = 5  # parts of the groups, each compared with the others to find the limit
DECILES = 2.5631  # between the 10% and the 90% quantile of a normal distribution, in standard deviations
MIN_SCALE = 0.01  # lower bound of a scale, about 1%: for measures that hardly vary in the training split
CLIP_LIMIT = 4.0  # standard deviations; outliers are clipped to it before the covariance is estimated
NEIGHBOURS = 5  # the k of the k-th nearest image; an eighth of the images where that is less
MOST_IMAGES = 500  # maximum number of training images stored in a bundle
ARRAYS = ("centre", "scale", "precision", "images")


def measure_images(images: Iterable[np.ndarray]) -> pd.DataFrame:
    """Measure images, each (H, W) or (H, W, 3): one row per image, columns of :func:`brightfield.data.measuring.measure`."""
    return pd.DataFrame([measure(image) for image in images])


def measure_records(records: Iterable[Record]) -> pd.DataFrame:
    """Measure records: one row per image, with id, group and the measures of the image."""
    return pd.DataFrame([{"id": record.id, "group": record.group, **measure(record.image)} for record in records])


def write(folder: Path, records: Iterable[Record], index: pd.DataFrame) -> None:
    """Write ``coverage.csv``, one row per image of the index (id, group, split, measures), and the training split's coverage."""
    rows = measure_records(records).merge(index[["id", "split"]], on="id", validate="one_to_one")
    rows.insert(2, "split", rows.pop("split"))
    rows.to_csv(folder / layout.COVERAGE_TABLE, index=False, float_format="%.6g", lineterminator="\n")
    write_json(folder / layout.COVERAGE, Coverage.fit(rows[rows["split"] == "train"]).as_dict())


def read(folder: Path) -> pd.DataFrame:
    """Read the table that :func:`write` wrote.

    Raises:
        BrightfieldError: the images of the dataset were not measured yet.
    """
    path = folder / layout.COVERAGE_TABLE
    if not path.is_file():
        raise BrightfieldError(f"{path} is missing: the images were not measured yet. Run `dvc repro`.")
    return pd.read_csv(path, dtype={"id": str, "group": str, "split": str}, keep_default_na=False, na_values=[""])


def read_coverage(folder: Path) -> Coverage:
    """Read the coverage of the training split of ``data/prepared/<dataset>``, as :func:`write` wrote it.

    Raises:
        BrightfieldError: the images of the dataset were not measured yet.
    """
    path = folder / layout.COVERAGE
    if not path.is_file():
        raise BrightfieldError(f"{path} is missing: the images were not measured yet. Run `dvc repro`.")
    return Coverage.from_dict(json.loads(path.read_text(encoding="utf-8")))


# --- coverage of a training split ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coverage:
    """Distribution of the measures in a training split, and the distance of other images from it.

    The distance of an image is that to the k-th nearest training image (Ramaswamy et al., SIGMOD 2000; Sun et al., ICML 2022), in
    the Mahalanobis metric of the training split. A single Gaussian would be wrong for a split with two kinds of images (brightfield
    and phase contrast): its centre lies between them, where there are no images.

    Attributes:
        names: names of the N measures, in the order of the arrays.
        centre: (N,) medians of the logarithms of the measures (of the log odds of shares).
        scale: (N,) standard deviations of the same, from the 10% and 90% quantiles.
        precision: (N, N) inverse covariance of the standardised measures, ``(x - centre) / scale``.
        images: (M, N) standardised measures of training images, at most ``MOST_IMAGES``.
        limit: distance that 99 of 100 training images stay within when they are compared with images of other groups.
        alone: the coverage of ``ALONE``, measures that are compared by themselves; None in models from before they were measured.
        width_px: width of what the images show (cells), in pixels as a model sees them; None where a task measures none, and in
            models from before it was measured.
    """

    names: tuple[str, ...]
    centre: FloatArray
    scale: FloatArray
    precision: FloatArray
    images: FloatArray
    limit: float
    alone: Coverage | None = None
    width_px: float | None = None

    @classmethod
    def fit(cls, measures: pd.DataFrame) -> Self:
        """Fit the rows of :func:`measure_records` of a training split.

        The limit comes from cross-fitting: each fifth of the groups is compared with the rest, because images of one group are
        alike, and their distances to each other are too small.
        """
        known = [
            name for name in (*MEASURES, *COLOUR_RATIOS, *ALONE) if name in measures and measures[name].notna().all()
        ]
        together = cls._fitted(measures, tuple(name for name in known if name not in ALONE))
        alone = tuple(name for name in known if name in ALONE)
        return replace(together, alone=cls._fitted(measures, alone)) if alone else together

    @classmethod
    def _fitted(cls, measures: pd.DataFrame, names: tuple[str, ...]) -> Self:
        values = _unbounded(measures, names)
        _, groups = np.unique(measures["group"].astype(str), return_inverse=True)
        fold = groups % FOLDS
        parts = [(fold != i, fold == i) for i in range(FOLDS) if 0 < (fold == i).sum() < len(fold)]
        everything = np.ones(len(fold), bool)
        held_out = [
            cls(names, *_statistics(values[rest]), 1.0)._nearest(values[part])[0]
            for rest, part in parts or [(everything, everything)]
        ]
        limit = float(np.quantile(np.concatenate(held_out), COVERED_SHARE))
        return cls(names, *_statistics(values), max(limit, MIN_SCALE))

    def compare(self, measures: pd.DataFrame) -> pd.DataFrame:
        """Measure how far images lie from the training split.

        Args:
            measures: columns of :func:`measure_records`; a measure that an image lacks (colour ratios of a grey image) is ignored.

        Returns:
            One row per image: ``outside`` (0 or 1), ``distance`` (divided by the limit: above 1 is outside) and ``farthest``, the
            measure whose correction alone would reduce the distance most; the distance of the measures compared together or of
            those compared alone, whichever is larger. With precision P and deviation d from the nearest images,
            correcting measure j reduces the squared distance by (P d)_j^2 / P_jj.
        """
        values = _unbounded(measures.reindex(columns=list(self.names)), self.names)
        values = np.where(np.isnan(values), self.centre, values)
        distance, deviation = self._nearest(values)
        gain = np.square(deviation @ self.precision) / np.diag(self.precision)
        relative = distance / self.limit
        farthest = np.array(self.names, dtype=object)[gain.argmax(axis=1)]
        if self.alone is not None:
            other = self.alone.compare(measures)
            farthest = np.where(other["distance"] > relative, other["farthest"], farthest)
            relative = np.maximum(other["distance"].to_numpy(), relative)
        return pd.DataFrame({"outside": (relative > 1).astype(int), "distance": relative, "farthest": farthest})

    def _nearest(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance (rows,) to the k-th nearest training image, and deviation (rows, N) from the mean of the k nearest."""
        standard = (values - self.centre) / self.scale
        whitening = np.linalg.cholesky(self.precision)
        k = max(1, min(NEIGHBOURS, len(self.images) // 8))
        distance, rows = cKDTree(self.images @ whitening).query(standard @ whitening, k=[*range(1, k + 1)])
        return distance[:, -1], standard - self.images[rows].mean(axis=1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        arrays = {key: getattr(self, key).tolist() for key in ARRAYS}
        alone = {} if self.alone is None else {"alone": self.alone.as_dict()}
        width = {} if self.width_px is None else {"width_px": self.width_px}
        return {"names": list(self.names), **arrays, "limit": self.limit, **alone, **width}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from the output of :meth:`as_dict`.

        Raises:
            KeyError, TypeError, ValueError: the content is not such an output.
        """
        names = tuple(str(name) for name in content["names"])
        centre, scale, precision, images = (np.asarray(content[key], float) for key in ARRAYS)
        n = len(names)
        expected = ((n,), (n,), (n, n), (len(images), n))
        if (centre.shape, scale.shape, precision.shape, images.shape) != expected or not images.size:
            raise ValueError(f"the arrays do not have the shapes for {n} measures")
        alone = cls.from_dict(content["alone"]) if "alone" in content else None
        width_px = float(content["width_px"]) if "width_px" in content else None
        if width_px is not None and not (math.isfinite(width_px) and width_px > 0):
            raise ValueError(f"the width is {width_px}: expected pixels, above 0")
        return cls(names, centre, scale, precision, images, float(content["limit"]), alone, width_px)


def _unbounded(measures: pd.DataFrame, names: Sequence[str]) -> FloatArray:
    """Logarithms of the measures, and log odds of shares: (rows, names)."""
    columns = []
    for name in names:
        value = measures[name].to_numpy(float)
        if name in SHARES:
            value = np.clip(value, 1e-4, 1 - 1e-4)
            columns.append(np.log(value / (1 - value)))
        else:
            columns.append(np.log(np.maximum(value, 1e-9)))
    return np.stack(columns, axis=1)


def _statistics(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Centre, scale, precision and images; outliers are clipped, and with few rows the covariance shrinks to the identity."""
    centre = np.median(values, axis=0)
    low, high = np.quantile(values, [0.1, 0.9], axis=0)
    scale = np.maximum((high - low) / DECILES, MIN_SCALE)
    standard = (values - centre) / scale
    clipped = np.clip(standard, -CLIP_LIMIT, CLIP_LIMIT)
    n, p = values.shape
    shrinkage = p / (n + p)
    covariance = (1 - shrinkage) * clipped.T @ clipped / n + shrinkage * np.eye(p)
    stored = standard[:: -(-n // MOST_IMAGES)]
    return centre, scale, np.linalg.inv(covariance), np.round(stored, 4)
