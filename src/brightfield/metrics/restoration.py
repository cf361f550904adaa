"""A restored image against the clean one.

All three indicators need the range of intensities that the image spans. It is taken from the truth, not from the
answer: the range of the 0.1 to 99.9 percentile of its pixels, so that a few hot pixels do not flatter an answer. No
gain or offset is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from brightfield.metrics import Columns, column, mean
from brightfield.results import Picture

STATISTICS = ("psnr_db", "ssim", "nrmse")
PERCENTILES = (0.1, 99.9)
HIGHEST_PSNR_DB = 100.0  # reported for identical images, where the ratio is infinite and no mean could be taken
SSIM_SIGMA_PX = 1.5
_SSIM_WINDOW_PX = 11  # what scikit-image derives from the sigma; a smaller image has no SSIM


def data_range(truth: npt.NDArray[np.float32]) -> float:
    """The 0.1 to 99.9 percentile range of a clean image, in its units."""
    low, high = np.percentile(truth, PERCENTILES)
    return float(high - low)


def statistics(predicted: Picture, truth: Picture) -> dict[str, float]:
    """The indicators of one image.

    Returns:
        ``psnr_db``, 10 log10(range^2 / mean squared error), at most ``HIGHEST_PSNR_DB``; ``ssim``, structural
        similarity after Wang et al. (IEEE TIP 2004) with their Gaussian window of sigma 1.5 px, nan when a side is
        shorter than 11 px; ``nrmse``, root mean square error / range. All nan when the truth is constant, or the
        answer is not finite.

    Raises:
        ValueError: the pictures differ in size.
    """
    if predicted.pixels.shape != truth.pixels.shape:
        raise ValueError(f"prediction and truth share a shape, got {predicted.pixels.shape} and {truth.pixels.shape}")
    span = data_range(truth.pixels)
    answer, clean = predicted.pixels.astype(np.float64), truth.pixels.astype(np.float64)
    if not (span > 0 and np.isfinite(answer).all()):
        return dict.fromkeys(STATISTICS, float("nan"))
    nrmse = math.sqrt(float(np.mean((answer - clean) ** 2))) / span
    psnr = -20 * math.log10(nrmse) if nrmse > 0 else HIGHEST_PSNR_DB
    return {"psnr_db": min(psnr, HIGHEST_PSNR_DB), "ssim": _ssim(answer, clean, span), "nrmse": nrmse}


def _ssim(answer: npt.NDArray[np.float64], clean: npt.NDArray[np.float64], span: float) -> float:
    from skimage.metrics import structural_similarity

    if min(clean.shape) < _SSIM_WINDOW_PX:
        return float("nan")
    similarity: Callable[..., float] = structural_similarity
    return float(
        similarity(
            clean, answer, data_range=span, gaussian_weights=True, sigma=SSIM_SIGMA_PX, use_sample_covariance=False
        )
    )


def summarise(columns: Columns) -> dict[str, float]:
    """Means over the images. One that is not defined makes the mean nan: a broken answer must not vanish from it."""
    return {name: mean(column(columns, name)) for name in STATISTICS}
