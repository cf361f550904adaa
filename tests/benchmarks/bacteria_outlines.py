"""Do image and instance map show a cell in the same place? One rod, at twelve places within a pixel."""

from __future__ import annotations

from unittest import mock

import numpy as np
import numpy.typing as npt
from claims import Claim

from brightfield.simulate.bacteria import imaging
from brightfield.simulate.bacteria.imaging import Focus, transmitted_light
from brightfield.simulate.bacteria.placement import Rod
from brightfield.simulate.bacteria.rendering import Scene, scene_of

PIXEL_UM, SIZE_PX = 0.065, 96
RADIUS_UM, AXIS_UM, ANGLE = 0.47, 1.6, 0.5
AIM_PX = 0.1
CLEAN = {
    "GRANULES": 0.0,
    "SPECKS_PER_UM2": 0.0,
    "BACKGROUND_PHASE": dict.fromkeys(imaging.BACKGROUND_PHASE, (0.0, 0.0)),
}
PLACES = [(48 + y, 47 + x) for y in (0.0, 0.25, 0.5, 0.75) for x in (0.0, 0.3, 0.6)]  # row and column, px


def rows() -> list[Claim]:
    """Centres of the contrast in the image, and how far the edge of the mask lies from that of the rod."""
    scenes = [_rod(*place) for place in PLACES]
    found = []
    for modality in ("phase", "brightfield"):
        with mock.patch.multiple(imaging, **CLEAN):
            errors = [_image_error(scene, modality, place) for scene, place in zip(scenes, PLACES, strict=True)]
        found.append(Claim(f"{modality}: centre of the image of a rod, largest error", max(errors), "px", aim=AIM_PX))
    area = (2 * RADIUS_UM * AXIS_UM + np.pi * RADIUS_UM**2) / PIXEL_UM**2
    perimeter = (2 * AXIS_UM + 2 * np.pi * RADIUS_UM) / PIXEL_UM
    wide = [abs(float((scene.labels > 0).sum()) - area) / perimeter for scene in scenes]
    centres = [
        np.hypot(*np.subtract(_centre(scene.labels > 0), place)) for scene, place in zip(scenes, PLACES, strict=True)
    ]
    return [
        *found,
        Claim(
            "mask: distance of its edge from that of the rod, mean around the cell, largest",
            max(wide),
            "px",
            aim=AIM_PX,
        ),
        Claim("mask: distance of its centre from that of the rod, largest", max(centres), "px", aim=AIM_PX),
        Claim(
            "mask: distance of its centre from that of the rod, root mean square",
            float(np.sqrt(np.mean(np.square(centres)))),
            "px",
            aim=AIM_PX,
        ),
    ]


def _rod(row: float, column: float) -> Scene:
    along = np.array([-0.5, 0.0, 0.5])[:, None] * AXIS_UM
    axis = np.array([column, row]) * PIXEL_UM + along * [np.cos(ANGLE), np.sin(ANGLE)]
    return scene_of([Rod(2, RADIUS_UM, axis)], SIZE_PX, PIXEL_UM)


def _image_error(scene: Scene, modality: str, place: tuple[float, float]) -> float:
    light = transmitted_light(scene, modality, Focus(0.0, 0.0), PIXEL_UM, np.random.default_rng(0))
    contrast = (light - 1) * np.sign(light[48, 47] - 1)
    inner = np.clip(contrast - 0.5 * contrast.max(), 0, None)  # without halo and fringes
    return float(np.hypot(*np.subtract(_centre(inner), place)))


def _centre(weight: npt.NDArray[np.generic]) -> tuple[float, float]:
    y, x = np.indices(weight.shape)
    return float((weight * y).sum() / weight.sum()), float((weight * x).sum() / weight.sum())
