"""What labels are worth: with learners whose right answer is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from brightfield.evaluation.next_labels import curves
from brightfield.evaluation.next_labels.learners import Learnt
from brightfield.metrics.declarations import Objective


class Rare:
    """Its score is the share of rare images that it knows, on which its members are apart until then."""

    objective = Objective("accuracy")

    def __init__(self, count: int, rare: int) -> None:
        self.is_rare = np.arange(count) < rare

    def learn(self, chosen: Sequence[int], seed: int) -> Learnt:
        known = np.isin(np.arange(len(self.is_rare)), list(chosen))
        return Learnt(float((known & self.is_rare).sum() / self.is_rare.sum()), (self.is_rare & ~known).astype(float))


def test_sizes_double_up_to_all() -> None:
    assert curves.sizes_of(100) == [12, 24, 48, 100]  # 96 would be as good as all
    assert curves.sizes_of(33) == [8, 16, 33]
    assert curves.sizes_of(24) == [8, 16, 24]
    assert curves.sizes_of(8) == [8]


def test_choosing_what_is_disputed_beats_chance_where_disputed_images_matter() -> None:
    features = np.random.default_rng(0).normal(size=(96, 3))
    curve = curves.measure(Rare(96, 12), features, curves.sizes_of(96), repeats=6)
    assert curve.groupby(["way", "labels"]).size().unique().tolist() == [6]
    means = curve.groupby(["way", "labels"])["score"].mean()
    assert means["chosen"][12] == means["random"][12]  # both begin with the same images
    assert means["chosen"][96] == means["random"][96] == 1
    verdict = curves.judge(curve, "accuracy", 100)
    assert verdict.beats_random
    assert verdict.gain > 0.3
    assert str(verdict).startswith("On these images choosing beats random choice: accuracy +0.")


def test_the_verdict_by_hand() -> None:
    rows = []
    for repeat, shift in enumerate((0.0, 0.02)):
        for way, middle in (("chosen", 0.84), ("random", 0.80)):
            rows += [
                (repeat, way, 10, 0.7),
                (repeat, way, 20, middle + shift * (way == "chosen")),
                (repeat, way, 40, 0.9 + shift),
            ]
    verdict = curves.judge(pd.DataFrame(rows, columns=list(curves.COLUMNS)), "accuracy", 40)
    assert verdict.gain == pytest.approx(0.05)  # 0.04 and 0.06
    reach = 12.706 * 0.01  # of two values: t for one degree of freedom, times their standard error
    assert (verdict.low, verdict.high) == pytest.approx((0.05 - reach, 0.05 + reach), abs=1e-4)
    assert verdict.beats_random is None
    assert verdict.buys == pytest.approx(0.11)  # one more doubling, as from 20 to 40
    assert "not shown to beat" in str(verdict)


def test_of_an_error_less_is_better() -> None:
    rows = [(0, way, n, value) for way in ("chosen", "random") for n, value in ((10, 3.0), (20, 2.0), (40, 1.0))]
    rows[1] = (0, "chosen", 20, 1.5)
    verdict = curves.judge(pd.DataFrame(rows, columns=list(curves.COLUMNS)), "capped_error_px", 40)
    assert verdict.gain == pytest.approx(0.5)
    assert verdict.buys == pytest.approx(1.0)
    assert math.isnan(verdict.low)
    assert "+ is better" in str(verdict)
