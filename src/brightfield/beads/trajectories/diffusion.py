"""Maximum-likelihood estimates of the diffusion constant and the localisation error of a bead that moves freely.

The steps between frames are normal, and their covariance has two unknowns (Berglund 2010, Phys. Rev. E 82, 011917): it is
2 D dt (1 - 2 R) + 2 sigma^2 for a step with itself and 2 R D dt - sigma^2 for neighbouring steps, where R is the motion blur
coefficient and sigma the localisation error of one coordinate. A discrete sine transform makes the steps independent, so the log
likelihood is a sum over frequencies (Vestergaard, Blainey & Flyvbjerg 2014, Phys. Rev. E 89, 022726). In long trajectories no
unbiased estimator is more precise. It is exact for each run of frames without a gap; the step across a gap is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.optimize import minimize_scalar

from brightfield.beads.trajectories import Estimate, Real, Sampling, Track

FEWEST_STEPS = 4  # smallest number of steps to which the two parameters are fitted
# starting values of the logarithm of sigma^2 / (D dt); the ends stand for 0 and infinity
RATIOS = np.linspace(-18, 18, 37)


@dataclass(frozen=True)
class Free:
    """A fit of free diffusion.

    Attributes:
        diffusion_um2_s: D, with its interval.
        localisation_um: standard error of one coordinate of one position, with its interval.
        evidence: twice the gain in log likelihood over a bead that does not move; without motion it exceeds 10.8 once in a
            thousand (Wilks 1938).
        steps: number of steps used.
    """

    diffusion_um2_s: Estimate
    localisation_um: Estimate
    evidence: float
    steps: int


@dataclass(frozen=True)
class _Modes:
    """The sine transform of the steps: the power of each mode, and what D = 1 and sigma^2 = 1 add to its expectation; (K,) each."""

    power: Real  # mean over both coordinates
    motion: Real
    noise: Real


def free(track: Track, sampling: Sampling) -> Free:
    """Fit free diffusion to both coordinates of a track.

    Args:
        track: trajectory, drift subtracted.
        sampling: frame rate and exposure.

    Returns:
        The fit; all nan where there are fewer than four steps between consecutive frames, or the bead never moved.
    """
    modes = _modes(track, sampling)
    steps = len(modes.power)
    if steps < FEWEST_STEPS or not modes.power.any():
        return Free(Estimate.unknown(), Estimate.unknown(), 0.0, steps)
    losses = [_loss(ratio, modes) for ratio in RATIOS]
    best = RATIOS[int(np.argmin(losses))]
    found = minimize_scalar(
        _loss, bounds=(best - 1, best + 1), args=(modes,), method="bounded", options={"xatol": 1e-6}
    )
    ratio = float(found.x) if found.fun < min(losses) else float(best)
    constant, variance = _scaled(ratio, modes)
    covariance = _covariance(constant * modes.motion + variance * modes.noise, modes)
    diffusion = Estimate.positive(constant, float(np.sqrt(covariance[0, 0])))
    squared = Estimate.positive(variance, float(np.sqrt(covariance[1, 1])))
    still = _loss(RATIOS[-1], modes)
    return Free(diffusion, squared.map(np.sqrt), max(0.0, 2 * (still - min(found.fun, *losses))), steps)


def _modes(track: Track, sampling: Sampling) -> _Modes:
    """The modes of all runs of consecutive frames."""
    runs = np.split(track.positions, np.flatnonzero(np.diff(track.frames) > 1) + 1)
    power, falling = [np.zeros(0)], [np.zeros(0)]
    for run in runs:
        steps = np.diff(run, axis=0)
        if len(steps):
            power.append((fft.dst(steps, type=1, axis=0, norm="ortho") ** 2).mean(axis=1))
            falling.append(1 - np.cos(np.pi * np.arange(1, len(steps) + 1) / (len(steps) + 1)))
    fall = np.concatenate(falling)
    motion = 2 * sampling.interval_s * (1 - 2 * sampling.blur * fall)
    return _Modes(np.concatenate(power), motion, 2 * fall)


def _shape(ratio: float, modes: _Modes) -> tuple[Real, float, float]:
    """The expected spectrum up to a factor, and the values of D and sigma^2 in it."""
    typical = modes.motion[0]  # proportional to dt
    weight = np.exp(ratio)
    diffusion, variance = 1 / (1 + weight), typical * weight / (1 + weight)
    return diffusion * modes.motion + variance * modes.noise, diffusion, variance


def _loss(ratio: float, modes: _Modes) -> float:
    """Negative log likelihood of both coordinates, at the most likely scale."""
    shape, _, _ = _shape(ratio, modes)
    return float(np.log(shape).sum() + len(shape) * np.log((modes.power / shape).mean()))


def _scaled(ratio: float, modes: _Modes) -> tuple[float, float]:
    """D and sigma^2 at the most likely scale."""
    shape, diffusion, variance = _shape(ratio, modes)
    scale = float((modes.power / shape).mean())
    return scale * diffusion, scale * variance


def _covariance(spectrum: Real, modes: _Modes) -> Real:
    """The covariance of D and sigma^2, (2, 2): the inverse Fisher information of two coordinates."""
    slopes = np.stack([modes.motion, modes.noise]) / spectrum
    information = slopes @ slopes.T  # each of the two coordinates adds a half
    scale = np.sqrt(np.diag(information))
    return np.asarray(np.linalg.pinv(information / np.outer(scale, scale)) / np.outer(scale, scale))
