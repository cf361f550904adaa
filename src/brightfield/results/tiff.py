"""TIFF files of answers, for Fiji and napari."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.system.files import atomic_file


def write_tiff(path: Path, array: npt.NDArray[Any], pixel_size_um: float) -> None:
    """Write an array (H, W) with its pixel size, in ImageJ's format, which shows micrometres, if that has the type."""
    import tifffile

    with atomic_file(path) as partial:
        if array.dtype == np.int32:  # ImageJ's own format has no such type
            images.write_tiff(partial, array, pixel_size_um=pixel_size_um)
        else:
            per_um = 1 / pixel_size_um
            metadata = {"unit": "um", "axes": "YX"}
            tifffile.imwrite(
                partial, array, imagej=True, resolution=(per_um, per_um), metadata=metadata, compression="zlib"
            )
