"""A bead's radial profile: its image as a function of distance from the centre, rendered exactly at any position.

The profile is a cubic spline with uniform knots, even around the centre (an image is smooth there) and 0 from its reach on. It
describes pixel values and thus includes the blur by the square of a pixel: a pixel has the value at its centre, without integration
over its area.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.noise import Noise
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
KNOT_PX = 0.4  # distance between knots: five and a half in the shortest period that pixels resolve


@dataclass(frozen=True)
class Profile:
    """The image of one kind of bead: background + amplitude * shape(distance).

    Attributes:
        coefficients: (K,) coefficients of the spline; the largest deviation of the shape from 0 is 1 or -1.
        spacing: distance between knots in px.
        amplitude: the deviation of a typical bead from the background, in the units of the images.
        background: background of the images to which the profile was fitted, in their units.
        noise: noise of those images.
        misfit: root mean square residual over the noise: 1 where the profile explains all but the noise.
        camera_offset: the level without light, above which the transmissions of overlapping beads multiply (absorption,
            diffraction); None: their signals add (fluorescence, or unknown).
    """

    coefficients: Real
    spacing: float
    amplitude: float
    background: float
    noise: Noise
    misfit: float = 1.0
    camera_offset: float | None = None

    def __post_init__(self) -> None:
        if self.coefficients.ndim != 1 or len(self.coefficients) < 4 or not np.isfinite(self.coefficients).all():
            raise BrightfieldError(
                f"The coefficients of a profile have shape {self.coefficients.shape}: expected (K,), at least 4, all finite."
            )

    @property
    def reach(self) -> float:
        """Radius in px beyond which the profile is 0."""
        return float((len(self.coefficients) + 1) * self.spacing)

    def extent(self, share: float = 0.99) -> float:
        """The radius in px that holds this share of the information about a position, the squared slopes of all pixels."""
        r = np.arange(0, self.reach, self.spacing / 4)
        known = np.cumsum(evaluate(self.coefficients, self.spacing, r)[1] ** 2 * r)
        return float(r[np.searchsorted(known, share * known[-1])])

    def at(self, distance: npt.ArrayLike) -> Real:
        """The shape at distances in px, an array of any shape."""
        return evaluate(self.coefficients, self.spacing, distance)[0]

    def render(self, size: tuple[int, int], position: tuple[float, float]) -> tuple[Real, Real, Real]:
        """Render the shape with its centre at an exact position.

        Args:
            size: (H, W) in px.
            position: x and y in px; (0, 0) is the centre of the first pixel.

        Returns:
            The shape and its derivatives by x and by y of the bead, each (H, W).
        """
        dy, dx = np.arange(size[0])[:, None] - position[1], np.arange(size[1]) - position[0]
        distance = np.hypot(dy, dx)
        value, slope = evaluate(self.coefficients, self.spacing, distance)
        slope /= np.maximum(distance, 1e-9)  # the slope is 0 at the centre
        return value, -slope * dx, -slope * dy


def basis(distance: npt.ArrayLike, spacing: float, count: int) -> tuple[npt.NDArray[np.intp], Real, Real]:
    """The four cubic B-splines that are not 0 at each distance from the centre.

    Args:
        distance: distances in px, flattened to (P,).
        spacing: distance between knots in px.
        count: number of coefficients; those beyond are 0, and their splines have weight 0.

    Returns:
        Indices of the coefficients (P, 4), their weights (P, 4), and the derivatives of these by the distance (P, 4).
    """
    scaled = np.ravel(np.asarray(distance, dtype=np.float64)) / spacing
    first = np.floor(scaled)
    weight, slope = cubic(scaled - first)
    slope /= spacing
    which = np.abs(first.astype(np.intp)[:, None] + np.arange(-1, 3))  # mirrored at the centre
    outside = which >= count
    weight[outside] = slope[outside] = 0
    return np.where(outside, count - 1, which), weight, slope


def cubic(u: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The four cubic B-splines that are not 0 at a share ``u`` (P,) of the way from one knot to the next.

    Returns:
        Their weights (P, 4) and the derivatives of these by ``u`` (P, 4), in its type.
    """
    v = 1 - u
    uu, vv = u * u, v * v
    uuu, vvv = uu * u, vv * v  # products are many times faster than powers
    weight, slope = np.empty((len(u), 4), dtype=u.dtype), np.empty((len(u), 4), dtype=u.dtype)
    weight[:, 0], weight[:, 3] = vvv, uuu
    weight[:, 1], weight[:, 2] = 3 * uuu - 6 * uu + 4, 3 * vvv - 6 * vv + 4
    slope[:, 0], slope[:, 3] = -vv, uu
    slope[:, 1], slope[:, 2] = 3 * uu - 4 * u, 4 * v - 3 * vv
    weight /= 6
    slope /= 2
    return weight, slope


def evaluate(coefficients: Real, spacing: float, distance: npt.ArrayLike) -> tuple[Real, Real]:
    """A spline and its derivative at distances in px, each in the shape of these."""
    shape = np.shape(distance)
    which, weight, slope = basis(distance, spacing, len(coefficients))
    chosen = coefficients[which]
    return (chosen * weight).sum(axis=1).reshape(shape), (chosen * slope).sum(axis=1).reshape(shape)
