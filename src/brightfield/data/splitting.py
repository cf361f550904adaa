"""Split rows into training, validation and test by whole groups.

scikit-learn's StratifiedGroupKFold cuts into k equal parts only; the shares here are free, so groups are dealt out
greedily, largest first, and then moved and swapped until nothing gets better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError

SPLITS = ("train", "validation", "test")
_MAX_SWAPPED = 300  # beyond so many groups single moves come near enough, and pairs would cost too much
_GAIN = 1e-9  # of a sum of squares: less is rounding, and would go round in circles

Counts = npt.NDArray[np.float64]


def in_order(names: Iterable[str]) -> list[str]:
    """Each split once: training, validation and test as far as they are there, then the others by name."""
    found = set(names)
    return [*(split for split in SPLITS if split in found), *sorted(found - set(SPLITS))]


def split_groups(
    groups: Sequence[str],
    *,
    validation: float,
    test: float,
    seed: int,
    strata: Sequence[object] | None = None,
) -> list[str]:
    """``train``, ``validation`` or ``test`` for each row; rows of one group stay together and no split is empty.

    The shares are of rows, and of the rows of each stratum (a class), met as nearly as whole groups allow: the sum of
    (got - wanted)^2 / wanted over splits and strata is brought to a minimum that no move or swap of groups betters. The
    answer depends on what the groups hold and on the seed, not on the order of the rows. Raises BrightfieldError for
    fewer than three groups.
    """
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise BrightfieldError(
            f"validation and test are shares above 0 that leave something to train on, got {validation} and {test}."
        )
    if strata is not None and len(strata) != len(groups):
        raise ValueError(f"one stratum a row, got {len(strata)} for {len(groups)} rows")
    names, group_of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < len(SPLITS):
        found = ", ".join(map(repr, names)) or "none"
        raise BrightfieldError(
            f"Splitting needs at least 3 groups (one each to train, validate and test), got {len(names)}: {found}. "
            "Import more acquisitions, or name smaller groups with --group-pattern (a smear, a movie, a specimen)."
        )
    counts = _counts(group_of_row, len(names), strata)
    shares = np.array([1 - validation - test, validation, test])
    split_of_group = _assign(counts, shares, np.random.default_rng(seed))
    return [SPLITS[split] for split in split_of_group[group_of_row]]


def _counts(group_of_row: npt.NDArray[np.intp], number: int, strata: Sequence[object] | None) -> Counts:
    """(groups, 1 + strata): rows of each group, in all and by stratum."""
    total = np.bincount(group_of_row, minlength=number).astype(np.float64)[:, None]
    if strata is None:
        return total
    _, stratum_of_row = np.unique(np.asarray([repr(s) for s in strata]), return_inverse=True)
    by_stratum = np.zeros((number, int(stratum_of_row.max()) + 1))
    np.add.at(by_stratum, (group_of_row, stratum_of_row), 1)
    return np.hstack([total, by_stratum])


def _assign(counts: Counts, shares: Counts, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The split, 0 to 2, of each group."""
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled, 0], kind="stable")]
    wanted = shares[:, None] * counts.sum(axis=0)
    got = np.zeros_like(wanted)
    splits = np.zeros(len(counts), dtype=np.intp)
    for place, group in enumerate(order):
        empty = np.flatnonzero(got[:, 0] == 0)
        choices = empty if len(counts) - place <= len(empty) else np.arange(len(SPLITS))
        cost = (counts[group] * (2 * (got - wanted) + counts[group]) / wanted).sum(axis=1)[choices]
        splits[group] = choices[np.argmin(cost)]
        got[splits[group]] += counts[group]
    for _ in range(10 * len(counts)):  # each step betters the sum, so it ends by itself; the bound is for peace of mind
        if not (_move(counts, wanted, splits) or (len(counts) <= _MAX_SWAPPED and _swap(counts, wanted, splits))):
            break
    return splits


def _excess(counts: Counts, wanted: Counts, splits: npt.NDArray[np.intp]) -> Counts:
    """(splits, 1 + strata): rows too many."""
    return np.stack([counts[splits == s].sum(axis=0) for s in range(len(SPLITS))]) - wanted


def _move(counts: Counts, wanted: Counts, splits: npt.NDArray[np.intp]) -> bool:
    """Move the one group whose move betters the sum most; whether there was one."""
    excess = _excess(counts, wanted, splits)
    leave = (counts * (counts - 2 * excess[splits]) / wanted[splits]).sum(axis=1)
    enter = (counts[:, None] * (counts[:, None] + 2 * excess) / wanted).sum(axis=2)
    change = leave[:, None] + enter
    change[np.arange(len(counts)), splits] = np.inf  # to where it is
    change[np.bincount(splits, minlength=len(SPLITS))[splits] == 1] = np.inf  # the last one stays
    group, split = np.unravel_index(np.argmin(change), change.shape)
    if change[group, split] >= -_GAIN:
        return False
    splits[group] = split
    return True


def _swap(counts: Counts, wanted: Counts, splits: npt.NDArray[np.intp]) -> bool:
    """Exchange the two groups whose exchange betters the sum most; whether there were such."""
    excess = _excess(counts, wanted, splits)
    best, pair = -_GAIN, None
    for a, b in ((0, 1), (0, 2), (1, 2)):
        of_a, of_b = np.flatnonzero(splits == a), np.flatnonzero(splits == b)
        gain = counts[of_b][None] - counts[of_a][:, None]  # what split a gains by the exchange
        change = (gain * (gain + 2 * excess[a]) / wanted[a] + gain * (gain - 2 * excess[b]) / wanted[b]).sum(axis=2)
        i, j = np.unravel_index(np.argmin(change), change.shape)
        if change[i, j] < best:
            best, pair = float(change[i, j]), (of_a[i], of_b[j])
    if pair is None:
        return False
    splits[pair[0]], splits[pair[1]] = splits[pair[1]], splits[pair[0]]
    return True
