"""Subtraction of all other beads from the window around each bead of a frame.

Where beads emit light, their signals add. Where they diffract or absorb that of a lamp, transmissions multiply: two dark rings that
cross are darker than either. ``Profile.camera_offset`` selects the model.
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
LEAST_TRANSMISSION = 0.1  # smallest transmission of a bead: division by less would only amplify noise


@dataclass(frozen=True)
class Beads:
    """The parameters with which the beads of a frame are rendered, one row per bead.

    Attributes:
        positions: (N, 2) x and y in px.
        amplitudes: (N,) in the units of the frame.
        backgrounds: (N,) in the units of the frame.
        kinds: (N,) index of the profile of each bead.
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
        gates: (N, side, side) weights of the pixels; None: all 1.
        first: (N, 2) column and row of the first pixel of each.
    """

    windows: Single
    gates: Single | None
    first: Ints


class Level:
    """Renders, subtracts and refines beads at one resolution, binned or not.

    Args:
        profiles: one per kind; the first sets whether signals add or transmissions multiply.
        half: half of a window in px.
    """

    def __init__(self, profiles: Sequence[Profile], half: int) -> None:
        self.half, self.side, self.camera_offset = half, 2 * half + 1, profiles[0].camera_offset
        self._interior = (slice(self.side, -self.side),) * 2  # the frame without the margin of a canvas
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
        """Windows around the beads of a frame (H, W), with the other beads subtracted.

        Pixels that the others darken have less weight: division by the remaining light has raised their noise.
        """
        first = corners(beads.positions, self.side)
        windows, inside = cut(frame, first, self.side)
        if len(first) < 2:
            return Cleared(windows, inside, first)
        drawn = self.draw(beads, first)
        if self.camera_offset is None:
            windows -= self._combined(drawn, first, frame.shape, np.add, 0)
            windows += drawn
            return Cleared(windows, inside, first)
        camera_offset = np.float32(self.camera_offset)
        self._to_transmission(drawn, beads)
        gates = self._combined(drawn, first, frame.shape, np.multiply, 1)
        gates /= drawn  # transmission of the others
        windows -= camera_offset
        windows /= gates
        windows += camera_offset
        np.minimum(gates, 1, out=gates)
        return Cleared(windows, gates if inside is None else np.multiply(gates, inside, out=gates), first)

    def residual(self, frame: Single, beads: Beads) -> Single:
        """A frame (H, W) with all beads subtracted; where they transmit little light, residuals are scaled down."""
        first = corners(beads.positions, self.side)
        drawn = self.draw(beads, first)
        if self.camera_offset is None:
            rest: Single = frame - self._canvas(drawn, first, frame.shape, np.add, 0)[self._interior]
            return rest
        self._to_transmission(drawn, beads)
        every = self._canvas(drawn, first, frame.shape, np.multiply, 1)[self._interior]
        level = np.float32(np.median(beads.backgrounds))
        away: Single = (frame - np.float32(self.camera_offset)) / every + np.float32(self.camera_offset) - level
        return level + away * np.minimum(every, 1)

    def refine(
        self, frame: Single, beads: Beads, *, rough: bool = False, choose: bool = False
    ) -> tuple[Beads, Refined]:
        """Refine each bead against the frame with the others subtracted; return the new parameters and all results.

        Args:
            frame: (H, W).
            beads: the beads as last fitted.
            rough: take one step of equal weights, for beads known to a pixel; otherwise iterate until convergence.
            choose: fit each bead with all profiles, and use that of the smallest residual.
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
        """The fit of each bead with the profile of the smallest residual, and the index of that profile."""
        tried = [refiner.refine(cleared.windows, starts, cleared.gates, rough=False) for refiner in self.refiners]
        left = np.stack([np.where(one.converged, one.residuals, np.inf) for one in tried])
        kinds: Ints = left.argmin(axis=0)
        rows = np.arange(len(kinds))
        columns = (np.stack([getattr(one, f.name) for one in tried])[kinds, rows] for f in fields(Refined))
        return Refined(*columns), kinds

    def fit(self, cleared: Cleared, starts: Real, kinds: Ints, *, rough: bool = False) -> Refined:
        """Fit one bead in each window with the profile of its kind (N,); starts (N, 2) in px of the window."""
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
        """Two sums (N,) for each bead, from which the coupling of the light of overlapping beads follows.

        In the model background + own + others + coupling * own * others, the coupling is 0 for signals that add and 1 / (background
        - camera_offset) for transmissions that multiply. The ratio of the totals of both sums is the least-squares correction of
        the coupling that is subtracted here.
        """
        cleared = self.clear(frame, beads)
        first = cleared.first
        drawn = self.draw(beads, first)
        crossed = self._combined(drawn, first, frame.shape, np.add, 0)
        crossed -= drawn
        crossed *= drawn
        gates = np.ones_like(crossed) if cleared.gates is None else cleared.gates
        crossed -= _mean(crossed, gates)
        rest = cleared.windows - drawn
        rest -= _mean(rest, gates)
        rest *= gates * crossed
        crossed *= gates * crossed
        return rest.sum(axis=(1, 2), dtype=np.float64), crossed.sum(axis=(1, 2), dtype=np.float64)

    def _to_transmission(self, drawn: Single, beads: Beads) -> None:
        """Convert the signal of each bead (N, side, side) to its transmission, in place."""
        drawn /= (beads.backgrounds - (self.camera_offset or 0))[:, None, None].astype(np.float32)
        drawn += 1
        np.maximum(drawn, np.float32(LEAST_TRANSMISSION), out=drawn)

    def _canvas(self, drawn: Single, first: Ints, shape: tuple[int, ...], how: np.ufunc, empty: float) -> Single:
        """Combine rendered windows in a frame of this shape with a margin of a window's side all around."""
        side = self.side
        frame = np.full((shape[0] + 2 * side, shape[1] + 2 * side), empty, dtype=np.float32)
        for (x, y), bead in zip((first + side).tolist(), drawn, strict=True):
            box = frame[y : y + side, x : x + side]
            how(box, bead, out=box)
        return frame

    def _combined(self, drawn: Single, first: Ints, shape: tuple[int, ...], how: np.ufunc, empty: float) -> Single:
        """Combine rendered windows in a frame and cut the same windows from it."""
        frame = self._canvas(drawn, first, shape, how, empty)
        at = first + self.side
        windows: Single = sliding_window_view(frame, (self.side, self.side))[at[:, 1], at[:, 0]]
        return windows


def _mean(windows: Single, gates: Single) -> Single:
    """The weighted mean of each window's pixels, (N, 1, 1)."""
    mean: Single = (windows * gates).sum(axis=(1, 2), keepdims=True) / np.maximum(
        gates.sum(axis=(1, 2), keepdims=True), 1
    )
    return mean
