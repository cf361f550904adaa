"""Normal equations of many windows at once, and what is known of each window from step to step.

A Gauss-Newton step takes the residual for noise. Where a bead differs from the profile it is not, and steps are too long or too
short by a factor that stays: positions would swing around their place, or rest beside it. There two steps from two nodes tell the
factor (Broyden 1965, Mathematics of Computation 19, 577), and the next step is divided by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.templates import PHASES, Ints

Real = npt.NDArray[np.float64]
LONGEST_PX = 1.0  # of one step: farther away the line says nothing
ROOM_PX = 3  # a bead may move so far from its start; farther is another ring, or another bead
UNLIKE = 1.5  # times the noise is left: the bead differs from the profile
NEARBY_PX = 0.5  # between two nodes whose steps are compared
# determinant of a factor: below, pixels have no place for the bead near by, and the plain step is taken
LEAST_TURN = 0.1


@dataclass(frozen=True)
class Refined:
    """Where beads are and how well that is known; a row for each window.

    Attributes:
        positions: (N, 2) x and y in px of the window.
        errors: (N, 2) standard errors in px, from the inverse Fisher matrix scaled to the residuals of this very window.
        amplitudes: (N,) in the units of the image.
        offsets: (N,) of the background in the middle of the window, in the units of the image.
        slopes: (N, 2) by which the background grows from the left edge to the right, and from the top to the bottom; 0 where no
            gradient is fitted.
        residuals: (N,) root mean square residual over the expected noise: 1 where profile and noise are right.
        quality: (N,) in [0, 1], correlation of the fitted bead and the pixels.
        converged: (N,) bool; where False the row holds the last step, within the window, and is not to be trusted.
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
    """Solutions (N, k) and inverse matrices (N, k, k) of normal equations with the right-hand side as last column."""
    matrix, right = normal[:, :-1, :-1], normal[:, :-1, -1]
    scale = 1 / np.sqrt(np.maximum(np.einsum("nii->ni", matrix), 1e-30))
    scaled = matrix * scale[:, :, None] * scale[:, None, :] + 1e-9 * np.eye(matrix.shape[1])
    inverse = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    return np.einsum("nij,nj->ni", inverse, right), inverse


@dataclass
class State:
    """What is known of each window between two steps.

    As in :class:`Refined`, and ``nodes`` (N, 2) in px from which the last ``raw`` Gauss-Newton step (N, 2) was taken, NaN at first;
    its ``factor`` (N, 2, 2), and whether that is ``learnt`` (N,).
    """

    positions: Real
    step: Real
    nodes: Real
    raw: Real
    factor: Real
    learnt: npt.NDArray[np.bool_]
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

    def aside(self, members: Ints, nodes: Ints) -> Ints:
        """The nodes (N, 2), but next ones for beads unlike the profile that would step from the same node again."""
        same = (nodes / PHASES == self.nodes[members]).all(axis=1) & ~self.known(members)
        return np.where(same[:, None], nodes + np.where(self.raw[members] < 0, -1, 1), nodes) if same.any() else nodes

    def known(self, members: Ints) -> npt.NDArray[np.bool_]:
        """Whether steps are as long as they should be: by the profile, or as two of them told."""
        known: npt.NDArray[np.bool_] = self.learnt[members] | (self.residuals[members] <= UNLIKE)
        return known

    def take(self, members: Ints, nodes: Ints, normal: Real, seen: Any, *, rough: bool = False) -> None:
        """The solution of one step, seen from its nodes; of a rough one nothing is learnt for the next."""
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
            self._learn(members, nodes / PHASES, raw)
            if self.learnt[members].any():
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

    def _learn(self, members: Ints, nodes: Real, raw: Real) -> None:
        """Factors of steps, from these and the last ones."""
        moved = nodes - self.nodes[members]
        length = np.einsum("ni,ni->n", moved, moved)
        unlike = (self.residuals[members] > UNLIKE) & (length > 0) & (length < NEARBY_PX**2)  # of NaN neither
        which = np.flatnonzero(unlike)
        rows = members[which]
        if len(rows):
            away, shorter = moved[which], self.raw[rows] - raw[which]
            missed = shorter - np.einsum("nij,nj->ni", self.factor[rows], away)
            better = self.factor[rows] + missed[:, :, None] * away[:, None, :] / length[which, None, None]
            # one move tells both axes of a round bead apart from each other, but not what is between them
            alone = np.where(away == 0, np.nan, shorter / np.where(away == 0, 1, away))
            alone = np.where(np.isnan(alone), alone[:, ::-1], alone)
            factor = np.where(self.learnt[rows, None, None], better, alone[:, :, None] * np.eye(2))
            good = np.linalg.det(factor) > LEAST_TURN
            self.factor[rows] = np.where(good[:, None, None], factor, np.eye(2))
            self.learnt[rows] = True
        self.nodes[members], self.raw[members] = nodes, raw

    def told(self, start: Real, size: tuple[int, int]) -> Refined:
        inside = (self.positions >= -0.5) & (self.positions <= np.array([size[1], size[0]]) - 0.5)
        near = np.hypot(*(self.positions - start).T) <= ROOM_PX
        good = self.converged & inside.all(axis=1) & near & (self.amplitudes > 0)
        quality = np.clip(self.quality, 0, 1)
        return Refined(
            self.positions, self.errors, self.amplitudes, self.offsets, self.slopes, self.residuals, quality, good
        )
