"""The image of a bead too small to show its shape: a dot, nearly a Gaussian, brighter or darker than the background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brightfield.simulate.beads.diffraction import FINE_UM

DEPTH_UM = 3.0  # distance from focus at which a dot has twice the area
REACH = 5.0  # radius up to which a dot is drawn, in standard deviations


@dataclass(frozen=True)
class SpotProfile:
    """Relative intensity, 1 far away, as a function of radius; it takes the place of a RingProfile.

    Attributes:
        width_um: standard deviation in focus, before the blur by a pixel.
        sign: 1 brighter than the background, -1 darker.
        pixel_um: size of a pixel.
    """

    width_um: float
    sign: float
    pixel_um: float

    def at(self, z_um: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The profiles at given heights.

        Args:
            z_um: (K,) distances from focus. A dot has the same sign on both sides, and the same sum.

        Returns:
            (K, n) float32; entry j is at a radius of ``(j + 0.5) * FINE_UM``. The largest deviation from 1 is 1 for a dot much
            wider than a pixel in focus.
        """
        z = np.asarray(z_um, dtype=np.float64)[:, None]
        variance = self.width_um**2 * (1 + (z / DEPTH_UM) ** 2) + self.pixel_um**2 / 12
        radius = np.arange(FINE_UM / 2, REACH * np.sqrt(variance.max(initial=self.width_um**2)), FINE_UM)
        profile = 1 + self.sign * self.width_um**2 / variance * np.exp(-(radius**2) / (2 * variance))
        return np.asarray(profile, dtype=np.float32)
