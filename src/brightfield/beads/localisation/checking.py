"""Check of an answer against its frames: the light that the positions explain, and what is left over the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from brightfield import images
from brightfield.beads.localisation.fitting import MIXED_DIFFERENCES
from brightfield.beads.localisation.frames import Located, Locator
from brightfield.beads.localisation.noise import ROBUST

Real = npt.NDArray[np.float64]
LOW_QUALITY = 0.75  # a position whose bead explains less than half of its pixels' variance (0.75 squared) may be none
LITTLE_EXPLAINED = 0.5  # share of the light below which positions may be wrong,
MUCH_LEFT = 2.0  # where the residual exceeds the noise by this factor in variance,
MOST = 0.5  # and more than this share of them has a low quality, and another one near
NEAR = 2.5  # distance of near positions over the radius that holds 90% of what is known of a position


@dataclass(frozen=True)
class Check:
    """Sums over the pixels and the positions of the frames checked.

    Attributes:
        frames: number of frames.
        positions: number of positions.
        low: number of positions of low quality.
        near: number of positions with another one so near that their beads overlap, or are parts of one thing.
        pixels: number of pixels.
        parameters: number of parameters fitted: the coefficients of the profiles, and four for each position.
        before: squared deviations of the pixels from a smooth background.
        after: the same of the residual, with all beads subtracted.
        noise: the same of the noise of pixels alone, from differences between neighbours.
    """

    frames: int
    positions: int
    low: int
    near: int
    pixels: int
    parameters: int
    before: float
    after: float
    noise: float

    def __add__(self, other: Check) -> Check:
        """The check of the frames of both, by the same profiles."""
        return Check(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def explained(self) -> float:
        """The share of the light above the noise that the positions explain; nan where there is no such light."""
        light = self.before - self.noise
        return 1 - max(self.after - self.noise, 0.0) / light if light > 0 else float("nan")

    @property
    def chi_square(self) -> float:
        """The residual over the noise, in variance: 1 where the positions explain all but the noise."""
        return self.after / max(self.noise, 1e-30)

    @property
    def criterion(self) -> float:
        """Bayesian information criterion at an unknown variance of the residual: of two answers the smaller one is better."""
        mean = max(self.after, 1e-9 * self.before, 1e-30) / self.pixels
        return float(self.pixels * np.log(mean) + self.parameters * np.log(self.pixels))

    @property
    def without_beads(self) -> float:
        """The criterion of an answer without any position."""
        return float(self.pixels * np.log(max(self.before, 1e-30) / self.pixels))

    @property
    def implausible(self) -> bool:
        """Whether most positions are near others and explain little of their pixels, and all of them little of the light."""
        poor = min(self.low, self.near) > MOST * self.positions
        return poor and self.explained < LITTLE_EXPLAINED and self.chi_square > MUCH_LEFT

    def __str__(self) -> str:
        if not np.isfinite(self.explained):
            return f"There is no light above noise in {self.frames} frames checked"
        return (
            f"The positions explain {100 * max(self.explained, 0.0):.0f}% of the light above noise; "
            f"chi-square {self.chi_square:.2f} ({self.frames} frames checked)"
        )


def check(frames: Sequence[npt.NDArray[Any]], locator: Locator, located: Sequence[Located]) -> Check:
    """Check the beads found in some frames, (H, W) each, against their pixels."""
    before, after, noise = 0.0, 0.0, 0.0
    for frame, found in zip(frames, located, strict=True):
        pixels = frame.astype(np.float32)
        rest = locator.residual(pixels, found.beads) if len(found.positions) else pixels
        before += float((images.above_background(pixels) ** 2).sum())
        after += float((images.above_background(rest) ** 2).sum())
        noise += white_variance(rest) * frame.size
    positions = sum(len(found.positions) for found in located)
    reach = NEAR * max(profile.extent(0.9) for profile in locator.profiles)
    return Check(
        frames=len(frames),
        positions=positions,
        low=sum(int((found.quality < LOW_QUALITY).sum()) for found in located),
        near=sum(_count_near(found.positions, reach) for found in located),
        pixels=sum(frame.size for frame in frames),
        parameters=4 * positions + sum(len(profile.coefficients) for profile in locator.profiles),
        before=before,
        after=after,
        noise=noise,
    )


def _count_near(positions: Real, reach: float) -> int:
    """The number of positions (N, 2) with another one nearer than ``reach`` px."""
    if len(positions) < 2:
        return 0
    return int((cKDTree(positions).query(positions, k=2)[0][:, 1] < reach).sum())


def white_variance(pixels: npt.NDArray[Any]) -> float:
    """The variance of white noise in an image (H, W), from mixed second differences without outliers."""
    fine = ndimage.convolve(pixels.astype(np.float32), MIXED_DIFFERENCES.astype(np.float32), mode="nearest")
    size = np.abs(fine)
    limit = 4 * ROBUST * float(np.median(size[::2, ::2]))
    kept = fine[size <= limit] if limit > 0 else fine.ravel()
    return float(np.mean(np.square(kept, dtype=np.float64)))
