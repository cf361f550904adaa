"""How much of the noise of an image a restored one still has, without the clean one: Stein's unbiased estimate, by a second answer.

The estimate (Stein, Annals of Statistics 1981) of the mean squared error is that of what was removed, less the variance of the
noise, plus twice the divergence of the method, each pixel times its variance. The divergence follows from a second answer to the
image with a little more noise (Ramani, Blu and Unser, IEEE TIP 2008). It holds where the noise is independent between pixels and
its variance is known. Two checks of what was removed correct it where that is not so: more than the noise means that the noise was
estimated too low, and correlation between neighbours means that structure was removed, or that noise is left.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.architectures.stabilising import CameraNoise
from brightfield.metrics import restoration
from brightfield.tasks.doubts import Doubts

Real = npt.NDArray[np.float64]
Restore = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

SIDE_PX = (
    256  # of the part of an image that is answered twice: its 65,000 pixels tell the divergence to a few thousandths
)
PROBE = 0.1  # standard deviation of the noise that is added, in standard deviations of the noise that is there
LEAST, MOST = 0.1, 2.0  # bounds of the share of noise that is left, by Stein's estimate
# Exponents of that share, of how many times as much was removed as there is noise, and of the correlation of neighbours in it: a
# least-squares fit of the logarithm of the true share. From 8 images of nuclei (BBBC039) and 2 of 4 confocal fields (FMD) with 17
# kinds of noise by two methods, a network that had seen simulations only and non-local means; so are the other two fields answered.
SHARE, TOO_MUCH, CORRELATED = 1.11, -1.6, 0.44

# agreement is 1 less the share that is left; the median of the true share was within 0.15 of the expected one
DOUBTS = Doubts(
    agreement=(0.0, 1.0),
    error=(1.0, 0.0),
    limit=0.55,
    measure="the share of the noise that is left",
)


def of_image(noisy: images.Image, restored: images.Image, restore: Restore) -> float:
    """One less the share of the noise that is expected to be left in a restored image (root mean square), 0 to 1.

    Args:
        noisy: (H, W).
        restored: (H, W), the answer.
        restore: the model, from an image (H, W) to the restored one.
    """
    window = images.busiest(noisy, SIDE_PX)
    image, answer = noisy[window].astype(np.float32), restored[window].astype(np.float64)
    camera = CameraNoise.of(image)
    floor = 1e-6 * max(float(image.var()), 1e-12)
    variance = np.maximum(camera.slope * answer + camera.dark, floor)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], image.shape)
    added = PROBE * np.sqrt(variance)
    again = restore((image + added * signs).astype(np.float32)).astype(np.float64)
    return 1 - min(1.0, share_left(image - answer, variance, variance * signs * (again - answer) / added))


def share_left(removed: Real, variance: Real, divergence: Real) -> float:
    """The share of the noise that is left in a restored image, as a root mean square.

    Args:
        removed: (H, W), the noisy image less the restored one.
        variance: (H, W), of the noise.
        divergence: (H, W), the derivative of the restored pixel by its noisy one, times its variance.
    """
    noise, power = float(variance.mean()), float(np.mean(removed**2))
    squared = (power - noise + 2 * float(divergence.mean())) / noise
    stein = float(np.clip(np.sqrt(max(squared, 0.0)), LEAST, MOST))
    too_much = float(np.clip(np.log(max(float(removed.std()), 1e-30) / np.sqrt(noise)), 0.0, 1.0))
    correlation = max(0.0, float(np.nan_to_num(restoration.neighbour_correlation(removed))))
    return float(stein**SHARE * np.exp(TOO_MUCH * too_much + CORRELATED * correlation))
