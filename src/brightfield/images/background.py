"""The smooth background of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FITTED_PIXELS = 20_000  # largest number of pixels to which the background is fitted
ROUNDS = 3  # of fitting it without the pixels far from it
OUTLYING = 3.0  # robust standard deviations beyond which a pixel is not background
ROBUST = 1.4826  # standard deviation of a Gaussian over its median absolute deviation


def above_background(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """An image (H, W) less a smooth background: a polynomial of second order, fitted without the pixels far from it."""
    height, width = pixels.shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    terms = [np.broadcast_to(term, pixels.shape) for term in (np.ones((1, 1)), x, y, x * y, x * x, y * y)]
    step = max(int(np.ceil(np.sqrt(pixels.size / FITTED_PIXELS))), 1)
    design = np.stack([term[::step, ::step].ravel() for term in terms], axis=1)
    values = pixels[::step, ::step].ravel().astype(np.float64)
    kept = np.ones(len(values), dtype=np.bool_)
    for _ in range(ROUNDS):
        fitted = np.linalg.lstsq(design[kept], values[kept], rcond=None)[0]
        rest = np.abs(values - design @ fitted)
        kept = rest <= OUTLYING * ROBUST * np.median(rest) + 1e-9
    above: npt.NDArray[np.float64] = pixels - sum(factor * term for factor, term in zip(fitted, terms, strict=True))
    return above
