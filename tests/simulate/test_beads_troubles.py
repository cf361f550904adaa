"""Windows under one trouble: truth, bound, and that the trouble is there."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.simulate.beads.troubles import TROUBLES, simulate_windows


@pytest.mark.parametrize("trouble", TROUBLES)
def test_windows_have_truth_and_bound(trouble: str) -> None:
    made = simulate_windows(trouble, 6, np.random.default_rng(0))
    assert made.pixels.shape == (6, 64, 64)
    assert made.pixels.dtype == np.uint16
    assert (np.abs(made.positions - 31.5) <= 0.5).all()
    assert made.bounds.shape == (6, 2)
    assert ((made.bounds > 0.003) & (made.bounds < 0.06)).all()
    again = simulate_windows(trouble, 6, np.random.default_rng(0))
    np.testing.assert_array_equal(made.pixels, again.pixels)


def test_each_trouble_is_the_only_one() -> None:
    clean = simulate_windows("clean", 20, np.random.default_rng(1))
    uneven = simulate_windows("uneven light", 20, np.random.default_rng(1))
    low = simulate_windows("low signal", 20, np.random.default_rng(1))
    tilt = [np.abs(w[:, -3:].mean() - w[:, :3].mean()) for made in (clean, uneven) for w in made.pixels.astype(float)]
    assert max(tilt[:20]) < 60
    assert np.median(tilt[20:]) > 100
    assert low.bounds.mean() / clean.bounds.mean() > np.sqrt(20)  # a twentieth of the light, and the read noise
    assert low.pixels.mean() < 200


def test_a_second_bead_is_no_nearer_than_contact() -> None:
    made = simulate_windows("second bead", 30, np.random.default_rng(2))
    clean = simulate_windows("clean", 30, np.random.default_rng(2))
    assert made.bounds.mean() == pytest.approx(clean.bounds.mean(), rel=0.15)
    edge = [windows.pixels[:, :, :4].astype(float).std(axis=0).mean() for windows in (made, clean)]
    assert edge[0] > 3 * edge[1]  # it comes in from every side


def test_windows_tell_beads_alone_and_debris() -> None:
    made = {name: simulate_windows(name, 12, np.random.default_rng(4)) for name in ("clean", "debris", "second bead")}
    # the bead is the same in all of them, and so is its image alone, but where a second one lies beside it
    first = made["clean"].transmission[0].astype(float)
    np.testing.assert_allclose(made["debris"].transmission[0].astype(float), first, atol=2e-3)
    assert np.abs(made["second bead"].transmission[0].astype(float) - first).max() > 0.05
    assert not made["clean"].debris.any()
    assert 0.005 < made["debris"].debris.mean() < 0.15
    for name, windows in made.items():
        for beads, position in zip(windows.beads, windows.positions, strict=True):
            np.testing.assert_array_equal(beads[0], position)
            assert len(beads) == 1 or name == "second bead"
    assert {len(beads) for beads in made["second bead"].beads} == {1, 2}  # some centres lie beyond the window


def test_an_unknown_trouble_is_refused() -> None:
    with pytest.raises(ValueError, match="known: clean, debris"):
        simulate_windows("rain", 1, np.random.default_rng(0))
