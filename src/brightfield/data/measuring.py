"""Measures of an image: brightness, contrast, noise, focus, density and polarity, and for colour images two channel ratios.

They are computed from the pixels alone, without a network or ground truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

FloatArray = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[Any]

MEASURES = ("light", "contrast", "noise", "focus", "density")
ALONE = ("polarity",)  # compared by itself: it separates what it separates, and would hide the others among its values
COLOUR_RATIOS = ("red", "blue")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of red, green and blue (ITU-R BT.601)
# Power that white noise of power 1 leaves in each octave, the finest first: the sum of the squares of the filter that takes the
# image to the octave
WHITE = (0.79352, 0.040266, 0.0073115, 0.0016989)
LEAST_POWER = 0.01  # lower bound of the power of an octave, as a share of its noise power
WINDOW_PX = 15  # side of the window of the local standard deviation, at half the resolution
BUSY = 0.3  # share of the largest local standard deviation (99th percentile) above which a pixel counts as structure
DARK, BRIGHT = 0.005, 0.995  # quantiles of the smoothed image: they ignore hot pixels but not small beads
SAMPLES = 512  # maximum number of pixels per side for a quantile: more take longer and do not change it
SMALLEST_PX = 32  # shorter sides are padded by mirroring, so that the coarsest octave has pixels
TRIMMED = 0.1426  # E[z^2] of a standard normal below its median modulus 0.6745: 1 - 4 * 0.6745 * phi(0.6745)
DIGITISER = 12**-0.5  # standard deviation of rounding noise, in counts: the least noise of an integer image


def measure(image: Image) -> dict[str, float]:
    """Measure one image.

    With g the grey image smoothed by the binomial mask of 5x5, g_p its quantile p, and sigma the standard deviation of the noise:

    - ``light``: g_0.5 divided by the full scale of the type (uint8, uint16), above 0; for floats, which have no full scale,
      (g_0.5 - g_0.005) / (g_0.995 - g_0.005), the level within the image's own range
    - ``contrast``: (g_0.995 - g_0.005) / g_0.5
    - ``noise``: sigma / g_0.5, with sigma from the diagonal detail of the Haar wavelet as in Donoho & Johnstone (Biometrika 1994),
      but from the mean square below the median modulus instead of the median, which jumps for integer images
    - ``focus``: P_2 / (P_2 + P_4), with P_k the power in octave k of a Laplacian pyramid (Burt & Adelson, IEEE Trans. Commun.
      1983) less that of white noise of sigma; P_2 holds periods of about 4 to 8 px. 0 to 1, falls as an image gets blurred.
      Octave 1 is left out, because noise dominates it
    - ``density``: share of the image where the standard deviation within 30 px exceeds 0.3 of the largest; 0 to 1
    - ``polarity``: (g_0.995 - g_0.5) / (g_0.995 - g_0.005), the part of the range that is brighter than the background; near 0 for
      dark objects, near 1 for bright ones
    - ``red`` and ``blue``, for colour images: the mean of that channel divided by the mean of green

    Args:
        image: (H, W) or (H, W, 3), uint8, uint16 or float32. Pixels of a pure colour (a contour that was drawn onto the
            image) are replaced by the mean of their surroundings.
    """
    light, ratios = _without_colour(image)
    light = _padded(light)
    smooth = smoothed(light)
    dark, level, bright = np.quantile(_sampled(smooth), (DARK, 0.5, BRIGHT))
    whole = image.dtype.kind in "ui"
    spread = max(float(bright - dark), 1e-6 * abs(float(level)), 1e-30)
    above = max(float(level - min(dark, 0)), 1e-3 * spread)  # the values of a float image may begin below 0
    sigma = max(white_noise(light), DIGITISER if whole else 1e-6 * spread)
    focus, density = _structure(light, smooth, sigma)
    return {
        "light": above / np.iinfo(image.dtype).max if whole else float(level - dark) / spread,
        "contrast": spread / above,
        "noise": sigma / above,
        "focus": focus,
        "density": density,
        "polarity": min(max(float(bright - level) / spread, 0.0), 1.0),
        **ratios,
    }


def _without_colour(image: Image) -> tuple[FloatArray, dict[str, float]]:
    """Grey image (H, W) float32, and the channel ratios of a colour image."""
    if image.ndim == 2:
        return image.astype(np.float32), {}
    light = image.astype(np.float32)
    if image.dtype.kind in "ui":
        ends = (image == 0) | (image == np.iinfo(image.dtype).max)
        drawn = ends.all(axis=-1) & (image != image[..., :1]).any(axis=-1)
        if drawn.any() and not drawn.all():
            known = ~drawn[..., None]
            near = ndimage.uniform_filter(known.astype(np.float32), (7, 7, 1))
            filled = ndimage.uniform_filter(light * known, (7, 7, 1)) / np.maximum(near, 1e-3)
            light[drawn] = filled[drawn]
    red, green, blue = (max(float(mean), 1e-6) for mean in np.abs(light.mean(axis=(0, 1))))
    return light @ LUMA, {"red": red / green, "blue": blue / green}


def _padded(light: FloatArray) -> FloatArray:
    padding = [(0, max(0, SMALLEST_PX - side)) for side in light.shape]
    return np.pad(light, padding, mode="symmetric") if np.any(padding) else light


def smoothed(light: FloatArray) -> FloatArray:
    """Smooth (H, W) with the mask (1, 4, 6, 4, 1) / 16 in both directions, edges mirrored.

    Sums of neighbours are faster than a filter.
    """
    blurred = np.pad(light, 2, mode="symmetric")
    for _ in range(4):
        blurred = blurred[:-1] + blurred[1:]
    for _ in range(4):
        blurred = blurred[:, :-1] + blurred[:, 1:]
    blurred *= np.float32(1 / 256)
    return blurred


def _sampled(light: FloatArray) -> FloatArray:
    step_y, step_x = (-(-side // SAMPLES) for side in light.shape)
    return light[::step_y, ::step_x]


def white_noise(light: FloatArray) -> float:
    """Standard deviation of the noise of an image (H, W), see :func:`measure`."""
    height, width = (side // 2 * 2 for side in light.shape)
    a, b = light[:height:2, :width:2], light[:height:2, 1:width:2]
    c, d = light[1:height:2, :width:2], light[1:height:2, 1:width:2]
    detail = np.square(a - b - c + d).ravel() / 4
    half = detail.size // 2
    lower = np.partition(detail, half)[: half + 1]
    return float(np.sqrt(lower.mean(dtype=np.float64) / TRIMMED))


def _structure(light: FloatArray, smooth: FloatArray, sigma: float) -> tuple[float, float]:
    """Focus and density, from a Laplacian pyramid: an octave is the image minus the smoothed image, which is then subsampled."""
    powers = []
    for white in WHITE:
        noise = white * sigma**2
        power = float(np.mean(np.square(light - smooth), dtype=np.float64))
        powers.append(max(power - noise, LEAST_POWER * noise))
        light, smooth = smooth[::2, ::2], smoothed(smooth[::2, ::2])
        if len(powers) == 1:
            density = _busy_share(smooth - smooth.mean())  # centred on 0, where the variance is most precise
    return powers[1] / (powers[1] + powers[3]), density


def _busy_share(light: FloatArray) -> float:
    mean = ndimage.uniform_filter(light, WINDOW_PX)
    variance = ndimage.uniform_filter(np.square(light), WINDOW_PX) - np.square(mean)
    return float((variance > BUSY**2 * np.quantile(_sampled(variance), 0.99)).mean())
