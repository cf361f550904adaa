"""Moves of a batch: images and what has a place in them together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield.data.augmenting.drawing import like, some
from brightfield.images import symmetry
from brightfield.system import environment

Places = Tensor | None  # (N, K, H, W), what moves with the images (N, C, H, W); None where targets have no place
Move = Callable[[Tensor, Places, np.random.Generator], tuple[Tensor, Places]]


def flip() -> Move:
    """One of the eight flips and quarter turns of a square; of a rectangle, one of the four that leave its shape."""

    def move(images: Tensor, places: Places, rng: np.random.Generator) -> tuple[Tensor, Places]:
        views = rng.integers(symmetry.VIEWS, size=len(images))
        if images.shape[-2] != images.shape[-1]:
            views -= views % 2
        return turned(images, views), None if places is None else turned(places, views)

    return move


def turned(images: Tensor, views: npt.NDArray[np.int64]) -> Tensor:
    """Apply a view of :mod:`brightfield.images.symmetry` to each image of (N, ..., H, W), all images of one view at once."""
    by_view = []
    for view in np.unique(views):
        of_view = images[torch.from_numpy(np.flatnonzero(views == view)).to(images.device)]
        quarter = torch.rot90(of_view, int(view) % 4, (-2, -1))
        by_view.append(quarter if view < 4 else quarter.flip(-1))
    place = np.argsort(np.argsort(views, kind="stable"))  # of each image among those ordered by view
    return torch.cat(by_view)[torch.from_numpy(place).to(images.device)]


def rotate() -> Move:
    """A rotation by any angle, half of the time, mirrored at the border."""
    on_processor = _albumentations()  # loaded here, once, and not by every process that prepares batches

    def move(images: Tensor, places: Places, rng: np.random.Generator) -> tuple[Tensor, Places]:
        chosen, angles = some(rng, len(images), 0.5), rng.uniform(-180, 180, len(images))
        images, places = images.clone(), None if places is None else places.clone()
        if images.device.type == "cpu":
            for i in chosen:
                on_processor(images[i], None if places is None else places[i], angles[i])
        elif len(chosen):
            where = torch.from_numpy(chosen).to(images.device)
            images[where] = rotated(images[where], angles[chosen], "bilinear")
            if places is not None:
                places[where] = rotated(places[where].float(), angles[chosen], "nearest").to(places.dtype)
        return images, places

    return move


def _albumentations() -> Callable[[Tensor, Tensor | None, float], None]:
    """A rotation in place of one image (C, H, W) and its places (K, H, W), by OpenCV: on a processor several times faster."""
    environment.set_defaults()
    import albumentations
    import cv2

    rotation = albumentations.Rotate(limit=180, border_mode=cv2.BORDER_REFLECT, p=1)
    compose = albumentations.Compose([rotation])

    def rotate(image: Tensor, places: Tensor | None, angle: float) -> None:
        rotation.limit = (angle, angle)
        given = {"image": image.numpy().transpose(1, 2, 0)}
        if places is not None:
            # OpenCV does not support the 64-bit integers of classes
            small = places.to(torch.int16) if places.dtype == torch.int64 else places
            given["mask"] = small.numpy().transpose(1, 2, 0)
        moved = compose(**given)
        image.copy_(torch.from_numpy(moved["image"].transpose(2, 0, 1)))
        if places is not None:
            places.copy_(torch.from_numpy(moved["mask"].transpose(2, 0, 1)))

    return rotate


def rotated(images: Tensor, degrees: npt.NDArray[np.float64], mode: str) -> Tensor:
    """Rotate images (N, C, H, W) counter-clockwise about their middles, on any device; the border is mirrored.

    Args:
        images: float32.
        degrees: (N,).
        mode: of interpolation, ``bilinear`` or ``nearest``.
    """
    height, width = images.shape[-2:]
    y, x = (torch.arange(side, device=images.device) - (side - 1) / 2 for side in (height, width))
    cosine, sine = (like(images, function(np.radians(degrees)))[..., 0] for function in (np.cos, np.sin))
    from_x, from_y = cosine * x - sine * y[:, None], sine * x + cosine * y[:, None]
    grid = torch.stack([from_x * 2 / width, from_y * 2 / height], dim=-1)
    return F.grid_sample(images, grid, mode, padding_mode="reflection", align_corners=False)


GEOMETRY: dict[str, Callable[[], Move]] = {"flip": flip, "rotate": rotate}
