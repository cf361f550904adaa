"""Classical localisation of beads against the Cramer-Rao bound, magtrack and trackpy, on the same images in the same run.

Windows are 64 x 64 px, simulated with exact truth; troubles are in ``beads_troubles``. Peers get what suits them best: trackpy the
diameter and sign with the least error, magtrack its own pipeline and a short one. Speeds are of one process, the best of several
runs, turn by turn. Whole frames are in ``beads_frames``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from claims import Claim, TextRow

import localisation_scores
from brightfield.beads.localisation import Correlator, Refiner, fit_profile, mirror_centres
from brightfield.beads.localisation.windows import flatten
from brightfield.simulate.beads.troubles import Windows, simulate_windows

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # no graphics card: computes on the processor
    import magtrack
    import trackpy

Row = Claim | TextRow
Real = npt.NDArray[np.float64]
Locate = Callable[[npt.NDArray[Any]], Real]
PER_PHASE, PHASES = 1600, 16  # 1600 windows know a mean error to a fortieth of the bound
TIMED, TO_TRACKPY = 2000, 120  # windows
FIRST = 40  # to which the profile is fitted
REPEATS = 4
JUMP_PX = 1.0
ERROR_AIM, BIAS_AIM = 1.10, 0.1  # over the bound


def rows() -> Iterator[Row]:
    """Clean rings."""
    trackpy.quiet()
    warnings.filterwarnings("ignore", module="trackpy")  # that a window has no feature: such windows are counted here
    rng = np.random.default_rng(2026)
    yield from _clean_rows(simulate_windows("clean", PER_PHASE * PHASES, rng))


def classical(windows: npt.NDArray[Any], *, robust: bool = False) -> Locate:
    """A locator whose profile was fitted to the first windows; ``robust``: in uneven light, among debris."""

    def even(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return flatten(pixels) if robust else pixels

    first = even(windows[:FIRST])
    profile, _ = fit_profile(first, mirror_centres(first, within=6), gradient=robust)
    size = windows.shape[1], windows.shape[2]
    correlator = Correlator(profile, size, within=6 if robust else None, workers=1)
    refiner = Refiner(profile, size, gradient=robust, robust=robust, margin=12)

    def locate(pixels: npt.NDArray[Any]) -> Real:
        level = even(pixels)
        return refiner.refine(level, correlator.locate(level)).positions

    return locate


def magtrack_short(windows: npt.NDArray[Any]) -> Real:
    """magtrack's least: centre of mass, one auto-convolution, one of several lines with a parabola."""
    stack = windows.transpose(1, 2, 0).astype(np.float64)
    x, y = magtrack.auto_conv(stack, *magtrack.center_of_mass(stack))
    return np.stack(magtrack.auto_conv_multiline_sub_pixel(stack, x, y), axis=1)


def magtrack_whole(windows: npt.NDArray[Any]) -> Real:
    """magtrack's own pipeline for stacks."""
    x, y, _, _ = magtrack.stack_to_xyzp(windows.transpose(1, 2, 0).astype(np.float64))
    return np.stack([x, y], axis=1)


def trackpy_one(windows: npt.NDArray[Any], diameter: int, invert: bool) -> Real:
    """The strongest of trackpy's features in each window; nan where there is none."""
    found = np.full((len(windows), 2), np.nan)
    for i, window in enumerate(windows):
        table = trackpy.locate(window, diameter, invert=invert, topn=1)
        if len(table):
            found[i] = table[["x", "y"]].to_numpy()[0]
    return found


def error_and_jumps(found: Real, truth: Windows) -> tuple[float, float]:
    """Root mean square error over the bound of what did not jump, and jumps in 10,000."""
    true, bounds = truth.positions[: len(found)], truth.bounds[: len(found)]
    near = np.hypot(*(found - true).T) <= JUMP_PX
    jumps = 1e4 * float(1 - near.mean())
    return (
        localisation_scores.over_bound(found[near], true[near], bounds[near]) if near.any() else float("nan")
    ), jumps


def _speeds(methods: Sequence[Locate], windows: npt.NDArray[Any]) -> list[float]:
    """Windows a second of each method, turn by turn: whatever else the machine does meets all of them."""
    times = np.full((REPEATS, len(methods)), np.inf)
    for turn in range(REPEATS + 1):
        for k, locate in enumerate(methods):
            begun = time.perf_counter()
            locate(windows)
            if turn:  # the first is to warm up
                times[turn - 1, k] = time.perf_counter() - begun
    return [float(len(windows) / fastest) for fastest in times.min(axis=0)]


def best_trackpy(truth: Windows) -> tuple[str, Locate]:
    """trackpy with the diameter and sign that jump least, and then err least."""
    tried = {}
    for diameter in (9, 13, 17, 21, 25, 31, 41):
        for invert in (False, True):
            error, jumps = error_and_jumps(trackpy_one(truth.pixels[:30], diameter, invert), truth)
            tried[diameter, invert] = (jumps, error if np.isfinite(error) else np.inf)
    diameter, invert = min(tried, key=lambda how: tried[how])
    return f"trackpy (diameter {diameter}{', inverted' if invert else ''})", lambda w: trackpy_one(w, diameter, invert)


def _clean_rows(truth: Windows) -> Iterator[Row]:
    locate = classical(truth.pixels)
    found = locate(truth.pixels)
    ours, jumps = error_and_jumps(found, truth)
    what = "clean rings 64 x 64"
    yield Claim(f"{what}: RMSE over the bound", ours, "times", aim=ERROR_AIM)
    yield Claim(f"{what}: jumps per 10,000", jumps, aim=0)
    worst, sure = 0.0, 0.0
    for axis in range(2):
        mean, error = localisation_scores.phase_bias(found[:, axis], truth.positions[:, axis], PHASES)
        worst, sure = max(worst, np.abs(mean / truth.bounds[0, axis]).max()), (error / truth.bounds[0, axis]).max()
    bias = f"{what}: worst bias of {PHASES} phases over the bound"
    yield Claim(bias, worst, "times", aim=BIAS_AIM, shown=f"{worst:.3f} times (known to {sure:.3f})")
    locking = localisation_scores.locking(found, truth.positions)
    wave = max(locking["locking_x_px"], locking["locking_y_px"]) / truth.bounds[0, 0]
    yield Claim(f"{what}: pixel locking over the bound", wave, "times", aim=BIAS_AIM)
    yield from _peer_rows(what, truth, locate, ours)


def _peer_rows(what: str, truth: Windows, locate: Locate, ours: float) -> Iterator[Row]:
    """Errors and speeds beside magtrack's and trackpy's: theirs are to be larger, and lower."""
    name, peer = best_trackpy(truth)
    few = truth.pixels[:TIMED]
    speed, whole, short = _speeds([locate, magtrack_whole, magtrack_short], few)
    for label, method, rate in (
        ("magtrack, its pipeline", magtrack_whole, whole),
        ("magtrack, its least", magtrack_short, short),
    ):
        other = error_and_jumps(method(few), truth)[0]
        yield Claim(f"{what}: RMSE over the bound", ours, "times", aim=other, against=label, peer_value=other)
        yield _speed_claim(what, label, speed, rate, aim=1)
    other, jumps = error_and_jumps(peer(few[:TO_TRACKPY]), truth)
    yield Claim(f"{what}: RMSE over the bound", ours, "times", aim=other, against=name, peer_value=other)
    yield (f"{what}: jumps per 10,000 of {name}", f"{jumps:.0f}", "")
    speed, rate = _speeds([locate, peer], few[:TO_TRACKPY])
    yield _speed_claim(what, name, speed, rate, aim=None)


def _speed_claim(what: str, peer: str, speed: float, rate: float, aim: float | None) -> Claim:
    shown = f"{speed:.0f} against {rate:.0f}: {speed / rate:.2f} times"
    claim = f"{what}: frames a second over the peer's"
    return Claim(claim, speed / rate, "times", aim=aim, better="higher", against=peer, peer_value=1, shown=shown)
