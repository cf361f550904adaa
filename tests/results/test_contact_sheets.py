"""Contact sheets: where images and words stand, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.results import contact_sheets
from brightfield.results.contact_sheets import GAP_PX, TEXT_PX, TILE_PX

STEP = TILE_PX + GAP_PX


def crop(*shape: int) -> np.ndarray:
    """Dark on the left, light on the right."""
    image = np.full(shape, 40, np.uint8)
    image[:, shape[1] // 2 :] = 200
    return image


def test_rows_of_ten_each_with_its_lines() -> None:
    sheet = contact_sheets.contact_sheet([crop(32, 32)] * 11, [("one", "two")] * 11)
    height = TILE_PX + 2 * TEXT_PX + 2 * GAP_PX
    assert sheet.shape == (2 * height + GAP_PX, 10 * STEP + GAP_PX, 3)
    tiles = sheet[GAP_PX : GAP_PX + TILE_PX, GAP_PX:].mean(axis=(0, 2))
    assert tiles[20] < 10
    assert tiles[TILE_PX - 20] > 245
    second = sheet[height:]
    assert second[:, : STEP + GAP_PX].min() < 10
    assert (second[:, STEP + GAP_PX :] == 255).all()  # one image in the second row


def test_sides_stay_in_proportion_and_a_title_moves_all_down() -> None:
    plain = contact_sheets.contact_sheet([crop(16, 64, 3)], [()])
    dark = (plain[..., 0] < 100).any(axis=1)
    assert dark.sum() == TILE_PX // 4
    titled = contact_sheets.contact_sheet([crop(16, 64, 3)], [()], ["What this is"])
    added = len(titled) - len(plain)
    assert added > TEXT_PX
    np.testing.assert_array_equal(titled[added + GAP_PX :], plain[GAP_PX:])


@pytest.mark.parametrize("name", ["x" * 500, "two\nlines", "\udcff\x00.png", ""])
def test_any_name_stays_below_its_own_image(name: str) -> None:
    sheet = contact_sheets.contact_sheet([crop(32, 32)], [(name, "second")])
    assert sheet.shape == (TILE_PX + 2 * TEXT_PX + 3 * GAP_PX, 10 * STEP + GAP_PX, 3)
    assert (sheet[:, STEP + GAP_PX :] == 255).all()


def test_both_ends_of_a_long_name_are_kept() -> None:
    names = [f"{start}{'x' * 60}{end}" for start, end in (("001_", "_17"), ("002_", "_17"), ("001_", "_18"))]
    drawn = [contact_sheets.contact_sheet([crop(32, 32)], [(name,)]).tobytes() for name in names]
    assert len(set(drawn)) == 3
