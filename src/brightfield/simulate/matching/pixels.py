"""The pixel size in the metadata of a TIFF file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

CENTIMETRE = 3  # TIFF's ResolutionUnit; inches are ignored, as they are a setting for printers
MICRONS = {"micron", "um", "µm", "μm", "\\u00B5m"}
PLAUSIBLE_UM = (0.005, 20.0)  # smallest and largest accepted pixel size
OME_SIZE = re.compile(r'PhysicalSizeX="([0-9.eE+-]+)"')
OME_UNIT = re.compile(r'PhysicalSizeXUnit="([^"]+)"')


def pixel_size_um(path: Path) -> float | None:
    """The pixel size from OME-XML, ImageJ or the resolution of a TIFF; None for other files, and without a plausible value."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return None
    import tifffile

    try:
        with tifffile.TiffFile(path, _multifile=False) as tiff:
            found = _ome(tiff.ome_metadata) if tiff.ome_metadata else _resolution(tiff)
    except Exception:  # errors of the file are reported where its pixels are read
        return None
    return found if found is not None and PLAUSIBLE_UM[0] <= found <= PLAUSIBLE_UM[1] else None


def _ome(description: str) -> float | None:
    size, unit = OME_SIZE.search(description), OME_UNIT.search(description)
    if size is None or (unit is not None and unit[1] not in MICRONS):  # microns are OME's default
        return None
    return float(size[1])


def _resolution(tiff: Any) -> float | None:
    tags = tiff.pages[0].tags
    if "XResolution" not in tags:
        return None
    pixels, units = tags["XResolution"].value
    if not pixels:
        return None
    if (tiff.imagej_metadata or {}).get("unit") in MICRONS:
        return float(units / pixels)
    unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else None
    return float(1e4 * units / pixels) if unit == CENTIMETRE else None
