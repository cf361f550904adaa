"""Write images in common formats."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from brightfield.images.arrays import Image


def write_tiff(path: Path, image: Image, *, pixel_size_um: float | None = None) -> None:
    """Write (H, W), (H, W, 3) or a stack (T, H, W), losslessly compressed; the pixel size is stored as the resolution."""
    import tifffile

    rgb = image.ndim >= 3 and image.shape[-1] == 3
    axes = {2: "YX", 3: "YXS" if rgb else "TYX", 4: "TYXS"}[image.ndim]
    resolution: dict[str, Any] = {}
    if pixel_size_um is not None:
        per_cm = 1e4 / pixel_size_um
        resolution = {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    photometric = "rgb" if rgb else "minisblack"
    tifffile.imwrite(path, image, photometric=photometric, compression="zlib", metadata={"axes": axes}, **resolution)


def as_png(image: Image) -> bytes:
    """The content of the file that :func:`write_png` makes."""
    target = io.BytesIO()
    _save(image, target)
    return target.getvalue()


def write_png(path: Path, image: Image) -> None:
    """Write (H, W) uint8 or uint16, or (H, W, 3) uint8."""
    _save(image, path)


def _save(image: Image, target: Path | io.BytesIO) -> None:
    import PIL.Image

    if image.dtype != np.uint8 and not (image.dtype == np.uint16 and image.ndim == 2):
        raise ValueError(f"expected uint8 or grey uint16 for a PNG, got {image.dtype} of shape {image.shape}")
    # the lowest level is several times faster, and the files are little larger
    PIL.Image.fromarray(np.ascontiguousarray(image)).save(target, format="PNG", compress_level=1)
