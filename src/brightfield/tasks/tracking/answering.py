"""From heat maps to positions, to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from brightfield import images, params
from brightfield.beads.localisation.hybrid import refine_frames
from brightfield.results import Points
from brightfield.tasks import foreign
from brightfield.tasks.answering import Answering, Look
from brightfield.tasks.doubts import Doubts
from brightfield.tasks.samples import Encoded
from brightfield.tasks.tracking import agreement, hybrid, magnifying
from brightfield.tasks.tracking.heat import heat_map
from brightfield.tasks.tracking.hybrid import ALONE, HEAT

HALF_WINDOW_PX = 3  # half-width of the window of the sub-pixel fit around a peak

RADIUS = "radius"  # the guarantee


class TrackingAnswering(Answering[params.TrackingSettings, Points]):
    """Decodes positions: the peaks of the heat map, fitted to a fraction of a pixel."""

    magnifiable: ClassVar[bool] = True
    magnified_by_pixel_size: ClassVar[bool] = False
    measured: ClassVar[str | None] = "beads"
    by_width: ClassVar[bool] = False
    doubts: ClassVar[Doubts | None] = agreement.DOUBTS

    def activate(self, output: Tensor) -> Tensor:
        """Convert logits to a heat map in [0, 1]; a hybrid network also has the transmission."""
        return hybrid.activate(output) if self.settings.hybrid else torch.sigmoid(output)

    def foreign(self, folder: Path, names: Sequence[str]) -> list[Points]:
        """A table with columns image, x and y in px, (0, 0) the centre of the first pixel; an image without beads has no row."""
        table = foreign.table(folder, ("x", "y"), names)
        return [Points.exact(table.loc[table["image"] == name, ["x", "y"]].to_numpy(np.float64)) for name in names]

    def ideal(self, truth: Points, encoded: Encoded) -> npt.NDArray[np.float32]:
        """The heat map of the true positions; the transmission of a hybrid network is not known."""
        heat = heat_map(truth.positions, encoded.shape, self.settings.heat_sigma_px)
        return np.stack([heat, np.full_like(heat, np.nan)]) if self.settings.hybrid else heat[None]

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Points:
        """The beads of :meth:`decode_fast`; with ``refine`` fitted to the image itself, with standard errors."""
        return self.decode_all([activated], [encoded])[0]

    def decode_all(self, activated: Sequence[npt.NDArray[np.float32]], encoded: Sequence[Encoded]) -> list[Points]:
        """:meth:`decode` for each image; beads are refined on all cores, with a progress bar."""
        found = [self.decode_fast(a, e) for a, e in zip(activated, encoded, strict=True)]
        if not self.settings.refine:
            return found
        # in the units of the camera, as the fit needs the product of transmissions and the photon noise
        frames = [one.tensor[0].numpy().astype(np.float64) * one.std + one.mean for one in encoded]
        refined = refine_frames(
            frames, [points.positions for points in found], camera_offset=self.settings.camera_offset
        )
        return [
            Points(positions, points.quality, errors)
            for points, (positions, errors) in zip(found, refined, strict=True)
        ]

    def decode_fast(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Points:
        """Peaks of the heat map (1, H, W), each fitted in its window; quality is the height of the peak.

        For a hybrid network (2, H, W), centres of symmetry in the transmission of the beads, near those peaks.
        """
        del encoded
        heat = activated[HEAT]
        size = 2 * int(self.settings.separation_px / 2) + 1
        peaks = np.argwhere((ndimage.maximum_filter(heat, size) == heat) & (heat >= self.settings.threshold))
        positions = [_gaussian_centre(heat, int(y), int(x)) for y, x in peaks]
        quality = np.clip([heat[y, x] for y, x in peaks], 0, 1)
        points = _apart(np.array(positions).reshape(-1, 2), quality.astype(np.float64), self.settings.separation_px)
        if not self.settings.hybrid:
            return points
        return Points(hybrid.centres(activated[ALONE], points.positions), points.quality)

    def magnification(self, shown: Sequence[images.Image], look: Look) -> float | None:
        """By the agreement of the model with itself, see :mod:`brightfield.tasks.tracking.magnifying`."""

        def agree(frame: images.Image) -> float:
            ((output, encoded),) = look([frame])
            ((agreement,),) = self.agreements([self.decode_fast(output, encoded)], [output], [frame], look)
            return agreement

        return magnifying.factor(shown, agree)

    def to_original_scale(self, answer: Points, shape: tuple[int, int], seen: tuple[int, int]) -> Points:
        """Positions, errors and radii in the pixels of the image; (0, 0) is the centre of the first pixel in both."""
        scale = np.array([shape[1] / seen[1], shape[0] / seen[0]])
        errors = None if answer.errors is None else answer.errors * scale
        radius = None if answer.radius is None else answer.radius * scale.max()
        return Points((answer.positions + 0.5) * scale - 0.5, answer.quality, errors, radius)

    def guaranteed(self, answer: Points, limits: Mapping[str, float]) -> Points:
        """With a radius a bead."""
        if RADIUS not in limits:
            return answer
        return replace(answer, radius=limits[RADIUS] * uncertainty(answer, self.settings))

    def agreements(
        self,
        answers: Sequence[Points],
        activated: Sequence[npt.NDArray[np.float32]],
        shown: Sequence[images.Image],
        look: Look,
    ) -> list[tuple[float, ...]]:
        """Of the beads in a part of each frame, see :mod:`brightfield.tasks.tracking.agreement`."""
        del activated

        def find(part: images.Image) -> npt.NDArray[np.float64]:
            ((output, encoded),) = look([part])
            return self.decode_fast(output, encoded).positions

        frames = zip(answers, shown, strict=True)
        return [(agreement.of_frame(each, image, find, self.settings.tolerance_px),) for each, image in frames]


def uncertainty(answer: Points, settings: params.TrackingSettings) -> npt.NDArray[np.float64]:
    """What the error of each bead is compared with, (N,) in px: its standard errors of x and y, added in quadrature.

    Where they are not known or zero, it is the tolerance of a match: some number of pixels that is the same for all such beads.
    """
    alike = np.full(len(answer.positions), settings.tolerance_px, dtype=np.float64)
    if answer.errors is None:
        return alike
    combined = np.hypot(*answer.errors.T)
    return np.where(np.isfinite(combined) & (combined > 0), combined, alike)


def _gaussian_centre(heat: npt.NDArray[np.float32], y: int, x: int) -> tuple[float, float]:
    """The centre (x, y) of a Gaussian through the window around a peak.

    A parabola is fitted to the logarithm by least squares, weighted with the squared height because noise in the logarithm grows as
    1 / height (Guo 2011, IEEE Signal Processing Magazine 28, 134). Where that fails, the centroid is returned.
    """
    top, left = max(0, y - HALF_WINDOW_PX), max(0, x - HALF_WINDOW_PX)
    window = heat[top : y + HALF_WINDOW_PX + 1, left : x + HALF_WINDOW_PX + 1].astype(np.float64)
    dy, dx = np.mgrid[: window.shape[0], : window.shape[1]].reshape(2, -1) + np.array([[top - y], [left - x]])
    weight = np.maximum(window.ravel(), 1e-3)
    design = np.stack([np.ones_like(weight), dx, dy, dx**2 + dy**2], axis=1)
    _, bx, by, curvature = np.linalg.lstsq(design * weight[:, None], weight * np.log(weight), rcond=None)[0]
    if curvature < 0:
        ox, oy = -bx / (2 * curvature), -by / (2 * curvature)
        if max(abs(ox), abs(oy)) <= 1.0:  # the centre must be near the highest pixel
            return x + ox, y + oy
    return x + float(np.average(dx, weights=weight)), y + float(np.average(dy, weights=weight))


def _apart(positions: npt.NDArray[np.float64], quality: npt.NDArray[np.float64], separation: float) -> Points:
    """Remove positions closer than ``separation`` to one of higher quality."""
    chosen: list[int] = []
    for i in np.argsort(-quality, kind="stable"):
        if all(np.hypot(*(positions[i] - positions[j])) >= separation for j in chosen):
            chosen.append(int(i))
    chosen.sort()
    return Points(positions[chosen], quality[chosen])
