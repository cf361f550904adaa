"""Placement of rod-shaped bacteria on a surface, with little overlap.

A rod has a centre, an angle, a curvature and an S-bend, and is represented by discs along its axis. Overlapping discs of two rods
push each other apart. The pushes are projected by least squares on the parameters of a rod, so it stays smooth under any push. Rods
start short and thin and grow while they are pushed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from brightfield.simulate.bacteria.habits import COLONY_DIRECTOR_UM, MARGIN_UM, Colonies, Occupancy, Pose, Swarm

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

ITERATIONS = 120  # number of pushes
REFRESH = 5  # iterations between searches for neighbours
SKIN_UM = 0.3  # largest gap between neighbouring discs: they may touch before the next search
DISC_SPACING = 0.9  # distance between the discs of a rod, in radii
MAX_CURVATURE = 0.25  # per um, by pushes
MAX_S_BEND = 0.12  # per um^2
RELAXATION = 0.985  # factor by which a forced bend relaxes in an iteration
SISTER_ANGLE = 0.12  # rad, standard deviation between two rods that have just divided
ALLOWED_OVERLAP = 0.25  # largest final overlap over the width: rods that overlap by more are removed
CANDIDATES = 5  # number of initial poses, of which a rod takes the least crowded


@dataclass(frozen=True)
class Species:
    """One kind of rod. Pairs are mean and standard deviation; lengths are in um."""

    code: int
    width: tuple[float, float]
    length: tuple[float, float]
    curvature: float  # standard deviation of the resting curvature, per um
    flexibility: float  # relative bending under a push
    refraction: float  # refractive index above that of the medium
    absorption: float  # absorption coefficient per um
    longest: float = 12.0
    sisters: float = 0.0  # share of the rods that have just divided: another lies end to end with them
    waist: float = 0.0  # largest pinch in the middle of a rod that divides, relative to the radius
    aligned_um: float = COLONY_DIRECTOR_UM  # in a colony, length over which the direction changes


MYXOCOCCUS = Species(1, (0.62, 0.05), (6.0, 1.4), 0.07, 1.0, refraction=0.038, absorption=0.05)
E_COLI = Species(2, (0.95, 0.07), (2.6, 0.6), 0.0, 0.08, refraction=0.045, absorption=0.07)
SPECIES = {species.code: species for species in (MYXOCOCCUS, E_COLI)}


@dataclass(frozen=True)
class Rod:
    """One bacterium: all points closer than ``radius_um`` to the polyline ``axis``, (K, 2) x and y in um.

    Where it is pinched, the radius in the middle is smaller by the share ``waist``; one that is pinched much is two cells.
    """

    species: int
    radius_um: float
    axis: Floats
    waist: float = 0.0


@dataclass
class _Crowd:
    """Parameters of all rods, (N,), and their discs, (M,): the rod ``owner`` and the ``station`` on its axis from -0.5 to 0.5."""

    species: Integers
    centre: Floats  # (N, 2)
    angle: Floats
    rest: Floats  # resting curvature
    curvature: Floats
    s_bend: Floats
    length: Floats  # length of the axis, without the caps
    radius: Floats
    waist: Floats
    flexibility: Floats
    bend_limit: Floats  # largest curvature, per um
    owner: Integers
    station: Floats

    def total(self, values: Floats) -> Floats:
        """The sum over the discs of each rod."""
        return np.bincount(self.owner, values, len(self.radius)).astype(np.float64)


@dataclass(frozen=True)
class _Discs:
    """The discs at one moment, and their derivatives by the parameters of their rods."""

    position: Floats  # (M, 2)
    along: Floats  # distance from the rod's middle
    bow: Floats  # sideways shift per unit of curvature
    wave: Floats  # sideways shift per unit of S-bend
    cos: Floats
    sin: Floats


def place(
    size_um: float, covers: Mapping[int, float], rng: np.random.Generator, species: Mapping[int, Species] = SPECIES
) -> list[Rod]:
    """Place rods in a square field.

    Args:
        size_um: side of the field; rods also lie up to ``MARGIN_UM`` beyond it.
        covers: by species code, the share of the area to cover, before rods that do not fit are removed.
        rng: source of everything random.
        species: by code, the shapes of the rods.

    Returns:
        Rods that overlap by at most a quarter of a width.
    """
    crowd = _scatter(size_um, covers, rng, species)
    if not len(crowd.radius):
        return []
    for iteration in range(ITERATIONS):
        growth = min(1.0, 0.2 + 0.8 * iteration / (0.6 * ITERATIONS))
        girth = min(1.0, 0.6 + 0.4 * iteration / (0.5 * ITERATIONS))
        discs = _discs(crowd, growth)
        if iteration % REFRESH == 0:
            near = _near_pairs(crowd, discs.position, SKIN_UM)
        _push(crowd, discs, girth, near)
    position = _discs(crowd, 1.0).position
    removed = _overlapping(crowd, position)
    axes = np.split(position, np.flatnonzero(np.diff(crowd.owner)) + 1)
    everyone = zip(crowd.species, crowd.radius, axes, crowd.waist, strict=True)
    return [
        Rod(int(s), float(r), axis, float(waist)) for i, (s, r, axis, waist) in enumerate(everyone) if i not in removed
    ]


def _scatter(
    size_um: float, covers: Mapping[int, float], rng: np.random.Generator, everyone: Mapping[int, Species]
) -> _Crowd:
    """Rods of every species at their initial poses, each the least crowded of a few that its species draws."""
    area = (size_um + 2 * MARGIN_UM) ** 2
    occupancy = Occupancy(size_um)
    habits: dict[int, Swarm | Colonies] = {
        MYXOCOCCUS.code: Swarm(size_um, covers.get(MYXOCOCCUS.code, 0.0), rng),
        E_COLI.code: Colonies(size_um, rng, everyone[E_COLI.code].aligned_um),
    }
    rows: list[tuple[float, ...]] = []
    for code, cover in covers.items():
        species, covered = everyone[code], 0.0
        while covered < cover * area:
            width = rng.normal(*species.width)
            length = float(np.clip(rng.normal(*species.length), 1.5 * width, species.longest))
            pose = occupancy.choose([habits[code].draw(rng) for _ in range(CANDIDATES)], length, width)
            bend = rng.normal(0, species.curvature)
            pinch = rng.uniform(0, species.waist) if species.waist else 0.0
            poses = [pose]
            if species.sisters and rng.uniform() < species.sisters:
                poses.append(_sister(pose, length, rng))
            for x, y, angle in poses:
                rows.append((code, x, y, angle, bend, length - width, width / 2, pinch))
                covered += length * width - (1 - np.pi / 4) * width**2
    table = np.array(rows, dtype=np.float64).reshape(-1, 8)
    code_column, x_column, y_column, angles, rest, axis, radius, waist = table.T
    shapes = [everyone[int(code)] for code in code_column]
    flexibility = np.array([shape.flexibility for shape in shapes])
    bend_limit = np.array([max(MAX_CURVATURE, 2 * shape.curvature) for shape in shapes])
    n_discs = np.maximum(3, np.ceil(axis / (radius * DISC_SPACING)).astype(int) + 1)
    return _Crowd(
        species=code_column.astype(np.intp),
        centre=np.stack([x_column, y_column], axis=1),
        angle=angles.copy(),
        rest=rest,
        curvature=rest.copy(),
        s_bend=np.zeros(len(table)),
        length=axis,
        radius=radius,
        waist=waist,
        flexibility=flexibility,
        bend_limit=bend_limit,
        owner=np.repeat(np.arange(len(table)), n_discs),
        station=np.concatenate([np.linspace(-0.5, 0.5, n) for n in n_discs]) if len(table) else np.empty(0),
    )


def _sister(pose: Pose, length_um: float, rng: np.random.Generator) -> Pose:
    """Another rod of the same length, end to end with the first, at a small angle."""
    x, y, angle = pose
    turned = angle + rng.normal(0, SISTER_ANGLE)
    along = np.array([np.cos(angle) + np.cos(turned), np.sin(angle) + np.sin(turned)]) / 2
    x, y = np.array([x, y]) + length_um * along
    return float(x), float(y), turned


def _discs(crowd: _Crowd, growth: float) -> _Discs:
    """The discs when the rods have grown to this share of their length."""
    owner, count = crowd.owner, np.bincount(crowd.owner, minlength=len(crowd.radius))
    along = crowd.station * (crowd.length * growth)[owner]
    # bending does not move a rod's centre of mass, and an S-bend does not turn it
    bow = along**2 / 2
    bow -= (crowd.total(bow) / count)[owner]
    wave = along**3 / 6
    wave -= along * (crowd.total(wave * along) / np.maximum(crowd.total(along**2), 1e-9))[owner]
    sideways = crowd.curvature[owner] * bow + crowd.s_bend[owner] * wave
    forward = along - crowd.curvature[owner] ** 2 * along**3 / 12  # so that a bent axis has about the same length
    cos, sin = np.cos(crowd.angle)[owner], np.sin(crowd.angle)[owner]
    position = crowd.centre[owner] + np.stack([cos * forward - sin * sideways, sin * forward + cos * sideways], axis=1)
    return _Discs(position, along, bow, wave, cos, sin)


def _near_pairs(crowd: _Crowd, position: Floats, skin_um: float) -> Integers:
    """Pairs of discs (P, 2) of different rods at most ``skin_um`` from touching."""
    pairs = cKDTree(position).query_pairs(2 * crowd.radius.max() + skin_um, output_type="ndarray")
    a, b = pairs.T
    between, radius = position[b] - position[a], crowd.radius[crowd.owner]
    near = (between**2).sum(axis=1) < (radius[a] + radius[b] + skin_um) ** 2
    different: Integers = pairs[near & (crowd.owner[a] != crowd.owner[b])]
    return different


def _contacts(pairs: Integers, position: Floats, radius: Floats) -> tuple[Integers, Floats, Floats]:
    """The pairs that overlap (P, 2), their distance vectors (P, 2) and overlaps (P,) in um."""
    between = position[pairs[:, 1]] - position[pairs[:, 0]]
    overlap = radius[pairs].sum(axis=1) - np.hypot(*between.T)
    touching = overlap > 0
    return pairs[touching], between[touching], overlap[touching]


def _push(crowd: _Crowd, discs: _Discs, girth: float, near: Integers) -> None:
    """Do one iteration: overlapping discs move apart, as far as the parameters of their rods allow."""
    pairs, between, overlap = _contacts(near, discs.position, (crowd.radius * girth)[crowd.owner])
    share = between * (overlap / (np.hypot(*between.T) + 1e-9) / 2)[:, None]
    n = len(discs.position)
    force = np.stack(
        [np.bincount(pairs[:, 1], share[:, k], n) - np.bincount(pairs[:, 0], share[:, k], n) for k in (0, 1)], axis=1
    )
    hit = np.bincount(pairs.ravel(), minlength=n) > 0
    touched = np.maximum(crowd.total(hit.astype(np.float64)), 1)
    across = -force[:, 0] * discs.sin + force[:, 1] * discs.cos
    crowd.centre += 0.54 * np.stack([crowd.total(force[:, k]) for k in (0, 1)], axis=1) / touched[:, None]
    crowd.angle += 0.8 * np.clip(_fit(crowd, across, discs.along), -0.15, 0.15)
    bent = crowd.curvature + crowd.flexibility * 0.5 * np.clip(_fit(crowd, across, discs.bow), -0.05, 0.05)
    waved = crowd.s_bend + crowd.flexibility * 0.5 * np.clip(_fit(crowd, across, discs.wave), -0.03, 0.03)
    relaxed = crowd.rest + (bent - crowd.rest) * RELAXATION
    crowd.curvature = np.clip(relaxed, -crowd.bend_limit, crowd.bend_limit)
    crowd.s_bend = np.clip(waved * RELAXATION, -MAX_S_BEND, MAX_S_BEND)


def _fit(crowd: _Crowd, push: Floats, mode: Floats) -> Floats:
    """The least-squares amplitude of one mode in the pushes on each rod; the floor limits it for short rods."""
    return crowd.total(push * mode) / np.maximum(crowd.total(mode**2), 0.05)


def _overlapping(crowd: _Crowd, position: Floats) -> set[int]:
    """The rods to remove so that none overlaps another by more than allowed: those with the most overlaps first."""
    radius = crowd.radius[crowd.owner]
    pairs, _, overlap = _contacts(_near_pairs(crowd, position, 0.0), position, radius)
    too_much = overlap > ALLOWED_OVERLAP * 2 * radius[pairs].min(axis=1)
    entangled: dict[int, set[int]] = {}
    for a, b in crowd.owner[pairs[too_much]]:
        entangled.setdefault(int(a), set()).add(int(b))
        entangled.setdefault(int(b), set()).add(int(a))
    removed: set[int] = set()
    while entangled:
        worst = max(entangled, key=lambda rod: (len(entangled[rod]), rod))
        removed.add(worst)
        for other in entangled.pop(worst):
            entangled[other].discard(worst)
            if not entangled[other]:
                del entangled[other]
    return removed
