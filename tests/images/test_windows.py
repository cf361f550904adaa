"""The window that stands for an image shows what there is."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import images


@pytest.mark.parametrize("side", [32, 300])
def test_the_window_is_where_the_structure_is(side: int) -> None:
    field = np.random.default_rng(0).normal(1000, 2, (700, 500)).astype(np.float32)
    field[620:640, 30:50] += 400 * (np.indices((20, 20)).sum(axis=0) // 3 % 2)
    window = field[images.busiest(field, side)]
    assert window.shape == (side, side)
    assert (window > 1300).sum() == (field > 1300).sum()


def test_an_image_that_is_no_larger_is_its_own_window() -> None:
    field = np.zeros((700, 500, 3), np.float32)
    assert images.busiest(field, 700) == (slice(0, 700), slice(0, 500))
    rows, columns = images.busiest(field, 600)  # narrower than the window, and higher
    assert rows.stop - rows.start <= 600
    assert columns == slice(0, 500)
