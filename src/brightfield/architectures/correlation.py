"""Baseline for tracking: normalised cross-correlation with the profile of the training beads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage, signal
from torch import Tensor

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import Classical, FloatArray
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.errors import BrightfieldError

FITTED = 60  # maximum number of beads to which the profile is fitted: more improve it little
NEAR_A_BEAD = 0.6  # height of the heat map above which a peak is a bead: about one sigma of the map from its centre


class TemplateCorrelation(Classical):
    """The template is the radial profile around all marked beads of the training images, fitted by least squares.

    Beads of a training split may differ too much for one profile (dark and bright cores): if their radial mean, after splines have
    shifted them to pixel centres, correlates better with them, that is the template.

    The correlation coefficient (Lewis 1995) between template and window becomes a probability by logistic regression on the
    peaks of the training images: without it any threshold on the coefficient would be arbitrary.
    """

    template: Tensor
    slope: Tensor
    intercept: Tensor

    def __init__(self, network: params.Correlation, shape: Shape) -> None:
        super().__init__()
        self.side = network.template_px // 2 * 2 + 1
        self.register_buffer("template", torch.zeros(self.side, self.side))
        self.register_buffer("slope", torch.tensor(1.0))
        self.register_buffer("intercept", torch.tensor(0.0))

    def fit(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Fit the radial profile around the peaks of the heat maps (N of (1, H, W)): beads have no preferred direction."""
        found = [
            cut
            for image, target in zip(images, targets, strict=True)
            for cut in self._cuts(image[0].numpy(), target[0].numpy())
        ]
        if not found:
            raise BrightfieldError(
                "No bead of the training split lies far enough inside its frame to learn a template from."
            )
        half = self.side // 2
        centred = np.stack([ndimage.shift(cut, -off[::-1], order=3, mode="nearest") for cut, off in found])
        templates = [_radial_mean(centred.mean(axis=0))]
        few = found[:: max(len(found) // FITTED, 1)]
        try:
            profile, _ = fit_profile(np.stack([cut for cut, _ in few]), half + np.stack([off for _, off in few]))
            templates.append(profile.render((self.side, self.side), (half, half))[0].astype(np.float32))
        except BrightfieldError:
            pass  # the beads have no common profile
        best = max(templates, key=lambda template: _likeness(template, centred))
        self.template.copy_(torch.from_numpy(best))
        self._calibrate(images, targets)

    def _calibrate(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Fit the logistic regression: a peak of the correlation is a bead where the heat map is high."""
        from sklearn.linear_model import LogisticRegression

        coefficients, is_bead = [], []
        for image, target in zip(images, targets, strict=True):
            found = correlate(image[0].numpy(), self.template.numpy())
            peaks = (ndimage.maximum_filter(found, 9) == found) & (found > 0)
            coefficients.append(found[peaks])
            is_bead.append(target[0].numpy()[peaks] > NEAR_A_BEAD)
        x, y = np.concatenate(coefficients), np.concatenate(is_bead)
        if y.all() or not y.any():
            return  # a single class cannot be fitted
        model = LogisticRegression(C=1e3).fit(x[:, None], y)
        self.slope.fill_(float(model.coef_[0, 0]))
        self.intercept.fill_(float(model.intercept_[0]))

    def _cuts(self, image: FloatArray, heat: FloatArray) -> list[tuple[FloatArray, npt.NDArray[np.float64]]]:
        """Windows around marked beads, and the offset of each bead from the middle pixel: x and y in px."""
        half = self.side // 2
        peaks = np.argwhere((ndimage.maximum_filter(heat, 9) == heat) & (heat > 0.5))
        cuts = []
        for y, x in peaks:
            if half <= y < image.shape[0] - half and half <= x < image.shape[1] - half:
                around = heat[y - half : y + half + 1, x - half : x + half + 1]
                dy, dx = np.array(ndimage.center_of_mass(around * (around > 0.2))) - half
                cut = image[y - half : y + half + 1, x - half : x + half + 1]
                cuts.append((cut, np.array([dx, dy])))
        return cuts

    def answer(self, image: FloatArray) -> FloatArray:
        """The logit of a bead at each pixel, (1, H, W)."""
        found = correlate(image[0], self.template.numpy())
        return np.asarray(float(self.slope) * found + float(self.intercept), dtype=np.float32)[None]


def correlate(image: FloatArray, template: FloatArray) -> FloatArray:
    """Correlation coefficient in [-1, 1] of the template (odd sides) with the window around every pixel, (H, W)."""
    kernel = template - template.mean()
    norm = float(np.sqrt((kernel**2).sum()))
    if norm == 0:
        return np.zeros_like(image)
    half = template.shape[0] // 2
    padded = np.pad(image, half, mode="reflect" if min(image.shape) > half else "symmetric")
    product = signal.fftconvolve(padded, kernel[::-1, ::-1], mode="valid")
    mean = ndimage.uniform_filter(padded.astype(np.float64), template.shape)[half:-half, half:-half]
    square = ndimage.uniform_filter(padded.astype(np.float64) ** 2, template.shape)[half:-half, half:-half]
    spread = np.sqrt(np.maximum(square - mean**2, 1e-6) * template.size)
    return np.asarray(product / (spread * norm), dtype=np.float32)


def _likeness(template: FloatArray, windows: FloatArray) -> float:
    """The mean correlation coefficient of a template (H, W) with windows (N, H, W)."""
    kernel = (template - template.mean()).ravel()
    rest = (windows - windows.mean(axis=(1, 2), keepdims=True)).reshape(len(windows), -1)
    norm = np.linalg.norm(kernel) * np.linalg.norm(rest, axis=1)
    return float(np.mean(rest @ kernel / np.maximum(norm, 1e-12)))


def _radial_mean(template: FloatArray) -> FloatArray:
    half = template.shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    radius = np.hypot(y, x)
    bins = np.arange(half + 2)
    profile = ndimage.mean(template, np.rint(radius).astype(int), bins[:-1])
    return np.asarray(np.interp(radius, bins[:-1], profile), dtype=np.float32)
