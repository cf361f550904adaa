"""Groups stay together, no split is empty, and the shares are as near as whole groups allow."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightfield.data.splitting import SPLITS, in_order, split_groups
from brightfield.errors import BrightfieldError

SIZES = st.lists(st.integers(1, 30), min_size=3, max_size=25)
SHARES = st.sampled_from([(0.2, 0.2), (0.1, 0.1), (0.15, 0.3), (0.4, 0.4), (0.01, 0.01)])


def rows(sizes: list[int]) -> list[str]:
    return [f"g{i}" for i, size in enumerate(sizes) for _ in range(size)]


@given(SIZES, SHARES, st.integers(0, 5))
@settings(deadline=None, max_examples=80)
def test_whole_groups_in_non_empty_splits(sizes: list[int], shares: tuple[float, float], seed: int) -> None:
    groups = rows(sizes)
    splits = split_groups(groups, validation=shares[0], test=shares[1], seed=seed)
    assert len(splits) == len(groups)
    assert set(splits) == set(SPLITS)
    assert len(set(zip(groups, splits, strict=True))) == len(sizes)  # each group in one split


@given(SIZES, SHARES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_order_of_the_rows_does_not_matter(sizes: list[int], shares: tuple[float, float], random: object) -> None:
    groups = rows(sizes)
    strata = [i % 3 == 0 for i in range(len(groups))]
    order = np.random.default_rng(0).permutation(len(groups))
    options = {"validation": shares[0], "test": shares[1], "seed": 3}
    straight = split_groups(groups, strata=strata, **options)
    shuffled = split_groups([groups[i] for i in order], strata=[strata[i] for i in order], **options)
    assert [straight[i] for i in order] == shuffled


def cost(sizes: list[int], splits: tuple[int, ...], wanted: list[float]) -> float:
    got = [sum(size for size, split in zip(sizes, splits, strict=True) if split == s) for s in range(3)]
    return sum((g - w) ** 2 / w for g, w in zip(got, wanted, strict=True)) if all(got) else np.inf


@given(st.lists(st.integers(1, 12), min_size=3, max_size=6), st.sampled_from([(0.2, 0.2), (0.1, 0.3)]))
@settings(deadline=None, max_examples=40)
def test_nearly_as_good_as_trying_every_split(sizes: list[int], shares: tuple[float, float]) -> None:
    wanted = [share * sum(sizes) for share in (1 - sum(shares), *shares)]
    best = min(cost(sizes, splits, wanted) for splits in itertools.product(range(3), repeat=len(sizes)))
    found = split_groups(rows(sizes), validation=shares[0], test=shares[1], seed=0)
    by_group = dict(zip(rows(sizes), found, strict=True))
    splits = tuple(SPLITS.index(by_group[f"g{i}"]) for i in range(len(sizes)))
    assert cost(sizes, splits, wanted) <= best + 0.3 * max(sizes)


def test_equal_groups_give_the_exact_shares() -> None:
    splits = split_groups(rows([5] * 20), validation=0.2, test=0.1, seed=0)
    assert Counter(splits) == {"train": 70, "validation": 20, "test": 10}


def test_a_sealed_gate_has_groups_of_its_own() -> None:
    groups = rows([5] * 20)
    splits = split_groups(groups, validation=0.2, test=0.1, gate=0.25, seed=0)
    assert Counter(splits) == {"train": 45, "validation": 20, "test": 10, "gate": 25}
    assert len(set(zip(groups, splits, strict=True))) == 20
    assert splits == split_groups(groups, validation=0.2, test=0.1, gate=0.25, seed=0)
    with pytest.raises(
        BrightfieldError, match="at least 4 groups .one each to train, validate and test and gate.*got 3"
    ):
        split_groups(["a", "b", "c"], validation=0.2, test=0.2, gate=0.2, seed=0)
    with pytest.raises(BrightfieldError, match="sum below 1, got 0.4 and 0.4, and 0.2 for the gate"):
        split_groups(groups, validation=0.4, test=0.4, gate=0.2, seed=0)
    assert in_order(["focus", "gate", "test", "train"]) == ["train", "test", "gate", "focus"]


def test_one_huge_group_goes_to_training() -> None:
    splits = split_groups(rows([100, 3, 4]), validation=0.2, test=0.2, seed=0)
    assert set(splits[:100]) == {"train"}


def test_classes_are_balanced_over_the_splits() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 30, 60).tolist()
    groups = rows(sizes)
    rate = {f"g{i}": rng.beta(0.7, 2) for i in range(60)}  # smears differ a lot in their share of good cells
    strata = [bool(rng.random() < rate[group]) for group in groups]
    splits = np.array(split_groups(groups, validation=0.2, test=0.2, seed=1, strata=strata))
    for split in SPLITS:
        assert np.mean(np.array(strata)[splits == split]) == pytest.approx(np.mean(strata), abs=0.01)
    assert Counter(splits.tolist())["test"] == pytest.approx(0.2 * len(groups), abs=3)


def test_seeds_give_different_splits_and_one_seed_always_the_same() -> None:
    groups = rows([4] * 30)
    made = [tuple(split_groups(groups, validation=0.2, test=0.2, seed=seed)) for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]


def test_many_groups_are_fast_enough() -> None:
    groups = [f"g{i}" for i in range(4000)]
    splits = split_groups(groups, validation=0.15, test=0.1, seed=0, strata=[i % 7 == 0 for i in range(4000)])
    assert Counter(splits) == {"train": 3000, "validation": 600, "test": 400}


@pytest.mark.parametrize("groups", [[], ["a"], ["a", "b", "a"]])
def test_fewer_than_three_groups_is_an_error(groups: list[str]) -> None:
    with pytest.raises(BrightfieldError, match=f"at least 3 groups .* got {len(set(groups))}"):
        split_groups(groups, validation=0.2, test=0.2, seed=0)


@pytest.mark.parametrize(("validation", "test"), [(0.0, 0.2), (0.2, 0.0), (0.5, 0.5), (-0.1, 0.2)])
def test_shares_must_leave_something_for_each(validation: float, test: float) -> None:
    with pytest.raises(BrightfieldError, match="shares above 0"):
        split_groups(["a", "b", "c"], validation=validation, test=test, seed=0)
