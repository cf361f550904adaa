"""Images by name: the same again, and no more memory than is allowed."""

from __future__ import annotations

import numpy as np

from microscope.shelf import Shelf
from microscope.tiles import Photograph


def photograph(size: int = 10) -> Photograph:
    return Photograph(np.zeros((size, size), np.uint8))


def test_the_same_image_has_the_same_name_and_is_made_once() -> None:
    shelf, made = Shelf(), []

    def make() -> Photograph:
        made.append(1)
        return photograph()

    name, picture = shelf.put("test field0001", make)
    assert shelf.put("test field0001", make) == (name, picture)
    assert len(made) == 1
    assert shelf.get(name) is picture
    assert shelf.put("test field0002", make)[0] != name


def test_a_name_tells_nothing_and_no_other_one_is_known() -> None:
    shelf = Shelf()
    name, _ = shelf.put("test field0001", photograph)
    assert "field" not in name
    assert len(name) == 32
    assert shelf.get("test field0001") is None
    assert shelf.get("") is None


def test_what_was_not_used_for_longest_goes_first() -> None:
    shelf = Shelf(most_bytes=3 * photograph().nbytes)
    a, b, c = (shelf.put(identity, photograph)[0] for identity in "abc")
    shelf.get(a)
    d, _ = shelf.put("d", photograph)
    assert [shelf.get(name) is not None for name in (a, b, c, d)] == [True, False, True, True]


def test_an_image_larger_than_all_that_is_allowed_is_shown_none_the_less() -> None:
    shelf = Shelf(most_bytes=10)
    name, _ = shelf.put("a", lambda: photograph(100))
    assert shelf.get(name) is not None
