"""Positions of beads: placement at a distance from each other, then Brownian motion, free or in optical traps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brightfield.simulate.optics import Real, log_uniform

Positions = npt.NDArray[np.float64]
Shape = tuple[int, int]

MARGIN_PX = 12.0  # a bead's centre stays this far inside the frame,
SEPARATION_PX = 20.0  # and this far from any other, except for beads that touch:
CONTACT_PX = 9.0  # their centres are as near as their size allows, but at least this far apart
LOOSE = 1.2  # largest distance at which a touching bead is placed, over the distance of contact
SUBSTEPS = 8  # number of positions within one exposure
THERMAL_ENERGY = 4.11e-3  # kT in pN um, at 25 degrees
VISCOSITY = 8.9e-4  # of water, in pN s / um^2
STIFFNESS = (1.0, 100.0)  # of a trap, in pN / um
FREE = 0.5  # share of the movies without a trap
FRAME_S = (0.01, 0.04)  # time between frames
EXPOSED = (0.3, 1.0)  # share of this time in which the shutter is open
DRIFT_UM_S = 0.005  # standard deviation of the stage's drift in each direction
TRIES = 50  # largest number of attempts to place a bead


@dataclass(frozen=True)
class Room:
    """Limits on the positions of beads.

    Attributes:
        shape: rows and columns of the frame.
        nearest_px: smallest distance between the centres of two beads.
        margin_px: a bead's centre stays this far inside the frame.
    """

    shape: Shape
    nearest_px: float
    margin_px: float = MARGIN_PX

    def holds(self, positions: Positions) -> bool:
        """Whether beads at (..., N, 2) x and y are inside the frame and at allowed distances."""
        upper = np.array(self.shape[::-1]) - 1 - self.margin_px
        if bool((positions < np.minimum(self.margin_px, upper)).any() or (positions > upper).any()):
            return False
        between = positions[..., :, None, :] - positions[..., None, :, :]
        near = np.count_nonzero((between**2).sum(axis=-1) < self.nearest_px**2)
        return bool(near == positions[..., 0].size)  # each bead is near to itself only

    def admits(self, position: Positions, others: Positions) -> bool:
        """Whether a bead at (2,) x and y may be added to those at (N, 2)."""
        apart = ((others - position) ** 2).sum(axis=1) >= self.nearest_px**2
        return bool(apart.all()) and self.holds(position[None])


def contact_px(radius_um: float, pixel_um: float) -> float:
    """The distance between the centres of two beads that touch."""
    return max(2 * radius_um / pixel_um, CONTACT_PX)


def place(room: Room, n: int, touching: bool, rng: np.random.Generator) -> Positions:
    """Draw allowed positions (N, 2): ``n``, or as many as fit.

    Where beads touch, every second is placed beside an earlier one.
    """
    upper = np.array(room.shape[::-1]) - 1 - room.margin_px
    lower = np.minimum(room.margin_px, upper)
    if n == 0:
        return np.empty((0, 2))
    placed = rng.uniform(lower, upper)[None]
    for attempt in range(TRIES * (n - 1)):
        if len(placed) == n:
            break
        candidate = rng.uniform(lower, upper)
        if touching and attempt % 2 == 0:
            angle, distance = rng.uniform(0, 2 * np.pi), room.nearest_px * rng.uniform(1, LOOSE)
            candidate = rng.choice(placed) + distance * np.array([np.cos(angle), np.sin(angle)])
        if room.admits(candidate, placed):
            placed = np.vstack([placed, candidate])
    return placed


def wander(
    room: Room, start: Positions, radius_um: float, frames: int, pixel_um: float, rng: np.random.Generator
) -> Positions:
    """Simulate Brownian motion from ``start`` (N, 2), free or in a harmonic trap at the start of each bead.

    Returns:
        (frames, SUBSTEPS, N, 2), x and y in px in each sub-step of each exposure.
    """
    drag = 6 * np.pi * VISCOSITY * radius_um
    stiffness = 0.0 if rng.uniform() < FREE else log_uniform(*STIFFNESS, rng)
    frame_s = rng.uniform(*FRAME_S)
    open_s = frame_s * rng.uniform(*EXPOSED)
    seconds = np.full(SUBSTEPS, open_s / SUBSTEPS)
    seconds[0] += frame_s - open_s  # the shutter opens after a pause
    steps = [thermal_step(stiffness, drag, s) for s in seconds]
    drift = rng.normal(0, DRIFT_UM_S, 2) / pixel_um * seconds[:, None]
    paths = np.empty((frames, SUBSTEPS, *start.shape))
    trap, position = start, start
    for path in paths:
        traps = trap + np.cumsum(drift, axis=0)[:, None]
        thermal = rng.standard_normal(path.shape)
        away = position - trap
        for step, (decay, deviation) in enumerate(steps):
            away = away * decay + deviation / pixel_um * thermal[step]
            path[step] = traps[step] + away
        if not room.holds(path):
            _keep_inside(room, position, path)
        trap, position = traps[-1], path[-1]
    return paths


def thermal_step(stiffness: float, drag: float, seconds: float) -> tuple[float, float]:
    """The parameters of a step of the Ornstein-Uhlenbeck process, exact for any duration.

    Args:
        stiffness: stiffness of the trap in pN / um; 0: free.
        drag: drag coefficient 6 pi eta a in pN s / um.
        seconds: duration in s.

    Returns:
        The factor by which the distance to the trap's centre decays, and the standard deviation of the thermal step in um.
    """
    if stiffness == 0:
        return 1.0, float(np.sqrt(2 * THERMAL_ENERGY / drag * seconds))
    decay = float(np.exp(-seconds * stiffness / drag))
    return decay, float(np.sqrt(THERMAL_ENERGY / stiffness * (1 - decay**2)))


def _keep_inside(room: Room, before: Real, path: Positions) -> None:
    """Undo, in place, each movement that takes a bead out of the frame or too near another."""
    movements = np.diff(path, axis=0, prepend=before[None])
    position = np.array(before)
    for step, movement in enumerate(movements):
        for bead in range(len(position)):
            moved = position[bead] + movement[bead]
            if room.admits(moved, np.delete(position, bead, axis=0)):
                position[bead] = moved
        path[step] = position
