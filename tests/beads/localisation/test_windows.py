"""Windows: where they are cut, what of them counts, and in which light they stand."""

from __future__ import annotations

import numpy as np

from brightfield.beads.localisation.windows import corners, cut, flatten, territories


def test_the_middle_pixel_is_the_nearest() -> None:
    assert corners(np.array([[10.4, 20.6]]), 5).tolist() == [[8, 19]]


def test_windows_show_the_frame_and_gates_where_it_ends() -> None:
    frame = np.arange(48.0).reshape(6, 8)
    windows, gates = cut(frame, np.array([[2, 1]]), 3)
    np.testing.assert_array_equal(windows[0], frame[1:4, 2:5])
    assert gates is None
    windows, gates = cut(frame, np.array([[-1, 4]]), 3)
    assert gates is not None
    np.testing.assert_array_equal(gates[0], [[0, 1, 1], [0, 1, 1], [0, 0, 0]])
    np.testing.assert_array_equal(windows[0, :2, 1:], frame[4:6, 0:2])


def test_each_pixel_belongs_to_the_nearest_bead() -> None:
    positions = np.array([[5.0, 5.0], [9.0, 5.0], [100.0, 5.0]])
    gates = territories(positions, corners(positions, 9), 9)
    assert gates[0, :, :7].all()  # columns 1 to 7: up to half way
    assert not gates[0, :, 7:].any()
    assert gates[2].all()


def test_a_bead_in_slanted_light_is_made_even() -> None:
    y, x = np.indices((31, 37))
    bead = 1 + 0.8 * np.exp(-((x - 18) ** 2 + (y - 15) ** 2) / 18)
    slanted = 1000 * bead * (1 + 0.6 * (x - 18) / 36 - 0.3 * (y - 15) / 30)
    np.testing.assert_allclose(flatten((slanted + 100)[None], camera_offset=100)[0], 1000 * bead + 100, rtol=2e-3)
    np.testing.assert_allclose(flatten((1000 * bead)[None])[0], 1000 * bead, rtol=1e-3)
