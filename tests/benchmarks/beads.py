"""Classical localisation of beads against the Cramer-Rao bound, magtrack and trackpy, on the same images in the same run.

Windows are 64 x 64 px, simulated with exact truth, under one trouble at a time; frames are 512 x 512 px with 50 beads; real
frames have no truth, and stand in the folder that ``BRIGHTFIELD_REAL_DATA`` names. Peers get what suits them best: trackpy the
diameter and sign with the least error, magtrack its own pipeline and a short one. Speeds are of one process, the best of
several runs.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images
from brightfield.localising import Correlator, Refiner, fit_profile, mirror_centres
from brightfield.localising.calibrating import calibrate
from brightfield.localising.frames import Locator
from brightfield.localising.windows import flatten
from brightfield.metrics import tracking
from brightfield.simulate.beads.diffraction import draw_rings, ring_profile
from brightfield.simulate.beads.troubles import (
    CONDENSER,
    HEIGHT_UM,
    PIXEL_UM,
    READ_NOISE,
    SPHERE,
    TROUBLES,
    Windows,
    simulate_windows,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # no graphics card: computes on the processor
    import magtrack
    import trackpy

Row = tuple[str, str, str]
Real = npt.NDArray[np.float64]
Locate = Callable[[npt.NDArray[Any]], Real]
PER_PHASE, PHASES = 1600, 16  # 1600 windows know a mean error to a fortieth of the bound
TIMED, TROUBLED, TO_TRACKPY = 2000, 600, 120  # windows
FIRST = 40  # to which the profile is fitted
REPEATS = 4
JUMP_PX = 1.0
FRAMES, SIDE_PX, BEADS, APART_PX = 8, 512, 50, 36.0
FOUND_PX = 0.5


def rows() -> Iterator[Row]:
    """Windows, whole frames, real frames."""
    trackpy.quiet()
    warnings.filterwarnings("ignore", module="trackpy")  # that a window has no feature: such windows are counted here
    rng = np.random.default_rng(2026)
    yield from _clean_rows(simulate_windows("clean", PER_PHASE * PHASES, rng))
    for trouble in TROUBLES:
        if trouble != "clean":
            yield from _trouble_rows(trouble, simulate_windows(trouble, TROUBLED, rng))
    yield from _frame_rows(rng)
    folder = Path(os.environ.get("BRIGHTFIELD_REAL_DATA", "../shared/data")) / "beads"
    if folder.is_dir():
        yield from _real_rows("five beads in brightfield", folder / "brightfield", 23, invert=False)
        yield from _real_rows("spheres in water", folder / "bulk_water", 11, invert=True)
    else:
        yield ("real frames", "not measured: set BRIGHTFIELD_REAL_DATA", "")


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


def own_profile(windows: npt.NDArray[Any]) -> Real:
    """Each window by a profile fitted to itself alone."""
    return np.concatenate([fit_profile(one[None], mirror_centres(one[None], within=6))[1].positions for one in windows])


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


def _error(found: Real, truth: Windows) -> tuple[float, float]:
    """Root mean square error over the bound of what did not jump, and jumps in 10,000."""
    true, bounds = truth.positions[: len(found)], truth.bounds[: len(found)]
    near = np.hypot(*(found - true).T) <= JUMP_PX
    jumps = 1e4 * float(1 - near.mean())
    return (tracking.over_bound(found[near], true[near], bounds[near]) if near.any() else float("nan")), jumps


def _speed(locate: Locate, windows: npt.NDArray[Any]) -> float:
    """Windows a second."""
    locate(windows[:50])
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        locate(windows)
        times.append(time.perf_counter() - begun)
    return len(windows) / min(times)


def _best_trackpy(truth: Windows) -> tuple[str, Locate]:
    """trackpy with the diameter and sign that jump least, and then err least."""
    tried = {}
    for diameter in (9, 13, 17, 21, 25, 31, 41):
        for invert in (False, True):
            error, jumps = _error(trackpy_one(truth.pixels[:30], diameter, invert), truth)
            tried[diameter, invert] = (jumps, error if np.isfinite(error) else np.inf)
    diameter, invert = min(tried, key=lambda how: tried[how])
    return f"trackpy (diameter {diameter}{', inverted' if invert else ''})", lambda w: trackpy_one(w, diameter, invert)


def _clean_rows(truth: Windows) -> Iterator[Row]:
    locate = classical(truth.pixels)
    found = locate(truth.pixels)
    ours, jumps = _error(found, truth)
    what = "clean rings 64 x 64"
    yield (f"{what}: RMSE over the bound", f"{ours:.3f}", "at most 1.10")
    yield (f"{what}: jumps per 10,000", f"{jumps:.1f}", "0")
    worst, sure = 0.0, 0.0
    for axis in range(2):
        mean, error = tracking.phase_bias(found[:, axis], truth.positions[:, axis], PHASES)
        worst, sure = max(worst, np.abs(mean / truth.bounds[0, axis]).max()), (error / truth.bounds[0, axis]).max()
    yield (f"{what}: worst bias of {PHASES} phases over the bound (known to {sure:.3f})", f"{worst:.3f}", "under 0.1")
    locking = tracking.locking(found, truth.positions)
    wave = max(locking["locking_x_px"], locking["locking_y_px"]) / truth.bounds[0, 0]
    yield (f"{what}: pixel locking over the bound", f"{wave:.3f}", "under 0.1")
    name, peer = _best_trackpy(truth)
    few = truth.pixels[:TIMED]
    speed = _speed(locate, few)
    for label, method in (("magtrack, its pipeline", magtrack_whole), ("magtrack, its least", magtrack_short)):
        other = _error(method(few), truth)[0]
        yield (f"{what}: RMSE over the bound, {label}", f"{other:.2f}", f"more than {ours:.2f}")
        rate = _speed(method, few)
        yield (
            f"{what}: frames a second, {label}",
            f"{speed:.0f} against {rate:.0f}: {speed / rate:.2f} times",
            "at least 1",
        )
    other, jumps = _error(peer(few[:TO_TRACKPY]), truth)
    yield (
        f"{what}: RMSE over the bound, {name}",
        f"{other:.1f}, {jumps:.0f} jumps per 10,000",
        f"more than {ours:.2f}",
    )
    rate = _speed(peer, few[:30])
    yield (f"{what}: frames a second, {name}", f"{speed:.0f} against {rate:.0f}: {speed / rate:.0f} times", "")


def _trouble_rows(trouble: str, truth: Windows) -> Iterator[Row]:
    name, peer = _best_trackpy(truth)
    methods: dict[str, tuple[Locate, int]] = {
        "classical": (classical(truth.pixels, robust=True), TROUBLED),
        "magtrack": (magtrack_whole, TROUBLED),
        name: (peer, TO_TRACKPY),
    }
    if trouble == "defocus":
        methods["classical, a profile of its own in every window"] = (own_profile, 60)
    for label, (locate, count) in methods.items():
        error, jumps = _error(locate(truth.pixels[:count]), truth)
        yield (f"{trouble}: RMSE over the bound, jumps per 10,000: {label}", f"{error:.2f}, {jumps:.0f}", "")


def crowded_frame(rng: np.random.Generator) -> tuple[npt.NDArray[np.uint16], Real]:
    """512 x 512 px, one count an electron, with 50 beads, and where they are."""
    profile = ring_profile(SPHERE, CONDENSER, PIXEL_UM).at([HEIGHT_UM])[0]
    light, places = np.ones((SIDE_PX, SIDE_PX), dtype=np.float32), np.empty((0, 2))
    while len(places) < BEADS:
        place = rng.uniform(20, SIDE_PX - 20, 2)
        if (np.hypot(*(places - place).T) >= APART_PX).all():
            places = np.vstack([places, place])
            draw_rings(light, profile, 1.0, place[None], PIXEL_UM)
    counts = rng.poisson(1000 * light) + rng.normal(0, READ_NOISE, light.shape) + 100
    return np.rint(counts).astype(np.uint16), places


def _frame_rows(rng: np.random.Generator) -> Iterator[Row]:
    frames = [crowded_frame(rng) for _ in range(FRAMES)]
    locator = Locator(calibrate([frame for frame, _ in frames[:3]]))
    recall, precision = _counted(lambda frame: locator.locate(frame).positions, frames)
    what = f"{SIDE_PX} x {SIDE_PX} with {BEADS} beads"
    yield (f"{what}: recall at {FOUND_PX} px", f"{recall:.3f}", "at least 0.99")
    yield (f"{what}: precision at {FOUND_PX} px", f"{precision:.3f}", "at least 0.99")
    tried = {}
    for diameter in (5, 7, 9, 11, 13, 17, 25):
        for invert in (False, True):
            for topn in (None, BEADS):
                how = {"diameter": diameter, "invert": invert, "topn": topn, "separation": APART_PX / 2}
                tried[diameter, invert, topn] = (_counted(lambda f, how=how: _trackpy(f, how), frames[:2]), how)
    (recall, precision), how = max(tried.values(), key=lambda one: one[0])
    label = f"trackpy ({', '.join(f'{key} {value}' for key, value in how.items())})"
    yield (f"{what}: recall, precision, {label}", f"{recall:.3f}, {precision:.3f}", "")
    own, other = [], []
    for frame, _ in frames:  # turn by turn: whatever else the machine does meets both
        for times, locate in ((own, locator.locate), (other, partial(_trackpy, how=how))):
            begun = time.perf_counter()
            locate(frame)
            times.append(time.perf_counter() - begun)
    fast, slow = 1 / min(own), 1 / min(other)
    yield (
        f"{what}: frames a second over trackpy's",
        f"{fast:.1f} against {slow:.1f}: {fast / slow:.1f} times",
        "at least 5",
    )


def _trackpy(frame: npt.NDArray[Any], how: dict[str, Any]) -> Real:
    found: Real = trackpy.locate(frame, **how)[["x", "y"]].to_numpy()
    return found


def _counted(locate: Locate, frames: list[tuple[npt.NDArray[np.uint16], Real]]) -> tuple[float, float]:
    """Recall and precision."""
    pairs, true, found = 0, 0, 0
    for frame, places in frames:
        positions = locate(frame)
        pairs += len(tracking.match(positions, places, FOUND_PX)[0])
        true, found = true + len(places), found + len(positions)
    return pairs / true, pairs / max(found, 1)


def _real_rows(name: str, folder: Path, diameter: int, *, invert: bool) -> Iterator[Row]:
    """What is found, and the noise by two halves of each frame: the even and the odd fields of a chessboard.

    Noise of pixels is independent, that of the halves therefore too, and a whole frame has half the noise of their difference. Each
    half's missing pixels are the mean of their four neighbours, the same for both methods. Thinning would need counts of
    electrons, which 8-bit frames do not tell. Noise that neighbours share (compression) is not seen.
    """
    frames = [images.to_grey(image).astype(np.float32) for _, image in images.frames([folder])]
    how = {"diameter": diameter, "invert": invert, "minmass": 20 if name.startswith("sph") else None}
    if how["minmass"] is None:
        how["topn"] = 5
    locator = Locator(calibrate(frames[:5], diameter))
    peers: dict[str, Locate] = {
        "classical": lambda frame: locator.locate(frame).positions,
        "trackpy": lambda frame: _trackpy(frame, how),
    }
    found = {label: [locate(frame) for frame in frames] for label, locate in peers.items()}
    shared = [len(tracking.match(a, b, 1.0)[0]) for a, b in zip(found["classical"], found["trackpy"], strict=True)]
    of = sum(len(places) for places in found["trackpy"])
    for label, places in found.items():
        counts = [len(one) for one in places]
        yield (f"{name}, {len(frames)} frames: beads a frame, {label}", f"{min(counts)} to {max(counts)}", "")
    yield (f"{name}: trackpy's beads that classical finds within 1 px", f"{sum(shared) / of:.4f}", "1")
    for label, locate in peers.items():
        noise, pairs = _half_noise(locate, frames, found[label])
        yield (f"{name}: noise of a coordinate from two halves, {label}", f"{noise:.4f} px ({pairs} pairs)", "")


def _half_noise(locate: Locate, frames: list[npt.NDArray[Any]], whole: list[Real]) -> tuple[float, int]:
    """Robust deviation of a coordinate in a whole frame, of beads that are found in it and in both halves."""
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    differences = []
    for frame, places in zip(frames, whole, strict=True):
        fields = np.indices(frame.shape).sum(axis=0) % 2 == 0
        filled = ndimage.convolve(frame, kernel, mode="mirror")
        halves = [locate(np.where(field, frame, filled).astype(np.float32)) for field in (fields, ~fields)]
        kept = [dict(zip(*tracking.match(places, half, 1.0)[:2], strict=True)) for half in halves]
        for bead in kept[0].keys() & kept[1].keys():
            differences.append(halves[0][kept[0][bead]] - halves[1][kept[1][bead]])
    return 1.4826 * float(np.median(np.abs(differences))) / 2, len(differences)
