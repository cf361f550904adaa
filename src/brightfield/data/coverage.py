"""Is an image like those that a model was trained on? How far its light, contrast, noise, focus and density lie from theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from brightfield import layout
from brightfield.data.measuring import COLOURS, NUMBERS, measure
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.system.files import write_json

FloatArray = npt.NDArray[np.floating[Any]]

SHARES = ("focus", "density")  # between 0 and 1; the others are above 0
KEPT = 0.99  # of the images of the training split lie inside
FOLDS = 5
DECILES = 2.5631  # between the 10% and the 90% quantile of a normal distribution, in standard deviations
LEAST_SCALE = 0.01  # a hundredth: what never varied in training may vary by so much
DRAWN_IN = 4.0  # standard deviations
NEIGHBOURS = 5  # or an eighth of the images, where they are few
MOST_IMAGES = 500  # kept in a bundle
ARRAYS = ("centre", "scale", "precision", "images")


def numbers(images: Iterable[np.ndarray]) -> pd.DataFrame:
    """A row an image, (H, W) or (H, W, 3): the columns that :func:`brightfield.data.measuring.measure` names."""
    return pd.DataFrame([measure(image) for image in images])


def table(records: Iterable[Record]) -> pd.DataFrame:
    """A row an image: id, group, then its numbers."""
    return pd.DataFrame([{"id": record.id, "group": record.group, **measure(record.image)} for record in records])


def write(folder: Path, records: Iterable[Record], index: pd.DataFrame) -> None:
    """Write ``coverage.csv``, a row an image of the index (id, group, split, its numbers), and what the training split covers."""
    rows = table(records).merge(index[["id", "split"]], on="id", validate="one_to_one")
    rows.insert(2, "split", rows.pop("split"))
    rows.to_csv(folder / layout.COVERAGE_TABLE, index=False, float_format="%.6g", lineterminator="\n")
    write_json(folder / layout.COVERAGE, Coverage.fit(rows[rows["split"] == "train"]).as_dict())


def read(folder: Path) -> pd.DataFrame:
    """What :func:`write` wrote.

    Raises:
        BrightfieldError: if the dataset was prepared before it was measured.
    """
    path = folder / layout.COVERAGE_TABLE
    if not path.is_file():
        raise BrightfieldError(f"{path} is missing: the images were not measured yet. Run `dvc repro`.")
    return pd.read_csv(path, dtype={"id": str, "group": str, "split": str}, keep_default_na=False, na_values=[""])


def of_training(folder: Path) -> Coverage:
    """What the training split of ``data/prepared/<dataset>`` covers, as :func:`write` found it.

    Raises:
        BrightfieldError: if the dataset was prepared before it was measured.
    """
    path = folder / layout.COVERAGE
    if not path.is_file():
        raise BrightfieldError(f"{path} is missing: the images were not measured yet. Run `dvc repro`.")
    return Coverage.from_dict(json.loads(path.read_text(encoding="utf-8")))


# --- what a training split covered --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coverage:
    """The numbers of a training split, and how far from their neighbours its images lie.

    The distance of an image is that to the k-th nearest training image (Ramaswamy et al., SIGMOD 2000; Sun et al., ICML 2022), in
    the Mahalanobis metric of the training split: a split may hold images of two kinds (brightfield and phase contrast) with nothing
    in between, where a single Gaussian would see its middle.

    Attributes:
        names: of the N numbers, in the order of what follows.
        centre: (N,) medians of their logarithms (of a share: its log odds).
        scale: (N,) standard deviations of the same, from the 10% and 90% quantiles.
        precision: (N, N) inverse covariance of the numbers after ``(x - centre) / scale``.
        images: (M, N) training images after ``(x - centre) / scale``, at most ``MOST_IMAGES``.
        limit: the distance within which 99 of 100 images of the training split lie when their group is left out.
    """

    names: tuple[str, ...]
    centre: FloatArray
    scale: FloatArray
    precision: FloatArray
    images: FloatArray
    limit: float

    @classmethod
    def fit(cls, numbers: pd.DataFrame) -> Self:
        """From the rows of :func:`table` of a training split.

        The limit comes from cross-fitting: each fifth of the groups is measured against the rest, because images of one group are
        alike and would vouch for each other.
        """
        names = tuple(name for name in (*NUMBERS, *COLOURS) if name in numbers and numbers[name].notna().all())
        values = _unbounded(numbers, names)
        _, groups = np.unique(numbers["group"].astype(str), return_inverse=True)
        fold = groups % FOLDS
        parts = [(fold != i, fold == i) for i in range(FOLDS) if 0 < (fold == i).sum() < len(fold)]
        everything = np.ones(len(fold), bool)
        held_out = [
            cls(names, *_described(values[rest]), 1.0)._nearest(values[part])[0]
            for rest, part in parts or [(everything, everything)]
        ]
        limit = float(np.quantile(np.concatenate(held_out), KEPT))
        return cls(names, *_described(values), max(limit, LEAST_SCALE))

    def compare(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """How far outside images lie.

        Args:
            numbers: the columns of :func:`table`; one that an image does not have (the colours of a grey one) is not compared.

        Returns:
            A row an image: ``outside`` (0 or 1), ``distance`` (over the limit: above 1 is outside) and ``farthest`` (the number
            that, put right alone, would bring the image nearest to its neighbours: with precision P and deviation d,
            putting number j right takes (P d)_j^2 / P_jj off the squared distance).
        """
        values = _unbounded(numbers.reindex(columns=list(self.names)), self.names)
        values = np.where(np.isnan(values), self.centre, values)
        distance, deviation = self._nearest(values)
        gain = np.square(deviation @ self.precision) / np.diag(self.precision)
        relative = distance / self.limit
        return pd.DataFrame(
            {
                "outside": (relative > 1).astype(int),
                "distance": relative,
                "farthest": [self.names[i] for i in gain.argmax(axis=1)],
            }
        )

    def _nearest(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance (rows,) to the k-th nearest image, and the deviation (rows, N) from the mean of the k nearest."""
        standard = (values - self.centre) / self.scale
        whitening = np.linalg.cholesky(self.precision)
        k = max(1, min(NEIGHBOURS, len(self.images) // 8))
        distance, rows = cKDTree(self.images @ whitening).query(standard @ whitening, k=[*range(1, k + 1)])
        return distance[:, -1], standard - self.images[rows].mean(axis=1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        arrays = {key: getattr(self, key).tolist() for key in ARRAYS}
        return {"names": list(self.names), **arrays, "limit": self.limit}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What :meth:`as_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: if it is anything else.
        """
        names = tuple(str(name) for name in content["names"])
        centre, scale, precision, images = (np.asarray(content[key], float) for key in ARRAYS)
        n = len(names)
        expected = ((n,), (n,), (n, n), (len(images), n))
        if (centre.shape, scale.shape, precision.shape, images.shape) != expected or not images.size:
            raise ValueError(f"arrays do not fit {n} numbers")
        return cls(names, centre, scale, precision, images, float(content["limit"]))


def _unbounded(numbers: pd.DataFrame, names: Sequence[str]) -> FloatArray:
    """Logarithms, and log odds of shares: (rows, names)."""
    columns = []
    for name in names:
        value = numbers[name].to_numpy(float)
        if name in SHARES:
            value = np.clip(value, 1e-4, 1 - 1e-4)
            columns.append(np.log(value / (1 - value)))
        else:
            columns.append(np.log(np.maximum(value, 1e-9)))
    return np.stack(columns, axis=1)


def _described(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Centre, scale, precision and images; the few rows far out are drawn in, few rows are held to be less correlated."""
    centre = np.median(values, axis=0)
    low, high = np.quantile(values, [0.1, 0.9], axis=0)
    scale = np.maximum((high - low) / DECILES, LEAST_SCALE)
    standard = (values - centre) / scale
    drawn_in = np.clip(standard, -DRAWN_IN, DRAWN_IN)
    n, p = values.shape
    shrinkage = p / (n + p)
    covariance = (1 - shrinkage) * drawn_in.T @ drawn_in / n + shrinkage * np.eye(p)
    kept = standard[:: -(-n // MOST_IMAGES)]
    return centre, scale, np.linalg.inv(covariance), np.round(kept, 4)
