"""Classical localisation of all beads of whole frames, beside trackpy, on the same images in the same run.

Simulated frames are 512 x 512 px with 50 beads and have exact truth; real frames have none, and stand in the folder that
``BRIGHTFIELD_REAL_DATA`` names. trackpy gets the diameter, sign and number that find most.
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
import trackpy
from claims import Claim, TextRow
from scipy import ndimage

from brightfield import images
from brightfield.beads.localisation.bound import cramer_rao
from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.frames import Locator
from brightfield.beads.localisation.kinds import split_kinds
from brightfield.beads.localisation.noise import ROBUST
from brightfield.beads.localisation.profile import Profile
from brightfield.metrics import tracking
from brightfield.simulate.beads.diffraction import draw_rings, ring_profile
from brightfield.simulate.beads.troubles import CONDENSER, HEIGHT_UM, PIXEL_UM, READ_NOISE, SPHERE

Row = Claim | TextRow
Real = npt.NDArray[np.float64]
Frames = list[tuple[npt.NDArray[np.uint16], Real]]  # with where their beads are
Locate = Callable[[npt.NDArray[Any]], Real]
FRAMES, SIDE_PX, BEADS, APART_PX = 8, 512, 50, 36.0
CROWDS = ((BEADS, APART_PX), (75, 32.0), (100, 30.0))  # beads, px between two; a bead with its rings is 60 px wide
BOUND_PX = 129  # the side of the window that holds all that a bead is known by
FOUND_PX = 0.5
FOUND_AIM, FAST_AIM, SURE_AIM = 0.99, 5.0, 0.1
ROUNDS = 3  # over all frames, of which the quickest counts


def rows() -> Iterator[Row]:
    """Simulated frames, then real ones."""
    trackpy.quiet()
    warnings.filterwarnings("ignore", module="trackpy")  # that a frame has no feature: it is counted here
    yield from _frame_rows(np.random.default_rng(2026))
    folder = Path(os.environ.get("BRIGHTFIELD_REAL_DATA", "../shared/data")) / "beads"
    if folder.is_dir():
        yield from _real_rows("five beads in brightfield", folder / "brightfield", 23, invert=False, most=5)
        yield from _real_rows("spheres in water", folder / "bulk_water", 11, invert=True, most=144)
    else:
        yield ("real frames", "not measured: set BRIGHTFIELD_REAL_DATA", "")


def crowded_frame(
    rng: np.random.Generator, beads: int = BEADS, apart: float = APART_PX
) -> tuple[npt.NDArray[np.uint16], Real]:
    """512 x 512 px, one count an electron, with 50 beads, and where they are."""
    profile = ring_profile(SPHERE, CONDENSER, PIXEL_UM).at([HEIGHT_UM])[0]
    light, places = np.ones((SIDE_PX, SIDE_PX), dtype=np.float32), np.empty((0, 2))
    while len(places) < beads:
        place = rng.uniform(20, SIDE_PX - 20, 2)
        if (np.hypot(*(places - place).T) >= apart).all():
            places = np.vstack([places, place])
            draw_rings(light, profile, 1.0, place[None], PIXEL_UM)
    counts = rng.poisson(1000 * light) + rng.normal(0, READ_NOISE, light.shape) + 100
    return np.rint(counts).astype(np.uint16), places


def _frame_rows(rng: np.random.Generator) -> Iterator[Row]:
    frames = [crowded_frame(rng) for _ in range(FRAMES)]
    profile = calibrate([frame for frame, _ in frames[:3]])
    ours: dict[str, Locate] = {
        label: lambda frame, locator=locator: locator.locate(frame).positions
        for label, locator in (("fast", Locator(profile, fast=True)), ("precise", Locator(profile)))
    }
    what = f"{SIDE_PX} x {SIDE_PX} with {BEADS} beads"
    for label, locate in ours.items():
        recall, precision = _counted(locate, frames)
        yield Claim(f"{what}: recall at {FOUND_PX} px, {label}", recall, aim=FOUND_AIM, better="higher")
        yield Claim(f"{what}: precision at {FOUND_PX} px, {label}", precision, aim=FOUND_AIM, better="higher")
    tried = {}
    for diameter in (5, 7, 9, 11, 13, 17, 25):
        for invert in (False, True):
            for topn in (None, BEADS):
                how = {"diameter": diameter, "invert": invert, "topn": topn, "separation": APART_PX / 2}
                tried[diameter, invert, topn] = (_counted(lambda f, how=how: _trackpy(f, how), frames[:2]), how)
    (recall, precision), how = max(tried.values(), key=lambda one: one[0])
    label = f"trackpy ({', '.join(f'{key} {value}' for key, value in how.items())})"
    yield (f"{what}: recall, precision, {label}", f"{recall:.3f}, {precision:.3f}", "")
    peers = {**ours, "trackpy": partial(_trackpy, how=how)}
    errors = {label: _rmse(locate, frames) for label, locate in peers.items()}
    for label in ours:
        claim = f"{what}: root mean square error of a coordinate, {label}"
        yield Claim(claim, errors[label], "px", against="trackpy", peer_value=errors["trackpy"])
    yield from _time_rows(what, peers, frames)
    yield from _crowd_rows(profile, frames, rng)


def _crowd_rows(profile: Profile, sparse: Frames, rng: np.random.Generator) -> Iterator[Row]:
    """What neighbours cost, by a profile learnt where there are 50 beads; the bound is that of a bead alone, with all its light."""
    rings = ring_profile(SPHERE, CONDENSER, PIXEL_UM).at([HEIGHT_UM])[0]

    def alone(x: float, y: float) -> Real:
        light = np.ones((BOUND_PX, BOUND_PX), dtype=np.float32)
        draw_rings(light, rings, 1.0, np.array([[x, y]]), PIXEL_UM)
        return 1000 * light.astype(np.float64)

    bound = float(np.mean(cramer_rao(alone, (BOUND_PX / 2, BOUND_PX / 2), READ_NOISE)))
    locator = Locator(profile)
    for number, apart in CROWDS:
        crowd = sparse if number == BEADS else [crowded_frame(rng, number, apart) for _ in range(FRAMES)]
        what = f"{number} beads at least {apart:.0f} px apart"
        recall, precision = _counted(lambda frame: locator.locate(frame).positions, crowd)
        error = _rmse(lambda frame: locator.locate(frame).positions, crowd)
        yield Claim(f"{what}: recall, precise", recall, aim=FOUND_AIM, better="higher")
        yield Claim(f"{what}: precision, precise", precision, aim=FOUND_AIM, better="higher")
        yield (
            f"{what}: root mean square error over the bound of one alone",
            f"{error:.4f} px: {error / bound:.2f} times",
            "",
        )
        ratio = _error_ratio(profile, crowd)
        claim = f"{what}: error over the reported standard error, distance from 1"
        yield Claim(claim, abs(ratio - 1), aim=SURE_AIM, shown=f"{abs(ratio - 1):.2f} ({ratio:.2f})")


def _time_rows(what: str, peers: dict[str, Locate], frames: Frames) -> Iterator[Row]:
    """Frames a second, by the clock and by the processor, each at its least disturbed; and how many cores each kept busy."""
    clocks = {"the clock": time.perf_counter, "processor time": time.process_time, "this thread": time.thread_time}
    spent: dict[str, list[list[float]]] = {label: [] for label in peers}
    for _ in range(ROUNDS):
        for frame, _ in frames:  # turn by turn: whatever else the machine does meets all
            for label, locate in peers.items():
                begun = [clock() for clock in clocks.values()]
                locate(frame)
                spent[label].append([clock() - start for clock, start in zip(clocks.values(), begun, strict=True)])
    least = {label: dict(zip(clocks, np.min(rows, axis=0), strict=True)) for label, rows in spent.items()}
    for by in ("the clock", "processor time"):
        slow = 1 / least["trackpy"][by]
        for label, aim in (("fast", FAST_AIM), ("precise", None)):
            quick = 1 / least[label][by]
            shown = f"{quick:.1f} against {slow:.1f}: {quick / slow:.1f} times"
            claim = f"{what}: frames a second over trackpy's by {by}, {label}"
            yield Claim(
                claim, quick / slow, "times", aim=aim, better="higher", against="trackpy", peer_value=1, shown=shown
            )
    cores = (f"{label} {np.sum(rows, axis=0)[1] / np.sum(rows, axis=0)[2]:.2f}" for label, rows in spent.items())
    yield (f"{what}: processor time over that of a single thread (1: one core)", ", ".join(cores), "")


def _rmse(locate: Locate, frames: Frames) -> float:
    """Root mean square error of a coordinate, of the beads that are found."""
    off = []
    for frame, places in frames:
        positions = locate(frame)
        rows, true, _ = tracking.match(positions, places, FOUND_PX)
        off.append(positions[rows] - places[true])
    return float(np.sqrt(np.mean(np.concatenate(off) ** 2)))


def _error_ratio(profile: Profile, frames: Frames) -> float:
    """Root mean square of errors over the reported standard errors: 1 where these are right."""
    locator, off = Locator(profile), []
    for frame, places in frames:
        found = locator.locate(frame)
        rows, true, _ = tracking.match(found.positions, places, FOUND_PX)
        off.append((found.positions[rows] - places[true]) / found.errors[rows])
    return float(np.sqrt(np.mean(np.concatenate(off) ** 2)))


def _trackpy(frame: npt.NDArray[Any], how: dict[str, Any]) -> Real:
    found: Real = trackpy.locate(frame, **how)[["x", "y"]].to_numpy()
    return found


def _counted(locate: Locate, frames: Frames) -> tuple[float, float]:
    """Recall and precision."""
    pairs, true, found = 0, 0, 0
    for frame, places in frames:
        positions = locate(frame)
        pairs += len(tracking.match(positions, places, FOUND_PX)[0])
        true, found = true + len(places), found + len(positions)
    return pairs / true, pairs / max(found, 1)


def _real_rows(name: str, folder: Path, diameter: int, *, invert: bool, most: int) -> Iterator[Row]:
    """What is found, and the noise by two halves of each frame: the even and the odd fields of a chessboard.

    Noise of pixels is independent, that of the halves therefore too, and a whole frame has half the noise of their difference. Each
    half's missing pixels are the mean of their four neighbours, the same for both methods. Thinning would need counts of
    electrons, which 8-bit frames do not give. Noise that neighbours share (compression) is not seen.

    trackpy answers the centroid within a diameter, which for two beads that touch lies between them, and moves with the diameter:
    how many of its answers it gives again with a slightly smaller one tells how much agreement can be asked for.
    """
    frames = [images.to_grey(image).astype(np.float32) for _, image in images.frames([folder])]
    how = {"diameter": diameter, "invert": invert, "topn": most}  # the strongest: those in focus
    profiles = split_kinds(frames[:5], calibrate(frames[:5], diameter))
    locator = Locator(profiles)
    yield (f"{name}: kinds of beads that classical tells apart", f"{len(profiles)}", "")
    peers: dict[str, Locate] = {
        "classical": lambda frame: locator.locate(frame).positions,
        "trackpy": lambda frame: _trackpy(frame, how),
    }
    found = {label: [locate(frame) for frame in frames] for label, locate in peers.items()}
    both = list(zip(found["classical"], found["trackpy"], strict=True))
    shared = [ours[tracking.match(ours, theirs, 1.0)[0]] for ours, theirs in both]  # the same beads for both methods
    beside = [tracking.match(ours, theirs, diameter / 2)[0] for ours, theirs in both]
    narrow = [_trackpy(frame, {"diameter": diameter - 2, "invert": invert}) for frame in frames]
    itself = [tracking.match(one, theirs, 1.0)[0] for one, (_, theirs) in zip(narrow, both, strict=True)]
    of = sum(len(places) for places in found["trackpy"])
    for label, places in found.items():
        counts = [len(one) for one in places]
        yield (f"{name}, {len(frames)} frames: beads a frame, {label}", f"{min(counts)} to {max(counts)}", "")
    what = f"{name}: trackpy's {most} strongest that"
    again = f"trackpy with diameter {diameter - 2}"
    yield Claim(
        f"{what} classical finds within 1 px",
        sum(map(len, shared)) / of,
        aim=1,
        better="higher",
        against=again,
        peer_value=sum(map(len, itself)) / of,
    )
    yield Claim(f"{what} classical finds within half the diameter", sum(map(len, beside)) / of, aim=1, better="higher")
    halves = {label: _between_halves(locate, frames, shared) for label, locate in peers.items()}
    common = halves["classical"].keys() & halves["trackpy"].keys()
    # half the difference of two halves scatters as a whole frame does; robust, as few beads change places
    noise = {
        label: ROBUST * float(np.median(np.abs([differences[bead] for bead in common]))) / 2
        for label, differences in halves.items()
    }
    yield Claim(
        f"{name}: noise of a coordinate from two halves, classical",
        noise["classical"],
        "px",
        aim=noise["trackpy"],
        against="trackpy",
        peer_value=noise["trackpy"],
        shown=f"{noise['classical']:.4f} px ({len(common)} that both find in both halves)",
    )


def _between_halves(locate: Locate, frames: list[npt.NDArray[Any]], beads: list[Real]) -> dict[tuple[int, int], Real]:
    """What x and y of a bead (its frame, its row) differ by between the two halves of a frame, of those found in both."""
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    differences = {}
    for number, (frame, places) in enumerate(zip(frames, beads, strict=True)):
        fields = np.indices(frame.shape).sum(axis=0) % 2 == 0
        filled = ndimage.convolve(frame, kernel, mode="mirror")
        halves = [locate(np.where(field, frame, filled).astype(np.float32)) for field in (fields, ~fields)]
        kept = [dict(zip(*tracking.match(places, half, 1.0)[:2], strict=True)) for half in halves]
        for bead in kept[0].keys() & kept[1].keys():
            differences[number, int(bead)] = halves[0][kept[0][bead]] - halves[1][kept[1][bead]]
    return differences
