"""The eight views of an image."""

from __future__ import annotations

import numpy as np

from brightfield.images import symmetry


def test_the_views_are_all_different_and_each_is_undone() -> None:
    image = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    views = [symmetry.turned(image, view) for view in range(symmetry.VIEWS)]
    assert {view.shape for view in views} == {(2, 3, 5), (2, 5, 3)}
    assert len({(view.shape, view.tobytes()) for view in views}) == 8
    assert np.array_equal(views[0], image)
    for number, view in enumerate(views):
        assert np.array_equal(symmetry.turned_back(view, number), image)
