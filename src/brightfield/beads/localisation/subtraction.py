"""A window for each bead of a frame, from which all other beads are taken away.

Beads add where they emit light. Where they diffract or absorb that of a lamp, each multiplies what the others let through: two dark
rings that cross are darker than either, by their product. Which of the two holds tells ``Profile.camera_offset``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.refining import Refiner
from brightfield.beads.localisation.solving import Refined
from brightfield.beads.localisation.windows import corners, cut

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
DARKEST = 0.1  # of the light passes a bead at least: through less nothing is seen of another, and noise alone divided


@dataclass(frozen=True)
class Beads:
    """What is known of the beads of a frame; a row for each.

    Attributes:
        positions: (N, 2) x and y in px.
        amplitudes: (N,) in the units of the frame.
        backgrounds: (N,) in the units of the frame.
        kinds: (N,) by which profile each is drawn.
    """

    positions: Real
    amplitudes: Real
    backgrounds: Real
    kinds: Ints


@dataclass(frozen=True)
class Cleared:
    """Windows with one bead each.

    Attributes:
        windows: (N, side, side) in the units of the frame.
        gates: how much each pixel counts, likewise; None: all alike.
        first: (N, 2) column and row of the first pixel of each.
    """

    windows: Single
    gates: Single | None
    first: Ints


class Level:
    """Draws, clears and refines beads of some kinds in frames of one size of pixel.

    Args:
        profiles: a kind each; the first says whether beads add or multiply.
        half: px from the middle of a window to its edge.
    """

    def __init__(self, profiles: Sequence[Profile], half: int) -> None:
        self.half, self.side, self.camera_offset = half, 2 * half + 1, profiles[0].camera_offset
        self._room = (slice(self.side, -self.side),) * 2  # of a frame painted with room around it
        self.refiners = [Refiner(profile, (self.side, self.side), margin=4) for profile in profiles]

    def draw(self, beads: Beads, first: Ints) -> Single:
        """The signal of each bead above its background in its own window, (N, side, side), in the units of the frame."""
        drawn = np.empty((len(first), self.side, self.side), dtype=np.float32)
        for kind, refiner in enumerate(self.refiners):
            rows = np.flatnonzero(beads.kinds == kind)
            if len(rows):
                drawn[rows] = refiner.templates.shapes(beads.positions[rows] - first[rows])
        drawn *= beads.amplitudes[:, None, None].astype(np.float32)
        return drawn

    def clear(self, frame: Single, beads: Beads) -> Cleared:
        """Windows around beads of a frame (H, W), without the other beads.

        Pixels that the others darken count less: divided by what is left of the light, their noise has grown.
        """
        first = corners(beads.positions, self.side)
        windows, inside = cut(frame, first, self.side)
        if len(first) < 2:
            return Cleared(windows, inside, first)
        drawn = self.draw(beads, first)
        if self.camera_offset is None:
            windows -= self._together(drawn, first, frame.shape, np.add, 0)
            windows += drawn
            return Cleared(windows, inside, first)
        camera_offset = np.float32(self.camera_offset)
        self._left(drawn, beads)
        gates = self._together(drawn, first, frame.shape, np.multiply, 1)
        gates /= drawn  # what the others leave of the light
        windows -= camera_offset
        windows /= gates
        windows += camera_offset
        np.minimum(gates, 1, out=gates)
        return Cleared(windows, gates if inside is None else np.multiply(gates, inside, out=gates), first)

    def emptied(self, frame: Single, beads: Beads) -> Single:
        """A frame (H, W) without all known beads; where they leave little light, less is shown of what is left."""
        first = corners(beads.positions, self.side)
        drawn = self.draw(beads, first)
        if self.camera_offset is None:
            rest: Single = frame - self._painted(drawn, first, frame.shape, np.add, 0)[self._room]
            return rest
        self._left(drawn, beads)
        every = self._painted(drawn, first, frame.shape, np.multiply, 1)[self._room]
        level = np.float32(np.median(beads.backgrounds))
        away: Single = (frame - np.float32(self.camera_offset)) / every + np.float32(self.camera_offset) - level
        return level + away * np.minimum(every, 1)

    def refine(
        self, frame: Single, beads: Beads, *, rough: bool = False, choose: bool = False
    ) -> tuple[Beads, Refined]:
        """Each bead against the frame without the others: what is known then, and all that is told of it.

        Args:
            frame: (H, W).
            beads: known so far.
            rough: one step that weighs all pixels alike, for beads known to a pixel; otherwise until they rest.
            choose: fit each by all profiles, and keep that which leaves least.
        """
        cleared = self.clear(frame, beads)
        first, kinds = cleared.first, beads.kinds
        if choose and len(self.refiners) > 1:
            found, kinds = self._chosen(cleared, beads.positions - first)
        else:
            found = self.fit(cleared, beads.positions - first, kinds, rough=rough)
        near: npt.NDArray[np.bool_] = np.all(np.abs(found.positions + first - beads.positions) < 1, axis=1)
        better = Beads(
            np.where(near[:, None], found.positions + first, beads.positions),
            np.maximum(found.amplitudes, 0),
            found.offsets,
            kinds,
        )
        return better, found

    def _chosen(self, cleared: Cleared, starts: Real) -> tuple[Refined, Ints]:
        """Each bead by the profile that leaves least of its pixels, and which that is."""
        tried = [refiner.refine(cleared.windows, starts, cleared.gates, rough=False) for refiner in self.refiners]
        left = np.stack([np.where(one.converged, one.residuals, np.inf) for one in tried])
        kinds: Ints = left.argmin(axis=0)
        rows = np.arange(len(kinds))
        columns = (np.stack([getattr(one, f.name) for one in tried])[kinds, rows] for f in fields(Refined))
        return Refined(*columns), kinds

    def fit(self, cleared: Cleared, starts: Real, kinds: Ints, *, rough: bool = False) -> Refined:
        """One bead in each window, by the profile of its kind (N,); starts (N, 2) in px of the window."""
        how: dict[str, Any] = {"rough": True, "steps": 1} if rough else {"rough": False}
        if len(self.refiners) == 1:
            return self.refiners[0].refine(cleared.windows, starts, cleared.gates, **how)
        parts = []
        for kind, refiner in enumerate(self.refiners):
            rows = np.flatnonzero(kinds == kind)
            if not len(rows):
                continue
            gates = None if cleared.gates is None else cleared.gates[rows]
            parts.append((rows, refiner.refine(cleared.windows[rows], starts[rows], gates, **how)))
        order = np.argsort(np.concatenate([rows for rows, _ in parts]))
        columns = (np.concatenate([getattr(part, f.name) for _, part in parts])[order] for f in fields(Refined))
        return Refined(*columns)

    def coupling(self, frame: Single, beads: Beads) -> tuple[Real, Real]:
        """How much the light of beads that overlap differs from what is taken away here: two sums (N,) for each bead.

        Were pixels background + own + others + coupling * own * others, with the coupling 0 for beads that add and 1 / (background
        - dark) for those that multiply, the sum of the first over that of the second is what the coupling lacks, by least squares.
        """
        cleared = self.clear(frame, beads)
        first = cleared.first
        drawn = self.draw(beads, first)
        crossed = self._together(drawn, first, frame.shape, np.add, 0)
        crossed -= drawn
        crossed *= drawn
        gates = np.ones_like(crossed) if cleared.gates is None else cleared.gates
        crossed -= _mean(crossed, gates)
        rest = cleared.windows - drawn
        rest -= _mean(rest, gates)
        rest *= gates * crossed
        crossed *= gates * crossed
        return rest.sum(axis=(1, 2), dtype=np.float64), crossed.sum(axis=(1, 2), dtype=np.float64)

    def _left(self, drawn: Single, beads: Beads) -> None:
        """From the signal of each bead (N, side, side) to the share of the light that it leaves, in place."""
        drawn /= (beads.backgrounds - (self.camera_offset or 0))[:, None, None].astype(np.float32)
        drawn += 1
        np.maximum(drawn, np.float32(DARKEST), out=drawn)

    def _painted(self, drawn: Single, first: Ints, shape: tuple[int, ...], how: np.ufunc, empty: float) -> Single:
        """What is drawn in windows, brought together in a frame of this shape with a window's side of room all around."""
        side = self.side
        frame = np.full((shape[0] + 2 * side, shape[1] + 2 * side), empty, dtype=np.float32)
        for (x, y), bead in zip((first + side).tolist(), drawn, strict=True):
            box = frame[y : y + side, x : x + side]
            how(box, bead, out=box)
        return frame

    def _together(self, drawn: Single, first: Ints, shape: tuple[int, ...], how: np.ufunc, empty: float) -> Single:
        """What is drawn in windows, brought together, and cut into the same windows again."""
        frame = self._painted(drawn, first, shape, how, empty)
        at = first + self.side
        windows: Single = sliding_window_view(frame, (self.side, self.side))[at[:, 1], at[:, 0]]
        return windows


def _mean(windows: Single, gates: Single) -> Single:
    """Of each window's pixels as they count, (N, 1, 1)."""
    mean: Single = (windows * gates).sum(axis=(1, 2), keepdims=True) / np.maximum(
        gates.sum(axis=(1, 2), keepdims=True), 1
    )
    return mean
