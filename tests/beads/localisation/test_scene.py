"""Beads and light of one window: what is drawn, and steps towards what is seen."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.beads.localisation.scene import KNOT_PX, REACH_PX, Scene

SIZE = (33, 41)
PLACES = np.array([[18.3, 16.6], [40.9, 30.2], [70.0, 10.0]])  # the second at the edge, the third far outside


def scene(places: np.ndarray = PLACES, seed: int = 0) -> Scene:
    """Beads with smooth profiles in uneven light, coefficients and all."""
    made = Scene(SIZE, places, 1000.0)
    profiles = [
        0.4 * np.exp(-np.arange(200) * KNOT_PX / 9) * np.cos(np.arange(200) * KNOT_PX / 2 + k) for k in range(3)
    ]
    made.resume(profiles[: len(places)], np.array([1000.0, 150.0, -80.0]))
    return made


def test_a_step_leads_to_what_is_seen() -> None:
    truth, fitted = scene(), scene(PLACES + np.array([[0.02, -0.03], [0.03, 0.02], [-0.02, 0.02]]))
    seen = truth.draw()
    before = np.median(np.abs(seen - fitted.draw()))
    for _ in range(4):
        residual = seen - fitted.draw()
        fitted.step(np.full(seen.shape, 1e-3), residual, moving=True)
    assert np.median(np.abs(seen - fitted.draw())) < before / 20  # but for pixels that few others speak for
    np.testing.assert_allclose(fitted.positions[0], PLACES[0], atol=1e-3)
    np.testing.assert_allclose(fitted.light, truth.light, rtol=0.1)


@pytest.mark.parametrize("bead", [0, 1, 2])
def test_normal_equations_are_those_of_numerical_derivatives(bead: int) -> None:
    made = scene()
    drawn = made.draw()
    residual = np.random.default_rng(1).normal(0, 30, drawn.shape)
    _, right = made._normal(np.ones(drawn.shape), residual)
    first = len(made.coefficients)
    for axis in (0, 1):
        moved = PLACES.copy()
        moved[bead, axis] += 1e-3
        slope = (scene(moved).draw() - drawn) / 1e-3
        assert right[first + 2 * bead + axis] == pytest.approx(slope @ residual, rel=2e-2, abs=200)


def test_only_what_the_window_sees_of_a_bead_is_fitted() -> None:
    made = scene()
    assert made.counts[0] == pytest.approx(np.hypot(22.7, 16.6) / KNOT_PX, abs=4)  # to the farthest corner
    # from the nearest pixel on, as far as rings reach
    assert made.counts[2] == pytest.approx((REACH_PX - 30) / KNOT_PX, abs=8)
    assert all(len(profile) >= count for profile, count in zip(made.profiles(), made.counts, strict=True))
    assert (made.profiles()[2][: int(25 / KNOT_PX)] == 0).all()


def test_a_profile_is_even_around_its_centre() -> None:
    made = scene(np.array([[20.0, 16.0]]))
    made.light[1:] = 0
    drawn = made.draw().reshape(SIZE)
    np.testing.assert_allclose(drawn, drawn[::-1, ::-1], rtol=1e-6)
    weights = np.array([4, 2]) / 6  # of the coefficients at the very centre
    profile = made.profiles()[0]
    assert drawn[16, 20] == pytest.approx(1000 * (1 + weights @ profile[:2]), rel=1e-5)


def test_the_first_bead_alone_is_what_it_changes() -> None:
    made = scene()
    with_it = made.draw()
    alone = made.first_bead_change()
    made.coefficients[: made.counts[0]] = 0
    np.testing.assert_allclose(with_it - made.draw(), alone, atol=1e-3)
