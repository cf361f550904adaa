"""Least-squares fit of a rendered bead to the pixels: the last step, which reaches the physical limit.

Each window is fitted with offset + amplitude * shape(x, y), weighted by the inverse variance of its pixels. Gauss-Newton steps
take the shape and its derivatives from the nearest node of a grid with a spacing of a sixteenth of a pixel; between nodes the
model is linear in the position. The second derivatives are even and the first odd around the centre, so the error of linearisation
is of third order, and no larger than d^3 k^2 / 6 = 2e-5 px for the farthest d = 1/32 px and the finest ring that pixels resolve,
k = 2.8 per px. The amplitude, the offset and a gradient are linear parameters and need no iteration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.noise import Noise
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.solving import FARTHEST_PX, Refined, State, solve
from brightfield.beads.localisation.templates import PHASES, Ints, Templates
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
ITERATIONS = 12  # largest number of steps
CONVERGED_PX = 0.75 / PHASES  # converged: a shorter step leads to the same node, or to a neighbour and back
BATCH_PIXELS = 2**15  # pixels processed at once: their design matrix and its weighted copy fit a core's cache
TAIL = 4.0  # standard deviations at which robust weights halve


class Refiner:
    """Refines positions in windows of one size with one profile; stores rendered nodes for the next batch.

    Args:
        profile: profile of the beads.
        size: (H, W) of the windows.
        noise: noise of the pixels; None: that of the images of the profile.
        gradient: fit a gradient of the background, too.
        robust: give pixels far off the model less weight (a Cauchy weight: half at four standard deviations), so that debris and
            neighbours have less influence; a clean image loses under 2% of its precision.
        margin: largest distance of a bead from the middle of its window in px, along each axis.
    """

    def __init__(
        self,
        profile: Profile,
        size: tuple[int, int],
        *,
        noise: Noise | None = None,
        gradient: bool = False,
        robust: bool = False,
        margin: int = 8,
    ) -> None:
        self.profile, self.size, self.robust = profile, size, robust
        self.noise = noise or profile.noise
        self.templates = Templates(profile, size, margin)
        rows, columns = size
        fixed = [np.ones(size)]
        if gradient:
            fixed += list(np.meshgrid(np.linspace(-0.5, 0.5, columns), np.linspace(-0.5, 0.5, rows)))
        self._fixed = np.asarray(fixed, dtype=np.float32).reshape(len(fixed), -1)

    def refine(
        self,
        windows: npt.ArrayLike,
        starts: npt.ArrayLike,
        gates: npt.ArrayLike | None = None,
        *,
        rough: bool = True,
        steps: int = ITERATIONS,
    ) -> Refined:
        """Refine one bead in each window.

        Args:
            windows: (N, H, W) of any numeric type.
            starts: (N, 2) x and y in px of the window, accurate to about a quarter of a ring.
            gates: (N, H, W) or (H, W) weights of the pixels, from 0 (ignored: debris, another bead) to 1.
            rough: begin with a step of equal weights for all pixels; of no use where starts are refined already.
            steps: largest number of steps; after a single one no bead counts as converged.

        Raises:
            BrightfieldError: for windows of another size, or starts that do not fit them.
        """
        pixels, start = np.asarray(windows), np.asarray(starts, dtype=np.float64).reshape(-1, 2)
        _check(pixels, start, self.size)
        gate = None
        if gates is not None:
            gate = np.broadcast_to(np.asarray(gates, dtype=np.float32), pixels.shape).reshape(len(pixels), -1)
        state = State.begin(start, self.profile)
        active = np.arange(len(pixels))
        work = _Work.of(self._fixed, max(BATCH_PIXELS // self._fixed.shape[1], 1))
        for iteration in range(steps):
            nodes = state.next_nodes(active, self.templates.node(state.positions[active]))
            self.templates.draw(nodes)
            first = rough and iteration == 0
            normal = [
                self._normal(pixels[rows], None if gate is None else gate[rows], state, rows, at, work, first)
                for rows, at in work.batches(active, nodes)
            ]
            state.update(
                active,
                nodes,
                np.concatenate(normal),
                self._fixed.shape[1] if gate is None else gate[active].sum(axis=1),
                rough=first,
            )
            done = (np.abs(state.step[active]) <= CONVERGED_PX).all(axis=1) & (not first) & state.steps_reliable(active)
            state.converged[active] = done
            near = np.hypot(*(state.positions[active] - start[active]).T) <= FARTHEST_PX
            active = active[~done & near]
            if not len(active):
                break
        return state.result(start, self.size)

    def _normal(
        self,
        pixels: npt.NDArray[Any],
        gate: Single | None,
        state: State,
        rows: Ints,
        nodes: Ints,
        work: _Work,
        rough: bool,
    ) -> Real:
        """Weighted normal equations of a batch (n, k + 1, k + 1), with the pixels as the last column.

        A rough step only leads to the right node: it weights all pixels equally, which saves half of its time.
        """
        count, free = len(pixels), 3 + len(self._fixed)
        design, base, amplitude = work.design[:count], state.offsets[rows], state.amplitudes[rows]
        self.templates.fill(nodes, design[:, :3].reshape(count, 3, *self.size))
        flat = pixels.reshape(count, -1)
        np.subtract(flat, base[:, None].astype(np.float32), out=design[:, free], dtype=np.float32, casting="same_kind")
        weights = gate
        if not rough:
            weights = work.weights[:count]
            signal = np.multiply(design[:, 2], amplitude[:, None].astype(np.float32), out=weights)
            signal += base[:, None].astype(np.float32)
            np.divide(1 if gate is None else gate, self.noise.variance(signal, out=signal), out=weights)
        normal = work.normal(design, weights)
        if self.robust and weights is not None and not rough:
            found = solve(normal)[0].astype(np.float32)
            residual = design[:, free] - np.matmul(found[:, None], design[:, :free])[:, 0]
            normal = work.normal(design, weights / (1 + weights * residual**2 / np.float32(TAIL**2)))
        return normal


@dataclass(frozen=True)
class _Work:
    """Arrays of one batch that are reused: allocating them costs more than the computation.

    Attributes:
        design: (n, k + 1, P) float32: derivative by x and y, shape, constant, gradient, pixels.
        weighted: (n, k + 1, P) the design times the weights.
        weights: (n, P) weights of the pixels.
    """

    design: Single
    weighted: Single
    weights: Single

    @classmethod
    def of(cls, fixed: Single, count: int) -> _Work:
        design = np.empty((count, 4 + len(fixed), fixed.shape[1]), dtype=np.float32)
        design[:, 3:-1] = fixed
        return cls(design, np.empty_like(design), np.empty((count, fixed.shape[1]), dtype=np.float32))

    def batches(self, active: Ints, nodes: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Row numbers and nodes of each batch."""
        for begin in range(0, len(active), len(self.design)):
            yield active[begin : begin + len(self.design)], nodes[begin : begin + len(self.design)]

    def normal(self, design: Single, weights: Single | None) -> Real:
        """Weighted inner products of all columns of the design."""
        weighted = design
        if weights is not None:
            weighted = np.multiply(design, weights[:, None], out=self.weighted[: len(design)])
        normal: Real = np.matmul(weighted, design.transpose(0, 2, 1)).astype(np.float64)
        return normal


def _check(pixels: npt.NDArray[Any], start: Real, size: tuple[int, int]) -> None:
    if pixels.ndim != 3 or pixels.shape[1:] != size or len(start) != len(pixels) or not np.isfinite(start).all():
        raise BrightfieldError(
            f"Got windows of shape {pixels.shape} and starts of shape {start.shape}: expected (N, {size[0]}, {size[1]}) and a "
            "finite x and y for each. Cut the windows to the size of the refiner."
        )
