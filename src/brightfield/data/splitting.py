"""Split rows into training, validation and test, and where it is asked for a sealed gate, by whole groups.

scikit-learn's StratifiedGroupKFold makes k equal parts only; here the shares are free. Groups are assigned greedily, largest
first, and then moved and swapped as long as that lowers the cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError

SPLITS = ("train", "validation", "test")  # of every dataset
GATE = "gate"  # images that nobody scores but the gate, when it decides about a champion
_MAX_SWAPPED = 300  # maximum number of groups for swaps: with more, moves are good enough and swaps take too long
_GAIN = 1e-9  # least decrease of the cost: less is rounding, and the search would not end

Counts = npt.NDArray[np.float64]


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names of splits, each once: training, validation, test and gate where they exist, then the others by name."""
    found, first = set(names), (*SPLITS, GATE)
    return [*(split for split in first if split in found), *sorted(found - set(first))]


def split_groups(
    groups: Sequence[str],
    *,
    validation: float,
    test: float,
    gate: float = 0.0,
    seed: int,
    strata: Sequence[object] | None = None,
) -> list[str]:
    """Assign each row to ``train``, ``validation``, ``test`` or ``gate``; rows of one group stay together and no split is empty.

    There is a split ``gate`` only with a share above 0.

    The shares apply to all rows, and to the rows of each stratum (a class), as closely as whole groups allow: no move or swap of
    groups lowers the cost, the sum of (actual - wanted)^2 / wanted over splits and strata. The result depends on the contents of
    the groups and on the seed, not on the order of the rows. Raises BrightfieldError for fewer groups than splits.
    """
    if not (validation > 0 and test > 0 and gate >= 0 and validation + test + gate < 1):
        raise BrightfieldError(
            f"Expected shares above 0 for validation and test, with a sum below 1, got {validation} and {test}"
            f"{f', and {gate} for the gate' if gate else ''}."
        )
    splits, shares = [*SPLITS], [1 - validation - test - gate, validation, test]
    if gate:
        splits.append(GATE)
        shares.append(gate)
    if strata is not None and len(strata) != len(groups):
        raise ValueError(f"expected one stratum per row, got {len(strata)} for {len(groups)} rows")
    names, group_of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < len(splits):
        found = ", ".join(map(repr, names)) or "none"
        raise BrightfieldError(
            f"Splitting needs at least {len(splits)} groups (one each to train, validate and test{' and gate' if gate else ''}), "
            f"got {len(names)}: {found}. "
            "Import more acquisitions, or name smaller groups with --group-pattern (a smear, a movie, a specimen)."
        )
    counts = _counts(group_of_row, len(names), strata)
    split_of_group = _assign(counts, np.array(shares), np.random.default_rng(seed))
    return [splits[split] for split in split_of_group[group_of_row]]


def _counts(group_of_row: npt.NDArray[np.intp], number: int, strata: Sequence[object] | None) -> Counts:
    """Number of rows of each group, (groups, 1 + strata): in all, then by stratum."""
    total = np.bincount(group_of_row, minlength=number).astype(np.float64)[:, None]
    if strata is None:
        return total
    _, stratum_of_row = np.unique(np.asarray([repr(s) for s in strata]), return_inverse=True)
    by_stratum = np.zeros((number, int(stratum_of_row.max()) + 1))
    np.add.at(by_stratum, (group_of_row, stratum_of_row), 1)
    return np.hstack([total, by_stratum])


def _assign(counts: Counts, shares: Counts, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The number of the split of each group."""
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled, 0], kind="stable")]
    wanted = shares[:, None] * counts.sum(axis=0)
    got = np.zeros_like(wanted)
    splits = np.zeros(len(counts), dtype=np.intp)
    for place, group in enumerate(order):
        empty = np.flatnonzero(got[:, 0] == 0)
        choices = empty if len(counts) - place <= len(empty) else np.arange(len(shares))
        cost = (counts[group] * (2 * (got - wanted) + counts[group]) / wanted).sum(axis=1)[choices]
        splits[group] = choices[np.argmin(cost)]
        got[splits[group]] += counts[group]
    for _ in range(10 * len(counts)):  # each step lowers the cost, so the loop ends by itself; the bound is a safeguard
        if not (_move(counts, wanted, splits) or (len(counts) <= _MAX_SWAPPED and _swap(counts, wanted, splits))):
            break
    return splits


def _excess(counts: Counts, wanted: Counts, splits: npt.NDArray[np.intp]) -> Counts:
    """Number of rows above what is wanted, (splits, 1 + strata)."""
    return np.stack([counts[splits == s].sum(axis=0) for s in range(len(wanted))]) - wanted


def _move(counts: Counts, wanted: Counts, splits: npt.NDArray[np.intp]) -> bool:
    """Move the group whose move lowers the cost most; returns whether there was one."""
    excess = _excess(counts, wanted, splits)
    leave = (counts * (counts - 2 * excess[splits]) / wanted[splits]).sum(axis=1)
    enter = (counts[:, None] * (counts[:, None] + 2 * excess) / wanted).sum(axis=2)
    change = leave[:, None] + enter
    change[np.arange(len(counts)), splits] = np.inf  # the group's own split
    change[np.bincount(splits, minlength=len(wanted))[splits] == 1] = np.inf  # no split becomes empty
    group, split = np.unravel_index(np.argmin(change), change.shape)
    if change[group, split] >= -_GAIN:
        return False
    splits[group] = split
    return True


def _swap(counts: Counts, wanted: Counts, splits: npt.NDArray[np.intp]) -> bool:
    """Swap the two groups whose swap lowers the cost most; returns whether there were such."""
    excess = _excess(counts, wanted, splits)
    best, pair = -_GAIN, None
    for a, b in combinations(range(len(wanted)), 2):
        of_a, of_b = np.flatnonzero(splits == a), np.flatnonzero(splits == b)
        gain = counts[of_b][None] - counts[of_a][:, None]  # rows that split a gains by the swap
        change = (gain * (gain + 2 * excess[a]) / wanted[a] + gain * (gain - 2 * excess[b]) / wanted[b]).sum(axis=2)
        i, j = np.unravel_index(np.argmin(change), change.shape)
        if change[i, j] < best:
            best, pair = float(change[i, j]), (of_a[i], of_b[j])
    if pair is None:
        return False
    splits[pair[0]], splits[pair[1]] = splits[pair[1]], splits[pair[0]]
    return True
