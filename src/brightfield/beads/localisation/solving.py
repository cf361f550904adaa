"""Solution of the normal equations of many windows at once, and the state of each window between steps.

A Gauss-Newton step assumes that residuals are noise. Where a bead differs from the profile, steps are too long or too short by a
constant factor: positions would oscillate around the right one, or stop beside it. There the factor is estimated from two steps
at two nodes (Broyden 1965, Mathematics of Computation 19, 577), and the next step is divided by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.templates import PHASES, Ints

Real = npt.NDArray[np.float64]
LONGEST_PX = 1.0  # longest step: farther away the linear model does not hold
FARTHEST_PX = 3  # largest distance of a bead from its start; farther is another ring, or another bead
POOR_MISFIT = 1.5  # residual over the noise above which a bead differs from the profile
NEARBY_PX = 0.5  # largest distance between two nodes whose steps are compared
# smallest determinant of a factor: below, there is no solution near by, and the plain step is taken
LEAST_DETERMINANT = 0.1


@dataclass(frozen=True)
class Refined:
    """Refined positions with their errors, one row per window.

    Attributes:
        positions: (N, 2) x and y in px of the window.
        errors: (N, 2) standard errors in px, from the inverse Fisher matrix scaled to the residuals of the same window.
        amplitudes: (N,) in the units of the image.
        offsets: (N,) background in the middle of the window, in the units of the image.
        slopes: (N, 2) change of the background from the left edge to the right and from the top to the bottom; 0 where no
            gradient is fitted.
        residuals: (N,) root mean square residual over the expected noise: 1 where profile and noise are right.
        quality: (N,) in [0, 1], correlation of the fitted bead and the pixels.
        converged: (N,) bool; where False, the row holds the last step, within the window, and must not be used.
    """

    positions: Real
    errors: Real
    amplitudes: Real
    offsets: Real
    slopes: Real
    residuals: Real
    quality: Real
    converged: npt.NDArray[np.bool_]


def solve(normal: Real) -> tuple[Real, Real]:
    """Solutions (N, k) and inverse matrices (N, k, k) of normal equations whose last column is the right-hand side."""
    matrix, right = normal[:, :-1, :-1], normal[:, :-1, -1]
    scale = 1 / np.sqrt(np.maximum(np.einsum("nii->ni", matrix), 1e-30))
    scaled = matrix * scale[:, :, None] * scale[:, None, :] + 1e-9 * np.eye(matrix.shape[1])
    inverse = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    return np.einsum("nij,nj->ni", inverse, right), inverse


@dataclass
class State:
    """The state of each window between two steps.

    As :class:`Refined`, with the last ``step`` (N, 2); the ``nodes`` (N, 2) in px, NaN at first, of the last ``raw`` Gauss-Newton
    step (N, 2); its ``factor`` (N, 2, 2), and whether it was estimated, ``has_factor`` (N,).
    """

    positions: Real
    step: Real
    nodes: Real
    raw: Real
    factor: Real
    has_factor: npt.NDArray[np.bool_]
    errors: Real
    amplitudes: Real
    offsets: Real
    slopes: Real
    residuals: Real
    quality: Real
    converged: npt.NDArray[np.bool_]

    @classmethod
    def begin(cls, start: Real, profile: Profile) -> State:
        count = len(start)
        amplitudes, offsets = np.full(count, profile.amplitude), np.full(count, profile.background)
        empty = np.zeros((count, 2))
        return cls(
            start.copy(),
            empty.copy(),
            np.full((count, 2), np.nan),
            empty.copy(),
            np.tile(np.eye(2), (count, 1, 1)),
            np.zeros(count, dtype=np.bool_),
            empty.copy(),
            amplitudes,
            offsets,
            empty.copy(),
            np.zeros(count),
            np.zeros(count),
            np.zeros(count, dtype=np.bool_),
        )

    def next_nodes(self, members: Ints, nodes: Ints) -> Ints:
        """The given nodes (N, 2), but neighbours for beads unlike the profile that would step from the same node again."""
        same = (nodes / PHASES == self.nodes[members]).all(axis=1) & ~self.steps_reliable(members)
        return np.where(same[:, None], nodes + np.where(self.raw[members] < 0, -1, 1), nodes) if same.any() else nodes

    def steps_reliable(self, members: Ints) -> npt.NDArray[np.bool_]:
        """Whether the length of steps is right: the bead fits the profile, or its factor was estimated."""
        steps_reliable: npt.NDArray[np.bool_] = self.has_factor[members] | (self.residuals[members] <= POOR_MISFIT)
        return steps_reliable

    def update(self, members: Ints, nodes: Ints, normal: Real, seen: Any, *, rough: bool = False) -> None:
        """Apply the solution of one step from its nodes; a rough one does not change the factors."""
        solution, inverse = solve(normal)
        amplitude = solution[:, 2]
        safe = np.where(amplitude == 0, 1e-12, amplitude)[:, None]
        raw = solution[:, :2] / safe
        explained = np.einsum("ni,ni->n", solution, normal[:, :-1, -1])
        rest = np.maximum(normal[:, -1, -1] - explained, 0)
        freedom = np.maximum(np.asarray(seen) - solution.shape[1], 1)
        shape = normal[:, 2, 2] - normal[:, 2, 3] ** 2 / np.maximum(normal[:, 3, 3], 1e-30)
        bead = amplitude**2 * np.maximum(shape, 0)
        self.residuals[members] = np.sqrt(rest / freedom)
        spread = inverse[:, :2, :2]
        step = raw
        if not rough:
            self._update_factors(members, nodes / PHASES, raw)
            if self.has_factor[members].any():
                turned = np.linalg.inv(self.factor[members])
                step = np.einsum("nij,nj->ni", turned, raw)
                spread = turned @ spread @ turned.transpose(0, 2, 1)
        step = np.clip(step, -LONGEST_PX, LONGEST_PX)
        self.positions[members] = nodes / PHASES + step
        self.step[members] = step
        spread = np.sqrt(np.maximum(np.einsum("nii->ni", spread), 0))
        self.errors[members] = spread / np.abs(safe) * self.residuals[members, None]
        self.amplitudes[members] = amplitude
        self.offsets[members] += solution[:, 3]
        self.slopes[members] = solution[:, 4:6] if solution.shape[1] > 4 else 0.0
        self.quality[members] = np.where(amplitude > 0, np.sqrt(bead / np.maximum(bead + rest, 1e-30)), 0.0)

    def _update_factors(self, members: Ints, nodes: Real, raw: Real) -> None:
        """Update the factors of steps from these steps and the last ones."""
        moved = nodes - self.nodes[members]
        length = np.einsum("ni,ni->n", moved, moved)
        unlike = (self.residuals[members] > POOR_MISFIT) & (length > 0) & (length < NEARBY_PX**2)  # False for NaN
        which = np.flatnonzero(unlike)
        rows = members[which]
        if len(rows):
            away, shorter = moved[which], self.raw[rows] - raw[which]
            missed = shorter - np.einsum("nij,nj->ni", self.factor[rows], away)
            better = self.factor[rows] + missed[:, :, None] * away[:, None, :] / length[which, None, None]
            # one move gives the factors of both axes of a round bead, but not their coupling
            alone = np.where(away == 0, np.nan, shorter / np.where(away == 0, 1, away))
            alone = np.where(np.isnan(alone), alone[:, ::-1], alone)
            factor = np.where(self.has_factor[rows, None, None], better, alone[:, :, None] * np.eye(2))
            good = np.linalg.det(factor) > LEAST_DETERMINANT
            self.factor[rows] = np.where(good[:, None, None], factor, np.eye(2))
            self.has_factor[rows] = True
        self.nodes[members], self.raw[members] = nodes, raw

    def result(self, start: Real, size: tuple[int, int]) -> Refined:
        """The state as a result, in which a bead outside its window or far from its start has not converged."""
        inside = (self.positions >= -0.5) & (self.positions <= np.array([size[1], size[0]]) - 0.5)
        near = np.hypot(*(self.positions - start).T) <= FARTHEST_PX
        good = self.converged & inside.all(axis=1) & near & (self.amplitudes > 0)
        quality = np.clip(self.quality, 0, 1)
        return Refined(
            self.positions, self.errors, self.amplitudes, self.offsets, self.slopes, self.residuals, quality, good
        )
