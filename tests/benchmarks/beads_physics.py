"""Physics of beads whose truth is known: stiffness of traps, diffusion, and whether linked beads stay themselves.

Positions are simulated with many sub-steps in each exposure, so motion blur is in them, and normal localisation noise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from claims import Claim, TextRow
from scipy.signal import lfilter

import trajectory_scores
from brightfield.beads.trajectories import Estimate, Real, Sampling, Track
from brightfield.beads.trajectories.diffusion import free
from brightfield.beads.trajectories.judging import classify
from brightfield.beads.trajectories.linking import link
from brightfield.beads.trajectories.spectrum import spectrum
from brightfield.beads.trajectories.trap import equipartition, fit, stiffness
from brightfield.simulate.beads.motion import THERMAL_ENERGY, VISCOSITY, thermal_step

BEADS = 24  # of each kind
FRAMES, FREE_FRAMES = 20_000, 2_000
RATE_HZ, SUBSTEPS = 400.0, 32
RADIUS_UM, NOISE_UM = 0.5, 0.005
CORNERS = (0.02, 0.1, 0.2, 0.3)  # in frame rates
STIFF = 0.4  # a corner at which noise must be known
EXPOSED = (1.0, 0.5)  # shares of a frame, in turn
DRAG = 6 * np.pi * VISCOSITY * RADIUS_UM
DIFFUSION = THERMAL_ENERGY / DRAG
ERROR_PERCENT, COVERED_PERCENT = 3.0, 90.0
NOISE_PERCENT, JUDGED_PERCENT, UNLIKELY_PERCENT = 10.0, 90.0, 10.0
RECALL, PRECISION = 0.900, 0.950  # of linked positions
STEP_PX, CROWD_FRAMES, SIDE_PX = 1.0, 100, 200.0  # of a coordinate, thermal
MISSED, INVENTED, BLINK_PX = 0.05, 0.05, 0.1  # shares of positions, and their error
APART = (12.0, 6.0, 4.0)  # mean distance to the nearest bead in steps
CHOSEN_PX = (3.0, 4.5, 6.0)  # largest steps that somebody might try, who knows the truth
AS_GOOD = 1.1  # times the switches of the best of these

Row = Claim | TextRow
Estimates = list[tuple[Estimate, float]]


def rows() -> list[Row]:
    """Traps of several stiffnesses, free beads, crowds."""
    rng = np.random.default_rng(0)
    found = [*_free(rng)]
    for corner in CORNERS:
        found += _trapped(corner, None, rng)
    found += _trapped(STIFF, NOISE_UM, rng)
    for apart in APART:
        found += _crowd(apart, rng)
    return found


def motion(stiffness_pn_um: float, frames: int, exposed: float, rng: np.random.Generator) -> Real:
    """Positions (frames, 2) in um of a bead in a trap, or of a free one for a stiffness of 0."""
    decay, deviation = thermal_step(stiffness_pn_um, DRAG, 1 / RATE_HZ / SUBSTEPS)
    thermal = deviation * rng.standard_normal((frames * SUBSTEPS, 2))
    if stiffness_pn_um:
        thermal[0] *= np.sqrt(THERMAL_ENERGY / stiffness_pn_um) / deviation  # in equilibrium from the first
    paths = lfilter([1.0], [1.0, -decay], thermal, axis=0).reshape(frames, SUBSTEPS, 2)
    blurred = paths[:, : round(exposed * SUBSTEPS)].mean(axis=1)
    return np.asarray(blurred + rng.normal(0, NOISE_UM, blurred.shape))


def _each(stiffness_pn_um: float, frames: int, rng: np.random.Generator) -> Iterator[tuple[Track, Sampling]]:
    for number in range(BEADS):
        exposed = EXPOSED[number % len(EXPOSED)]
        track = Track(np.arange(frames), motion(stiffness_pn_um, frames, exposed, rng))
        yield track, Sampling(RATE_HZ, exposed / RATE_HZ)


def _free(rng: np.random.Generator) -> Iterator[Row]:
    constants: Estimates = []
    errors: Estimates = []
    kinds = 0
    for track, sampling in _each(0.0, FREE_FRAMES, rng):
        fitted = free(track, sampling)
        constants.append((fitted.diffusion_um2_s, DIFFUSION))
        errors.append((fitted.localisation_um, NOISE_UM))
        kinds += classify(track, sampling).kind == "free"
    what = f"{BEADS} free beads, {FREE_FRAMES:,} frames"
    yield from _estimated(f"{what}: D", constants)
    squares = [estimate.value**2 for estimate, _ in errors]
    found = float(np.sqrt(np.mean(squares)))
    off = 100 * abs(found / NOISE_UM - 1)
    claim = f"{what}: localisation error, distance from the true {1e3 * NOISE_UM:g} nm"
    yield Claim(claim, off, "%", aim=NOISE_PERCENT, shown=f"{off:.1f}% ({1e3 * found:.2f} nm)")
    yield Claim(f"{what}: judged to be free", 100 * kinds / BEADS, "%", aim=JUDGED_PERCENT, better="higher")


def _trapped(corner: float, known: float | None, rng: np.random.Generator) -> Iterator[Row]:
    truth = 2 * np.pi * corner * RATE_HZ * DRAG
    found: dict[str, Estimates] = {"stiffness": [], "D": [], "stiffness by equipartition": []}
    kinds, unlikely = 0, 0
    for track, sampling in _each(truth, FRAMES, rng):
        trap = fit(spectrum(track, sampling), sampling, localisation_um=known)
        found["stiffness"].append((stiffness(trap.variance_um2, THERMAL_ENERGY), truth))
        found["D"].append((trap.diffusion_um2_s, DIFFUSION))
        found["stiffness by equipartition"].append((equipartition(track, trap, sampling, THERMAL_ENERGY), truth))
        kinds += trap.relaxations > 25 and trap.evidence > 13.8
        unlikely += trap.goodness < 0.01
    noise = "noise fitted" if known is None else "noise known"
    what = f"{BEADS} traps of {truth:.1f} pN/um, corner {corner:g} frame rates, {noise}"
    for name, estimates in found.items():
        yield from _estimated(f"{what}: {name}", estimates)
    yield Claim(f"{what}: judged to be trapped", 100 * kinds / BEADS, "%", aim=JUDGED_PERCENT, better="higher")
    unexplained = f"{what}: spectra that the fit does not explain (p below 0.01)"
    yield Claim(unexplained, 100 * unlikely / BEADS, "%", aim=UNLIKELY_PERCENT)


def _estimated(what: str, estimates: Estimates) -> Iterator[Row]:
    """Error of the mean, spread, and share of intervals that cover the truth."""
    relative = np.array([estimate.value / truth for estimate, truth in estimates])
    covered = np.mean([estimate.contains(truth) for estimate, truth in estimates])
    error = 100 * (float(relative.mean()) - 1)
    shown = f"{error:+.2f}% (spread of single beads {100 * relative.std(ddof=1):.1f}%)"
    yield Claim(f"{what}, error of the mean, either sign", abs(error), "%", aim=ERROR_PERCENT, shown=shown)
    intervals = f"{what}, 95% intervals that cover the truth"
    yield Claim(intervals, 100 * float(covered), "%", aim=COVERED_PERCENT, better="higher")


def _crowd(apart: float, rng: np.random.Generator) -> Iterator[Row]:
    """Free beads at a density at which the nearest neighbour is so many steps away on average."""
    density = 0.25 / (apart * STEP_PX) ** 2  # of a Poisson process: the mean distance is 1 / (2 root density)
    count = round(density * SIDE_PX**2)
    walk = np.cumsum(rng.normal(0, STEP_PX, (CROWD_FRAMES, count, 2)), axis=0) + rng.uniform(0, SIDE_PX, (count, 2))
    frame, particle = np.mgrid[:CROWD_FRAMES, :count].reshape(2, -1)
    x, y = walk.reshape(-1, 2).T
    truth = pd.DataFrame({"frame": frame, "particle": particle, "x": x, "y": y})
    seen = truth[rng.uniform(size=len(truth)) >= MISSED].drop(columns="particle")
    seen = seen.assign(
        x=seen["x"] + rng.normal(0, BLINK_PX, len(seen)), y=seen["y"] + rng.normal(0, BLINK_PX, len(seen))
    )
    number = int(INVENTED * len(truth))
    strays = pd.DataFrame({"frame": rng.integers(0, CROWD_FRAMES, number), "x": rng.uniform(0, SIDE_PX, number)})
    strays["y"] = rng.uniform(0, SIDE_PX, number)
    positions = pd.concat([seen, strays], ignore_index=True)
    scores = _scores(positions, truth, None)
    best = min(_scores(positions, truth, step)["switches_per_1000"] for step in CHOSEN_PX)
    what = f"{count} free beads, {apart:g} steps to the nearest, 5 % missed, 5 % invented"
    yield Claim(
        f"{what}: identity switches in 1,000 frames of a bead",
        scores["switches_per_1000"],
        aim=AS_GOOD * best,
        against=f"the best of {len(CHOSEN_PX)} steps, which knows the truth",
        peer_value=best,
    )
    recall = f"{what}: recall (at most {1 - MISSED:.0%} were seen)"
    yield Claim(recall, scores["recall"], aim=RECALL, better="higher")
    yield Claim(f"{what}: precision", scores["precision"], aim=PRECISION, better="higher")


def _scores(positions: pd.DataFrame, truth: pd.DataFrame, max_step_px: float | None) -> dict[str, float]:
    """Of positions that are linked with a largest step, or with the one that is chosen from them."""
    linked = link(positions, max_step_px=max_step_px)
    statistics = trajectory_scores.statistics(linked.table, truth, 5 * BLINK_PX)
    return trajectory_scores.summarise({name: np.array([value]) for name, value in statistics.items()})
