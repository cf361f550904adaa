"""Masks that are whole, torn or hollow, drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.data.auditing.truth import FragmentedMask, check_masks, fragmented_masks

CELL = """
1 1 1 . 2 2 2
1 1 1 . 2 2 2
1 1 1 . 2 2 2
"""


def drawn(picture: str) -> np.ndarray:
    rows = [line.split() for line in picture.split("\n") if line]
    return np.array([[0 if cell == "." else int(cell) for cell in row] for row in rows], dtype=np.int32)


@pytest.mark.parametrize(
    ("picture", "pieces", "holes"),
    [
        (CELL, [], []),
        ("1 1 . 1\n1 1 . 1", [1], []),
        ("1 . .\n. 1 .\n. . 1", [], []),  # joined over corners
        ("1 1 1\n1 . 1\n1 1 1", [], [1]),
        ("1 1 1\n1 . 1\n1 1 .", [], [1]),  # a hole does not leak over a corner
        ("1 1 1\n1 . 1\n1 . 1", [], []),  # a bay is no hole
        ("1 1 1\n1 2 1\n1 1 1", [], [1]),  # another cell inside
        ("1 1 1 1 1\n1 . . . 1\n1 . 2 . 1\n1 . . . 1\n1 1 1 1 1", [], [1]),
        ("1 1 2\n1 . 2\n1 1 2", [], []),  # enclosed by two cells, so a gap between them
        ("1 2 1\n3 3 3", [1], []),
        (". 5 .\n. . .\n. 5 .", [5], []),  # ids with gaps
        (". . .\n. . .", [], []),
    ],
)
def test_pieces_and_holes(picture: str, pieces: list[int], holes: list[int]) -> None:
    assert fragmented_masks(drawn(picture)) == FragmentedMask(pieces, holes)


def test_many_torn_masks_are_one_warning_each_with_count_and_first_names() -> None:
    torn = {f"f{i}": FragmentedMask([3, 4], [] if i else [7]) for i in range(8)} | {"whole": FragmentedMask([], [])}
    pieces, holes = check_masks(torn)
    assert (pieces.outcome, pieces.count, len(pieces.examples)) == ("warning", 16, 5)
    assert pieces.message == (
        "16 masks in 8 images are in several pieces: f0 label 3, f1 label 3, f2 label 3, f3 label 3, f4 label 3, ..."
    )
    assert holes.message == "1 masks in 1 images have holes: f0 label 7"
    assert list(check_masks({"whole": FragmentedMask([], [])})) == []
