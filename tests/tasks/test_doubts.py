"""The curve from agreement to expected error."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import tasks
from brightfield.tasks.doubts import UNSEEN, Doubts


def test_between_its_points_the_curve_is_linear_and_beyond_them_constant() -> None:
    curve = Doubts((0.2, 0.6), (0.9, 0.1), 0.5, "the error")
    assert [curve.expected(each) for each in (0.0, 0.2, 0.3, 0.6, 1.0)] == pytest.approx([0.9, 0.9, 0.7, 0.1, 0.1])


@pytest.mark.parametrize("kind", tasks.KINDS)
def test_more_agreement_never_lets_expect_a_larger_error(kind: str) -> None:
    curve = tasks.KINDS[kind].answering_class.doubts
    assert curve is not None
    assert len(curve.agreement) == len(curve.error)
    assert (np.diff(curve.agreement) > 0).all()
    assert (np.diff(curve.error) <= 0).all()
    assert curve.agreement[0] == 0
    assert curve.agreement[-1] == 1
    assert curve.error[0] > curve.limit > curve.error[-1]


@pytest.mark.parametrize("kind", ["segmentation", "tracking"])
def test_where_nothing_is_seen_nothing_is_marked(kind: str) -> None:
    curve = tasks.KINDS[kind].answering_class.doubts
    assert curve is not None
    assert 0.3 < curve.expected(UNSEEN) < curve.limit
