"""Normal equations of many windows at once, and what is known of each window from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.localising.profile import Profile
from brightfield.localising.templates import PHASES, Ints

Real = npt.NDArray[np.float64]
LONGEST_PX = 1.0  # of one step: farther away the line says nothing
ROOM_PX = 3  # a bead may move so far from its start; farther is another ring, or another bead


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
    """What is known of each window between two steps."""

    positions: Real
    step: Real
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
            empty.copy(),
            amplitudes,
            offsets,
            empty.copy(),
            np.zeros(count),
            np.zeros(count),
            np.zeros(count, dtype=np.bool_),
        )

    def take(self, members: Ints, nodes: Ints, normal: Real, seen: Any) -> None:
        """The solution of one step, seen from its nodes."""
        solution, inverse = solve(normal)
        amplitude = solution[:, 2]
        safe = np.where(amplitude == 0, 1e-12, amplitude)[:, None]
        step = np.clip(solution[:, :2] / safe, -LONGEST_PX, LONGEST_PX)
        explained = np.einsum("ni,ni->n", solution, normal[:, :-1, -1])
        rest = np.maximum(normal[:, -1, -1] - explained, 0)
        freedom = np.maximum(np.asarray(seen) - solution.shape[1], 1)
        shape = normal[:, 2, 2] - normal[:, 2, 3] ** 2 / np.maximum(normal[:, 3, 3], 1e-30)
        bead = amplitude**2 * np.maximum(shape, 0)
        self.positions[members] = nodes / PHASES + step
        self.step[members] = step
        self.residuals[members] = np.sqrt(rest / freedom)
        spread = np.sqrt(np.maximum(np.einsum("nii->ni", inverse)[:, :2], 0))
        self.errors[members] = spread / np.abs(safe) * self.residuals[members, None]
        self.amplitudes[members] = amplitude
        self.offsets[members] += solution[:, 3]
        self.slopes[members] = solution[:, 4:6] if solution.shape[1] > 4 else 0.0
        self.quality[members] = np.where(amplitude > 0, np.sqrt(bead / np.maximum(bead + rest, 1e-30)), 0.0)

    def told(self, start: Real, size: tuple[int, int]) -> Refined:
        inside = (self.positions >= -0.5) & (self.positions <= np.array([size[1], size[0]]) - 0.5)
        near = np.hypot(*(self.positions - start).T) <= ROOM_PX
        good = self.converged & inside.all(axis=1) & near & (self.amplitudes > 0)
        quality = np.clip(self.quality, 0, 1)
        return Refined(
            self.positions, self.errors, self.amplitudes, self.offsets, self.slopes, self.residuals, quality, good
        )
