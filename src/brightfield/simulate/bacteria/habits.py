"""Initial positions of bacteria, before they push each other apart: Myxococcus in rafts, E. coli in colonies.

The cells of a raft lie side by side in nearly the same direction, as in a nematic; a director field sets this direction. Rafts are
packed at any cover of the field: a sparse field has few of them, not loose ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brightfield.simulate.optics import Real, smooth_field

Pose = tuple[float, float, float]  # x and y in um, angle in rad

MARGIN_UM = 2.5  # rods are placed this far beyond the field, so that its edges look like its middle
GRID_UM = 0.5  # distance between the points of the fields of rafts and of directions
MOST_POINTS = 256  # largest number of points per side
RAFT_COVER = 1.1  # cover inside a raft, before its cells push each other outwards
RAFT_SHARE = (0.7, 1.0)  # share of the Myxococcus cells in rafts
RAFT_UM = (3.0, 8.0)  # scale of the rafts' outlines, standard deviation of a Gaussian
DIRECTOR_UM = (8.0, 25.0)  # length over which the direction changes
RAFT_ANGLE = 0.04  # rad, standard deviation from the director in a raft
LONER_ANGLE = 0.6  # rad, standard deviation from the director of a single cell
COLONIES_PER_UM2 = 2 / 900
COLONY_UM = (1.5, 5.0)  # standard deviation of the cells' distances from the middle
COLONY_SHARE = 0.85  # share of the E. coli cells in colonies
COLONY_DIRECTOR_UM = 2.0  # length over which the direction changes in a colony: short
COLONY_ANGLE = 0.25  # rad, standard deviation from the director in a colony
FOOTPRINT_UM = 0.3  # resolution of the map of occupied area


class Occupancy:
    """A map of the number of rods at each position."""

    def __init__(self, size_um: float) -> None:
        n = int(np.ceil((size_um + 2 * MARGIN_UM) / FOOTPRINT_UM))
        self.counts = np.zeros((n, n), np.int32)

    def choose(self, poses: list[Pose], length_um: float, width_um: float) -> Pose:
        """Choose the least crowded of these poses of a rod, and add the rod to the map."""
        prints = [self._footprint(pose, length_um, width_um) for pose in poses]
        best = int(np.argmin([self.counts[rows, columns].sum() for rows, columns in prints]))
        np.add.at(self.counts, prints[best], 1)
        return poses[best]

    def _footprint(
        self, pose: Pose, length_um: float, width_um: float
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        x, y, angle = pose
        n = int(np.ceil(length_um / FOOTPRINT_UM))
        along = np.linspace(-length_um / 2, length_um / 2, n)[:, None]
        across = np.array([-width_um / 3, 0.0, width_um / 3])
        cos, sin = np.cos(angle), np.sin(angle)
        columns, rows = (
            np.clip((c + MARGIN_UM) / FOOTPRINT_UM, 0, len(self.counts) - 1).astype(np.intp).ravel()
            for c in (x + along * cos - across * sin, y + along * sin + across * cos)
        )
        return rows, columns


class _Field:
    """Smooth random fields over the whole area, margins included."""

    def __init__(self, size_um: float) -> None:
        self.side = size_um + 2 * MARGIN_UM
        self.points = int(np.clip(np.ceil(self.side / GRID_UM), 2, MOST_POINTS))

    def smooth(self, scale_um: float, rng: np.random.Generator) -> Real:
        """Mean 0, standard deviation 1, smooth over ``scale_um``."""
        return smooth_field((self.points, self.points), scale_um / self.side * self.points, rng)

    def director(self, scale_um: float, rng: np.random.Generator) -> Real:
        """A field of directions in rad, defined up to a half turn."""
        angle: Real = np.arctan2(self.smooth(scale_um, rng), self.smooth(scale_um, rng)) / 2
        return angle

    def at(self, field: Real, x: float, y: float) -> float:
        """The value nearest to a point in um."""
        row, column = (min(max(int((c + MARGIN_UM) / self.side * self.points), 0), self.points - 1) for c in (y, x))
        return float(field[row, column])


class Swarm:
    """Myxococcus: rafts, and single cells between them."""

    def __init__(self, size_um: float, cover: float, rng: np.random.Generator) -> None:
        self.fields = _Field(size_um)
        self.director = self.fields.director(rng.uniform(*DIRECTOR_UM), rng)
        self.share = rng.uniform(*RAFT_SHARE)
        height = self.fields.smooth(rng.uniform(*RAFT_UM), rng)
        area = min(1.0, cover * self.share / RAFT_COVER)
        count = max(1, round(area * height.size))
        self.raft = np.argpartition(height.ravel(), -count)[-count:]

    def draw(self, rng: np.random.Generator) -> Pose:
        """Draw a pose in a raft or, for a single cell, anywhere."""
        fields = self.fields
        if rng.uniform() < self.share:
            row, column = divmod(int(self.raft[rng.integers(len(self.raft))]), fields.points)
            x, y = (np.array([column, row]) + rng.uniform(0, 1, 2)) * fields.side / fields.points - MARGIN_UM
            return x, y, float(self.director[row, column] + rng.normal(0, RAFT_ANGLE))
        x, y = rng.uniform(-MARGIN_UM, fields.side - MARGIN_UM, 2)
        return x, y, fields.at(self.director, x, y) + rng.normal(0, LONER_ANGLE)


class Colonies:
    """E. coli: small colonies of cells that have just divided, and some single cells."""

    def __init__(self, size_um: float, rng: np.random.Generator, aligned_um: float = COLONY_DIRECTOR_UM) -> None:
        self.fields = _Field(size_um)
        self.director = self.fields.director(aligned_um, rng)
        self.size = size_um
        n = max(1, int(COLONIES_PER_UM2 * size_um**2))
        self.centres = rng.uniform(0, size_um, (n, 2))
        self.radii = rng.uniform(*COLONY_UM, n)

    def draw(self, rng: np.random.Generator) -> Pose:
        """Draw a pose in a colony or, for a single cell, anywhere."""
        if rng.uniform() < COLONY_SHARE:
            colony = int(rng.integers(len(self.centres)))
            x, y = self.centres[colony] + rng.normal(0, self.radii[colony], 2)
            return x, y, self.fields.at(self.director, x, y) + rng.normal(0, COLONY_ANGLE)
        x, y = rng.uniform(0, self.size, 2)
        return x, y, rng.uniform(0, np.pi)
