"""Heat maps: what a network draws of beads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def heat_map(positions: npt.NDArray[np.float64], shape: tuple[int, int], sigma_px: float) -> npt.NDArray[np.float32]:
    """A Gaussian with peak 1 at every position (N, 2), x and y in px; (H, W). The larger value counts where two overlap."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    heat = np.zeros(shape, np.float32)
    for px, py in positions:
        distance2 = (x - px) ** 2 + (y - py) ** 2
        np.maximum(heat, np.exp(-distance2 / (2 * sigma_px**2)), out=heat)
    return heat
