"""Spectra keep the variance, and what is expected is what comes out on average."""

from __future__ import annotations

import numpy as np
import paths
import pytest

from brightfield.beads.trajectories import Track
from brightfield.beads.trajectories.likelihood import correlation
from brightfield.beads.trajectories.spectrum import averaged, spectrum


def test_the_integral_is_the_variance() -> None:
    rng = np.random.default_rng(0)
    track = Track(np.arange(1001), rng.normal(0, 0.03, (1001, 2)) + 50)
    found = spectrum(track, paths.SAMPLING)
    width = found.frequency_hz[1] - found.frequency_hz[0]
    np.testing.assert_allclose(found.power_um2_hz.sum(axis=0) * width, track.positions.var(axis=0), rtol=1e-9)
    assert found.frequency_hz[0] == pytest.approx(400 / 1001)
    assert found.frequency_hz[-1] < 200


def test_a_sine_is_a_line() -> None:
    time = np.arange(400) / paths.RATE_HZ
    track = Track(np.arange(400), np.stack([0.1 * np.sin(2 * np.pi * 50 * time), 0 * time], axis=1))
    found = spectrum(track, paths.SAMPLING)
    assert found.frequency_hz[found.power_um2_hz[:, 0].argmax()] == 50
    assert found.power_um2_hz[:, 0].sum() * 1.0 == pytest.approx(0.1**2 / 2)  # in Hz between two
    assert found.power_um2_hz[:, 1].max() < 1e-20


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("corner_hz", [5.0, 60.0, 300.0])
def test_the_expectation_is_the_mean_of_many(corner_hz: float, missing: float) -> None:
    frames, noise = 256, 0.01
    tracks = [paths.with_gaps(paths.bead(corner_hz, frames, seed, noise), missing, seed=0) for seed in range(150)]
    spectra = [spectrum(track, paths.SAMPLING) for track in tracks]
    variance = paths.THERMAL_ENERGY / paths.stiffness_of(corner_hz)
    covariance = variance * correlation(corner_hz, paths.SAMPLING, tracks[0].span)
    covariance[0] += noise**2
    expected = spectra[0].expected(covariance)
    edges = spectra[0].edges(8)
    ratio = averaged(np.mean([s.power_um2_hz.mean(axis=1) for s in spectra], axis=0) / expected, edges)
    np.testing.assert_allclose(ratio[2:], 1, atol=0.08)


def test_a_cut_leaves_the_rest_as_it_was() -> None:
    whole = spectrum(paths.bead(50, 500, seed=0), paths.SAMPLING)
    cut, impulse = whole.above(20.0), correlation(50, paths.SAMPLING, 500)
    assert cut.frequency_hz[0] == pytest.approx(20.0, abs=0.8)
    assert cut.frequency_hz[0] >= 20.0
    np.testing.assert_allclose(cut.expected(impulse), whole.expected(impulse)[-len(cut.frequency_hz) :])
    assert not len(whole.above(1e6).frequency_hz)
    np.testing.assert_array_equal(whole.axis(1).power_um2_hz[:, 0], whole.power_um2_hz[:, 1])


def test_blocks() -> None:
    whole = spectrum(paths.bead(50, 500, seed=0), paths.SAMPLING)
    edges = whole.edges(10)
    assert edges[0] == 0
    assert (np.diff(edges) > 0).all()
    assert averaged(np.array([1.0, 3, 5, 7, 9]), np.array([0, 2])).tolist() == [2, 7]
    assert not len(averaged(np.zeros((0, 2)), np.zeros(0, dtype=np.intp)))
    assert not len(spectrum(paths.bead(50, 2, seed=0), paths.SAMPLING).edges())
