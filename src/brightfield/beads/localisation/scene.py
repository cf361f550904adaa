"""The expected image of the beads and light of one window, and its derivatives by all parameters.

Design matrices are dense and in single precision: for a few thousand pixels and a few hundred parameters BLAS computes normal
equations in a fraction of the time of sparse products, although most entries are 0. Rounding moves positions by less than a
hundred-thousandth of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.fitting import SMOOTH
from brightfield.beads.localisation.profile import cubic

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
# distance between knots: two and a half in the shortest period that pixels resolve; more would fit the noise of one window
KNOT_PX = 0.8
# ridge penalty over the mean information of a coefficient: divides between two beads what both could explain
RIDGE = 1e-4
REACH_PX = 60.0  # largest radius of a bead's rings: others are as weak as the noise
LONGEST_PX = 1.0  # longest step


@dataclass(frozen=True)
class _Drawn:
    """One bead at each pixel: indices and weights of its coefficients, (P, 4) each; transmission (P,) and its derivatives by x and
    y, (P, 2)."""

    which: Ints
    weight: Single
    transmission: Single
    shift: Single


class Scene:
    """Parameters of one window, ``coefficients`` of all profiles, ``positions`` (K, 2) and ``light`` (3,); see :mod:`joint_fit`.

    Args:
        size: (H, W) of the window.
        places: (K, 2) x and y in px of the beads.
        light: light in the middle, in the units of the image, above the camera's offset.
    """

    def __init__(self, size: tuple[int, ...], places: Real, light: float) -> None:
        height, width = size
        self.positions, self.light = places.copy(), np.array([light, 0.0, 0.0])
        self._x, self._y = np.arange(width), np.arange(height)
        across, down = np.meshgrid(self._x / (width - 1) - 0.5, self._y / (height - 1) - 0.5)
        self._tilts = np.stack([across.ravel(), down.ravel()])
        corner = np.array([width - 1, height - 1])
        near = np.hypot(*np.maximum(np.maximum(-places, places - corner), 0).T)
        far = np.hypot(*np.maximum(np.abs(places), np.abs(places - corner)).T)
        # of each bead's spline, the part inside the window and a margin, as beads move
        self._lowest = np.maximum((near / KNOT_PX).astype(np.intp) - 4, 0)
        ends = np.minimum(far, REACH_PX) / KNOT_PX
        self.counts = np.maximum(ends.astype(np.intp) + 3 - self._lowest, 8)
        self._first = np.r_[0, np.cumsum(self.counts)]  # first index of each bead's coefficients
        self.coefficients = np.zeros(self._first[-1])
        self._design = np.empty((height * width, self._first[-1] + 2 * len(places) + 2), dtype=np.float32)
        self._rows = np.arange(height * width)[:, None]
        self._stiffness = np.zeros((self._first[-1], self._first[-1]))
        for begin, count in zip(self._first[:-1], self.counts, strict=True):
            bend = np.diff(np.eye(count + 2)[:, :count], n=2, axis=0)  # beyond the last there are zeros
            self._stiffness[begin : begin + count, begin : begin + count] = bend.T @ bend

    def profiles(self) -> list[Real]:
        """Coefficients of each bead, from its centre on; 0 outside the window."""
        parts = np.split(self.coefficients, self._first[1:-1])
        return [np.r_[np.zeros(lowest), part] for lowest, part in zip(self._lowest, parts, strict=True)]

    def resume(self, profiles: Sequence[Real], light: Real) -> None:
        """Start from an earlier fit of these beads, whose splines may be a knot longer or shorter."""
        for begin, lowest, count, known in zip(self._first[:-1], self._lowest, self.counts, profiles, strict=True):
            kept = known[lowest : lowest + count]
            self.coefficients[begin : begin + len(kept)] = kept
        self.light = light.copy()

    def draw(self) -> Real:
        """Render the expected image, (P,); :meth:`step` uses the derivatives at the last rendering."""
        parts = np.split(self.coefficients, self._first[1:-1])
        self._beads = [self._bead(*bead) for bead in zip(self.positions, parts, self._lowest, strict=True)]
        self._plane = self.light[0] + self.light[1:] @ self._tilts
        self._product = _product([bead.transmission for bead in self._beads], self._plane.shape)
        expected: Real = self._plane * self._product
        return expected

    def first_bead_change(self) -> Real:
        """The change of each pixel by the first bead, (P,)."""
        others = _product([bead.transmission for bead in self._beads[1:]], self._plane.shape)
        changed: Real = self._plane * (self._product - others)
        return changed

    def _bead(self, place: Real, known: Real, lowest: np.intp) -> _Drawn:
        dx, dy = (self._x - place[0]).astype(np.float32), (self._y - place[1]).astype(np.float32)[:, None]
        distance = np.sqrt(dx * dx + dy * dy).ravel()
        scaled = distance * np.float32(1 / KNOT_PX)
        first = np.floor(scaled)
        weight, slope = cubic(scaled - first)
        slope /= np.float32(KNOT_PX)
        which = np.abs(first.astype(np.intp)[:, None] + np.arange(-1, 3)) - lowest  # mirrored at the centre
        # the index of a coefficient outside becomes one that the pixel does not use, with weight 0
        for outside, other in ((which < 0, len(known) - 1), (which >= len(known), 0)):
            weight[outside], slope[outside], which[outside] = 0, 0, other
        chosen = known.astype(np.float32)[which]
        transmission = 1 + np.einsum("pi,pi->p", chosen, weight)
        steep = -np.einsum("pi,pi->p", chosen, slope) / np.maximum(distance, np.float32(1e-6))
        steep = steep.reshape(len(self._y), len(self._x))
        shift = np.stack([(steep * dx).ravel(), (steep * dy).ravel()], axis=1)
        centre = np.flatnonzero(first == 0)  # mirrored, their first coefficient is also the third
        weight[centre, 0] += weight[centre, 2]
        weight[centre, 2] = weight[centre, 0]
        return _Drawn(which, weight, transmission, shift)

    def step(self, weight: Real, residual: Real, *, moving: bool) -> tuple[Real, Real]:
        """Take one Gauss-Newton step from the last rendering.

        Args:
            weight: (P,) weight of each pixel.
            residual: (P,) residual of each pixel, in the units of the image.
            moving: False fixes the positions, which are undetermined before there are profiles.

        Returns:
            The step of the positions and their standard errors, (K, 2) each.
        """
        known, count = int(self._first[-1]), len(self.positions)
        matrix, right = self._normal(np.sqrt(weight), residual)
        typical = np.trace(matrix[:known, :known]) / known
        prior = SMOOTH * typical * self._stiffness + RIDGE * typical * np.eye(known)
        matrix[:known, :known] += prior
        right[:known] -= prior @ self.coefficients
        spot = slice(known, known + 2 * count)
        if not moving:
            matrix[spot], matrix[:, spot], right[spot] = 0, 0, 0
            matrix[spot, spot] = np.eye(2 * count)
        scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-30))
        # solve for the step, and for the columns of the inverse that belong to positions
        wanted = np.concatenate([right[:, None], np.eye(len(right))[:, spot]], axis=1) * scale[:, None]
        regular = matrix * scale[:, None] * scale + 1e-10 * np.eye(len(right))
        columns = np.linalg.solve(regular, wanted) * scale[:, None]
        solved, variance = columns[:, 0], np.diag(columns[spot, 1:])
        moved = np.clip(solved[spot].reshape(count, 2), -LONGEST_PX, LONGEST_PX)
        self.coefficients = self.coefficients + solved[:known]
        self.positions = self.positions + moved
        self.light[1:] += solved[known + 2 * count :]
        return moved, np.sqrt(np.maximum(variance, 0)).reshape(count, 2)

    def _normal(self, root: Real, residual: Real) -> tuple[Real, Real]:
        """Weighted normal equations of the coefficients of all beads, the positions and the tilt of the light."""
        design, known, count = self._design, int(self._first[-1]), len(self.positions)
        design[:, :known] = 0
        transmissions = [bead.transmission for bead in self._beads]
        for k, bead in enumerate(self._beads):
            others = root * self._plane * _product(transmissions[:k] + transmissions[k + 1 :], root.shape)
            others = others.astype(np.float32)[:, None]
            design[self._rows, bead.which + self._first[k]] = bead.weight * others
            design[:, known + 2 * k : known + 2 * k + 2] = bead.shift * others
        design[:, known + 2 * count :] = (self._tilts * (self._product * root)).T
        right = (root * residual).astype(np.float32) @ design
        return (design.T @ design).astype(np.float64), right.astype(np.float64)


def _product(transmissions: Sequence[Single], shape: tuple[int, ...]) -> Real:
    product: Real = np.ones(shape)
    for transmission in transmissions:
        product *= transmission
    return product
