"""A profile rendered once at every sub-pixel phase, so that a bead at any position is a slice of a stored image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.profile import Profile

PHASES = 16  # nodes per pixel, along each axis; see refining for the error
Ints = npt.NDArray[np.intp]


class Templates:
    """Shape and derivatives of a profile at nodes a sixteenth of a pixel apart, rendered on first use.

    Args:
        profile: the profile.
        size: (H, W) of the windows.
        margin: largest distance of a bead from the middle of its window in px, along each axis.
    """

    def __init__(self, profile: Profile, size: tuple[int, int], margin: int) -> None:
        self.profile, self.size, self.margin = profile, size, margin
        canvas = (size[0] + 2 * margin, size[1] + 2 * margin)
        self._drawn = np.zeros((PHASES, PHASES), dtype=np.bool_)
        self._images = np.empty((PHASES, PHASES, 3, *canvas), dtype=np.float32)

    def node(self, positions: npt.NDArray[np.float64]) -> Ints:
        """The nearest nodes to positions (N, 2) in px, in sixteenths of a pixel; clipped to the margin."""
        middle = np.array([self.size[1] // 2, self.size[0] // 2])
        nodes: Ints = np.rint(positions * PHASES).astype(np.intp)
        half = PHASES // 2
        return np.clip(
            nodes, (middle - self.margin) * PHASES - half, (middle + self.margin) * PHASES + PHASES - 1 - half
        )

    def draw(self, nodes: Ints) -> None:
        """Render these nodes (N, 2) where needed, so that :meth:`fill` can copy them."""
        phases = (nodes + PHASES // 2) % PHASES
        missing = phases[~self._drawn[phases[:, 1], phases[:, 0]]]
        if not len(missing):
            return
        height, width = self._images.shape[-2:]
        x, y = self.margin + self.size[1] // 2, self.margin + self.size[0] // 2
        for px, py in np.unique(missing, axis=0):
            at = (x + (px - PHASES // 2) / PHASES, y + (py - PHASES // 2) / PHASES)
            shape, by_x, by_y = self.profile.render((height, width), at)
            self._images[py, px] = by_x, by_y, shape
            self._drawn[py, px] = True

    def fill(self, nodes: Ints, out: npt.NDArray[np.float32]) -> None:
        """Copy derivative by x, derivative by y and shape of the bead at each node into ``out`` (N, 3, H, W)."""
        half = PHASES // 2
        whole, phase = np.divmod(nodes + half, PHASES)
        left = self.margin + self.size[1] // 2 - whole[:, 0]
        top = self.margin + self.size[0] // 2 - whole[:, 1]
        height, width = self.size
        rows = zip(out, *(column.tolist() for column in (*phase.T, left, top)), strict=True)
        for target, px, py, x, y in rows:
            target[...] = self._images[py, px, :, y : y + height, x : x + width]

    def shapes(self, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Beads at positions (N, 2), each in its own window, (N, H, W): linear between nodes, as in refining."""
        nodes = self.node(positions)
        self.draw(nodes)
        drawn = np.empty((len(nodes), 3, *self.size), dtype=np.float32)
        self.fill(nodes, drawn)
        parts = np.ones((len(nodes), 1, 3), dtype=np.float32)
        parts[:, 0, :2] = positions - nodes / PHASES
        shapes: npt.NDArray[np.float32] = np.matmul(parts, drawn.reshape(len(nodes), 3, -1)).reshape(-1, *self.size)
        return shapes
