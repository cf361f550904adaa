"""The outputs of a probabilistic network: the mean of each pixel, and the standard deviation of its error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional as F

# smallest deviation, in units of the noisy image's standard deviation: otherwise the likelihood would be unbounded
SMALLEST_DEVIATION = 1e-3


def mean_and_deviation(output: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, (N, 1, H, W) each, from the two outputs of a probabilistic network."""
    return output[:, :1], F.softplus(output[:, 1:]) + SMALLEST_DEVIATION


def deviation(activated: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The standard deviation, (H, W), from the mean and the second moment, (2, H, W)."""
    mean, second = activated[0].astype(np.float64), activated[1].astype(np.float64)
    # the difference of two rounded squares may be slightly negative
    found: npt.NDArray[np.float64] = np.sqrt(np.maximum(second - mean**2, 0.0))
    return found
