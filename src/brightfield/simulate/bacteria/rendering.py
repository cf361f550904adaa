"""Rendering of rods: the thickness of the object and the owner of each pixel.

A cell is a rod of thickness h = 2 sqrt(R^2 - d^2), with d the distance from the centre of the pixel to its axis. Where two cells
meet, the thicker one owns the pixel. A pixel belongs to a cell exactly where the thickness is not 0, so image and truth agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import ndimage
from scipy.spatial import cKDTree

from brightfield.simulate.bacteria.placement import SPECIES, Rod, Species, place

PAD_UM = 2.0  # margin of the scene beyond the image, which sends light into it
MIN_PIECE_PX = 12  # smallest visible area of a cell: smaller pieces are left out of image and truth
# In radii: pieces of a pinched rod's axis, and the length over which it is pinched
PINCH_STEP, PINCH_LENGTH = 0.15, 0.6
PARTED = 0.2  # pinch from which a rod is two cells: labs part dividing cells where they see that they divide
CHUNK = 2048  # number of segments drawn at once


@dataclass(frozen=True)
class Scene:
    """The object under the microscope. It extends ``pad`` px beyond the image on every side.

    Attributes:
        thickness: (H + 2 pad, W + 2 pad) in um.
        owner: shape as ``thickness``, int32: the rod of each pixel, 0 is background.
        rods: (rods + 1,) uint8 species of each rod, entry 0 unused.
        labels: (H, W) int32: the truth of the image, 1 to n, 0 is background.
        species: (n + 1,) uint8 species of each label, entry 0 unused.
        pad: margin in px.
    """

    thickness: npt.NDArray[np.float32]
    owner: npt.NDArray[np.int32]
    rods: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    species: npt.NDArray[np.uint8]
    pad: int


def draw_scene(
    size_px: int,
    pixel_um: float,
    covers: Mapping[int, float],
    rng: np.random.Generator,
    species: Mapping[int, Species] = SPECIES,
) -> Scene:
    """Place the cells of one square field and draw their thickness and labels.

    Args:
        size_px: side of the image.
        pixel_um: side of a pixel.
        covers: share of the area to cover, by species code (see :func:`place`).
        rng: source of everything random.
        species: by code, the shapes of the cells.
    """
    return scene_of(place(size_px * pixel_um, covers, rng, species), size_px, pixel_um)


def scene_of(rods: Sequence[Rod], size_px: int, pixel_um: float) -> Scene:
    """Draw the scene of given rods; the point (0, 0) um is the centre of the image's first pixel."""
    pad = round(PAD_UM / pixel_um)
    pad += (scipy.fft.next_fast_len(size_px + 2 * pad) - size_px - 2 * pad) // 2  # to a size of fast Fourier transforms
    thickness, owner = draw_rods(rods, size_px + 2 * pad, pixel_um, pad)
    species = np.array([0, *(rod.species for rod in rods)], np.uint8)
    inner = slice(pad, size_px + pad)
    _fill_holes(owner[inner, inner])
    labels, origin = _separate(owner[inner, inner])
    _part(labels, origin, rods, pixel_um)
    # pieces left out of the truth are left out of the image, too
    thickness[inner, inner][labels == 0] = 0
    return Scene(thickness, owner, species, labels, species[origin], pad)


def draw_rods(
    rods: Sequence[Rod], size: int, pixel_um: float, pad: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Draw rods on a square canvas on which the point (0, 0) um is the centre of pixel (pad, pad).

    Returns:
        The thickness in um, and the rod that owns each pixel (i + 1 for rod i, 0 for none), both (size, size).
    """
    # Positive float32 numbers sort like their bits read as integers: with the thickness in the upper and the rod's number in the
    # lower half of one integer, a maximum finds the thicker rod
    canvas = np.zeros(size * size, np.int64)
    for index, thickness, number in _segments(rods, size, pixel_um, pad):
        np.maximum.at(canvas, index, thickness.view(np.int32).astype(np.int64) << 32 | number)
    own = (canvas >> 32).astype(np.int32).view(np.float32)
    owner = (canvas & 0xFFFFFFFF).astype(np.int32)
    return own.reshape(size, size), owner.reshape(size, size)


def _segments(
    rods: Sequence[Rod], size: int, pixel_um: float, pad: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
    """The pixels (flat indices) within the radius of each piece of an axis, the thickness there in um and the rods' numbers.

    A pixel occurs once for every piece; the largest thickness is that of the rod.
    """
    if not rods:
        return
    axes = [_finer(rod) if rod.waist else rod.axis for rod in rods]
    start = np.concatenate([axis[:-1] for axis in axes]) / pixel_um + pad
    end = np.concatenate([axis[1:] for axis in axes]) / pixel_um + pad
    number = np.repeat(np.arange(1, len(rods) + 1), [len(axis) - 1 for axis in axes])
    radius = np.concatenate([_radii(rod, axis) for rod, axis in zip(rods, axes, strict=True)]) / pixel_um
    reach = np.ceil(abs(end - start).max(axis=1) / 2 + radius).astype(int) + 1
    order = np.argsort(reach, kind="stable")  # pieces of similar size together, as they share a window
    for chunk in np.split(order, range(CHUNK, len(order), CHUNK)):
        offsets = np.arange(-reach[chunk].max(), reach[chunk].max() + 1)
        middle = np.rint((start[chunk] + end[chunk]) / 2).astype(int)
        x, y = (middle[:, axis, None] + offsets for axis in (0, 1))
        dx = (x - start[chunk, 0, None]).astype(np.float32)[:, None, :]
        dy = (y - start[chunk, 1, None]).astype(np.float32)[:, :, None]
        vx, vy = (end[chunk] - start[chunk]).astype(np.float32).T[:, :, None, None]
        t = np.clip((dx * vx + dy * vy) / (vx**2 + vy**2 + np.float32(1e-9)), 0, 1)
        squared = (dx - t * vx) ** 2 + (dy - t * vy) ** 2
        within = (radius[chunk] ** 2).astype(np.float32)[:, None, None] - squared
        seen = (within > 0) & ((x >= 0) & (x < size))[:, None, :] & ((y >= 0) & (y < size))[:, :, None]
        piece, row, column = np.nonzero(seen)
        thickness = np.float32(2 * pixel_um) * np.sqrt(within[seen])
        yield y[piece, row] * size + x[piece, column], thickness, number[chunk][piece]


def _finer(rod: Rod) -> npt.NDArray[np.float64]:
    """The axis of a pinched rod in pieces short enough for its radius to change smoothly along it."""
    steps = np.hypot(*np.diff(rod.axis, axis=0).T)
    station = np.concatenate([[0.0], np.cumsum(steps)])
    fine = np.linspace(0, station[-1], max(3, int(np.ceil(station[-1] / (PINCH_STEP * rod.radius_um)))) + 1)
    return np.stack([np.interp(fine, station, rod.axis[:, k]) for k in (0, 1)], axis=1)


def _radii(rod: Rod, axis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The radius of each piece of an axis in um: smaller in the middle of a pinched rod."""
    if not rod.waist:
        return np.full(len(axis) - 1, rod.radius_um)
    steps = np.hypot(*np.diff(axis, axis=0).T)
    from_middle = np.cumsum(steps) - steps / 2 - steps.sum() / 2
    radii: npt.NDArray[np.float64] = 1 - rod.waist * np.exp(-((from_middle / (PINCH_LENGTH * rod.radius_um)) ** 2))
    return rod.radius_um * radii


def _fill_holes(owner: npt.NDArray[np.int32]) -> None:
    """Fill the holes of each rod, in place; first test whether there are any, which is faster."""
    for rod, box in enumerate(ndimage.find_objects(owner), start=1):
        if box is None:
            continue
        mask = owner[box] == rod
        if ndimage.label(np.pad(~mask, 1, constant_values=True))[1] > 1:
            owner[box][ndimage.binary_fill_holes(mask)] = rod


def _separate(owner: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], list[int]]:
    """Give each connected piece of a rod a label of its own; leave out pieces too small to be a cell.

    Returns:
        The labels, 1 to n, and the rod of each label (entry 0 unused).
    """
    labels, origin = np.zeros_like(owner), [0]
    for rod, box in enumerate(ndimage.find_objects(owner), start=1):
        if box is None:
            continue
        pieces, n = ndimage.label(owner[box] == rod)
        for piece in np.flatnonzero(np.bincount(pieces.ravel(), minlength=n + 1)[1:] >= MIN_PIECE_PX) + 1:
            labels[box][pieces == piece] = len(origin)
            origin.append(rod)
    return labels, origin


def _part(labels: npt.NDArray[np.int32], origin: list[int], rods: Sequence[Rod], pixel_um: float) -> None:
    """Make two labels of each rod that is pinched enough, in place: a pixel belongs to the half whose axis is nearer."""
    boxes = ndimage.find_objects(labels)
    for label, box in enumerate(boxes, start=1):
        rod = rods[origin[label] - 1]
        if rod.waist < PARTED:
            continue
        rows, columns = np.nonzero(labels[box] == label)
        axis = _finer(rod) / pixel_um
        pixels = np.stack([columns + box[1].start, rows + box[0].start], axis=1)
        beyond = cKDTree(axis).query(pixels)[1] > (len(axis) - 1) / 2
        halves = np.zeros_like(labels[box])
        halves[rows, columns] = np.where(beyond, 2, 1)
        if all(_is_a_cell(halves == half) for half in (1, 2)):
            labels[box][halves == 2] = len(origin)
            origin.append(origin[label])


def _is_a_cell(mask: npt.NDArray[np.bool_]) -> bool:
    """Whether a piece is connected, and large enough to be a cell."""
    return int(mask.sum()) >= MIN_PIECE_PX and ndimage.label(mask)[1] == 1
