"""Cells from fragments: the probability of body is cut at every valley, and fragments of the same cell are merged.

One seed probability cannot suit all cells: where an image is blurred, a valley between two cells is as high as the body of a cell
elsewhere. So the map is cut into one fragment per peak, and features of two neighbours (depth of the valley between them, length of
their border, similarity of both together to a rod) determine the probability that they are one cell. A logistic regression learns
it from images with known cells. The most probable neighbours are merged first, and the features of merged cells are computed again.

Everything after the cut works on tables of fragments and borders, whose sums add up when fragments merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield.tasks.segmentation.basins import basins
from brightfield.tasks.segmentation.masks import BODY

FOREGROUND = 0.5  # probability of not being background above which a pixel belongs to cells
FLOOR = 0.01  # added to probabilities, so that the log odds are finite
SMOOTH_PX = 1.0  # sigma of the smoothing of the log odds, which joins close peaks
SHALLOW = 1.0  # depth of a valley in log odds below which it is noise, and its fragments are merged beforehand
MOST_ROUNDS = 50  # largest number of rounds of merging
FEWEST_BORDERS = 100  # smallest number of borders for the regression
FEATURES = 11  # number of features of a border

Labels = npt.NDArray[np.int32]
Real = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fragments:
    """The fragments of an image; entry 0 of each table of fragments is background.

    Attributes:
        labels: (H, W) from 1 to n, 0 is background.
        peaks: (n + 1,) highest log odds of body.
        moments: (n + 1, 6) sums over the pixels: 1, x, y, x^2, y^2, x y.
        first, second: (P,) the fragments of each pair of adjacent pixels on a border, the lower number first.
        passes: (P,) log odds at that pair: the lower of both pixels.
    """

    labels: Labels
    peaks: Real
    moments: Real
    first: Ints
    second: Ints
    passes: Real

    def joined(self, groups: Ints) -> Fragments:
        """Merge fragments: ``groups`` (n + 1,) has the new number of each, 0 for background. ``labels`` do not change."""
        count = int(groups.max(initial=0)) + 1
        peaks = np.full(count, -np.inf)
        np.maximum.at(peaks, groups, self.peaks)
        moments = np.zeros((count, self.moments.shape[1]))
        np.add.at(moments, groups, self.moments)
        first, second = groups[self.first], groups[self.second]
        apart = first != second
        low, high = (side(first, second)[apart] for side in (np.minimum, np.maximum))
        return Fragments(self.labels, peaks, moments, low, high, self.passes[apart])

    def borders(self) -> tuple[Ints, Ints, Real, Real, Real]:
        """First and second fragment of each border, its length in px, and the mean and maximum of its passes."""
        count = len(self.peaks)
        keys, which = np.unique(self.first * count + self.second, return_inverse=True)
        length = np.bincount(which, minlength=len(keys)).astype(np.float64)
        mean = np.bincount(which, self.passes, len(keys)) / np.maximum(length, 1)
        highest = np.full(len(keys), -np.inf)
        np.maximum.at(highest, which, self.passes)
        return keys // count, keys % count, length, mean, highest


def fragments(probabilities: Probabilities) -> Fragments:
    """One fragment per peak of the body in the probabilities (3, H, W) of background, body and contour, without noise."""
    body = probabilities[BODY]
    odds = np.log((body + np.float32(FLOOR)) / (1 - body + np.float32(FLOOR)))
    height = ndimage.gaussian_filter(odds, SMOOTH_PX)
    inside = (probabilities[0] < 1 - FOREGROUND) | (body > FOREGROUND)
    whole = _described(*basins(height, inside), height)
    groups = _without_shallow(whole)
    joined = whole.joined(groups)
    return Fragments(
        groups[whole.labels].astype(np.int32), joined.peaks, joined.moments, joined.first, joined.second, joined.passes
    )


def _described(labels: Labels, peaks: npt.NDArray[np.float32], height: npt.NDArray[np.float32]) -> Fragments:
    count = len(peaks) + 1
    y, x = np.nonzero(labels)
    number, dx, dy = labels[y, x], x.astype(np.float64), y.astype(np.float64)
    columns = (np.ones(len(dx)), dx, dy, dx * dx, dy * dy, dx * dy)
    moments: Real = np.stack([np.bincount(number, column, count).astype(np.float64) for column in columns], axis=1)
    sides = [
        (labels[:, :-1], labels[:, 1:], height[:, :-1], height[:, 1:]),
        (labels[:-1], labels[1:], height[:-1], height[1:]),
    ]
    found = []
    for a, b, ha, hb in sides:
        meet = (a != b) & (a > 0) & (b > 0)
        found.append((np.minimum(a[meet], b[meet]), np.maximum(a[meet], b[meet]), np.minimum(ha[meet], hb[meet])))
    first, second, passes = (np.concatenate(column) for column in zip(*found, strict=True))
    summits: Real = np.r_[-np.inf, peaks].astype(np.float64)
    return Fragments(labels, summits, moments, first.astype(np.intp), second.astype(np.intp), passes.astype(np.float64))


def _without_shallow(whole: Fragments) -> Ints:
    """Group fragments with valleys shallower than ``SHALLOW`` between them, the highest passes first."""
    first, second, _, _, highest = whole.borders()
    parent = list(range(len(whole.peaks)))
    peaks = whole.peaks.tolist()

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for border in np.argsort(-highest, kind="stable"):
        a, b = root(int(first[border])), root(int(second[border]))
        if a != b and min(peaks[a], peaks[b]) - highest[border] < SHALLOW:
            low, high = (a, b) if peaks[a] < peaks[b] else (b, a)
            parent[low] = high
    return _numbered(np.array([root(i) for i in range(len(parent))]))


def features(pieces: Fragments) -> tuple[Ints, Ints, Real]:
    """First and second fragment of each border, and its features, (borders, FEATURES)."""
    first, second, length, mean, highest = pieces.borders()
    one, other = pieces.moments[first], pieces.moments[second]
    lower = np.minimum(pieces.peaks[first], pieces.peaks[second])
    (_, wide_one), (_, wide_other), (long, wide) = (_axes(m) for m in (one, other, one + other))
    small, large = np.minimum(one[:, 0], other[:, 0]), np.maximum(one[:, 0], other[:, 0])
    columns = [
        mean,
        highest,
        lower - highest,
        lower,
        np.log(length),
        length / np.minimum(wide_one, wide_other),
        np.log(small),
        np.log(large),
        wide,
        wide / np.maximum(wide_one, wide_other),
        (one + other)[:, 0] / (long * wide),
    ]
    return first, second, np.stack(columns, axis=1)


def _axes(moments: Real) -> tuple[Real, Real]:
    """Length and width in px of rectangles with these second moments."""
    area = np.maximum(moments[:, 0], 1)
    x, y = moments[:, 1] / area, moments[:, 2] / area
    # the area of a pixel adds a variance of 1/12
    xx, yy = moments[:, 3] / area - x * x + 1 / 12, moments[:, 4] / area - y * y + 1 / 12
    xy = moments[:, 5] / area - x * y
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return np.sqrt(12 * (middle + half)), np.sqrt(12 * np.maximum(middle - half, 1 / 12))


def learn(pieces: Sequence[Fragments], truth: Sequence[Labels]) -> list[float] | None:
    """The weights of the logistic regression, the intercept first; None if there are too few borders, or only of one kind.

    Args:
        pieces: fragments of each image.
        truth: cells of each image, (H, W).
    """
    from sklearn.linear_model import LogisticRegression

    rows, same = [], []
    for image, cells in zip(pieces, truth, strict=True):
        owner = _owners(image, cells)
        first, second, found = features(image)
        rows.append(found)
        same.append((owner[first] == owner[second]) & (owner[first] > 0))
    if sum(map(len, same)) < FEWEST_BORDERS:
        return None
    x, y = np.concatenate(rows), np.concatenate(same)
    if y.all() or not y.any():
        return None
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    fitted = LogisticRegression(max_iter=2000).fit((x - mean) / spread, y)
    slopes = fitted.coef_[0] / spread
    return [float(fitted.intercept_[0] - slopes @ mean), *map(float, slopes)]


def _owners(image: Fragments, cells: Labels) -> Ints:
    """The cell that contains most pixels of each fragment, 0 for background."""
    count, most = len(image.peaks), int(cells.max(initial=0)) + 1
    keys, pixels = np.unique(image.labels.astype(np.int64) * most + cells, return_counts=True)
    order = np.argsort(pixels, kind="stable")  # the largest share is assigned last
    owner = np.zeros(count, np.intp)
    owner[keys[order] // most] = keys[order] % most
    return owner


def merged(pieces: Fragments, weights: Sequence[float]) -> Labels:
    """Cells (H, W), numbered from 1: neighbours are merged while the probability that they are one cell exceeds one half.

    Args:
        pieces: fragments of the image.
        weights: an intercept, then a slope for each of the ``features`` (see :func:`learn`).
    """
    slopes = np.asarray(weights[1:])
    groups = np.arange(len(pieces.peaks))
    for _ in range(MOST_ROUNDS):
        first, second, found = features(pieces)
        odds = weights[0] + found @ slopes
        best = _mutually_best(first, second, odds, len(pieces.peaks))
        if not best.any():
            break
        parent = np.arange(len(pieces.peaks))
        parent[second[best]] = first[best]
        step = _numbered(parent)
        groups, pieces = step[groups], pieces.joined(step)
    return groups[pieces.labels].astype(np.int32)


def _mutually_best(first: Ints, second: Ints, odds: Real, count: int) -> npt.NDArray[np.bool_]:
    """The borders with odds above even that are the best border of both their fragments."""
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, first, odds)
    np.maximum.at(highest, second, odds)
    best = (odds > 0) & (odds == highest[first]) & (odds == highest[second])
    taken = np.zeros(count, bool)  # where two borders of a fragment are equal, the first is taken
    for border in np.flatnonzero(best):
        best[border] = not (taken[first[border]] or taken[second[border]])
        taken[[first[border], second[border]]] = True
    return np.asarray(best)


def _numbered(parent: Ints) -> Ints:
    """Groups numbered from 0 without gaps, background 0."""
    return np.unique(parent, return_inverse=True)[1].astype(np.intp)
