"""Pixel size and times from the header of a TIFF: OME, ImageJ, Micro-Manager, or its resolution."""

from __future__ import annotations

import re
from typing import Any

from brightfield.images import pixel_size
from brightfield.images.formats.source import Header, times_at

_INCH, _CENTIMETRE = 2, 3  # values of TIFF's ResolutionUnit
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\s([^>]*)>")
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MICRO_MANAGER = 51123  # tag of a page with Micro-Manager's metadata as JSON
_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "msec": 1e-3, "µs": 1e-6, "us": 1e-6, "min": 60.0, "h": 3600.0}


def read(tiff: Any, count: int, notes: tuple[str, ...], in_depth: bool = False) -> Header:
    """The header of an open file of ``count`` frames; ``in_depth``: they are planes of one moment, so that they have no times."""
    width_um, height_um, largest_um = _sizes(tiff)
    if width_um is not None and height_um is not None and not pixel_size.is_square(width_um, height_um):
        notes = (*notes, f"its pixels are {width_um:g} x {height_um:g} um, not square: their size was not used")
    interval = _interval_s(tiff)
    times = () if interval is None or count < 2 else times_at(interval, count)
    shown_hz = _number((tiff.imagej_metadata or {}).get("fps", 0))
    if count > 1 and not times and shown_hz > 0:
        notes = (
            *notes,
            f"its {shown_hz:g} frames per second may be the speed at which ImageJ shows it: they were not used",
        )
    if times and in_depth:
        times, notes = (
            (),
            (*notes, f"its frames are planes of depth (Z): the {interval:g} s between frames were not used"),
        )
    return Header(pixel_size.plausible(width_um, height_um, largest_um), times, notes)


def _sizes(tiff: Any) -> tuple[float | None, float | None, float]:
    """Width and height of a pixel in micrometres, and the largest that is plausible for such a statement."""
    most = pixel_size.PLAUSIBLE_UM[1]
    if tiff.ome_metadata and (ome := _ome(tiff)):
        sides = [
            pixel_size.in_micrometres(_number(ome[name]), ome.get(f"{name}Unit", "um")) if name in ome else None
            for name in ("PhysicalSizeX", "PhysicalSizeY")
        ]
        if sides[0] is not None:
            return sides[0], sides[1], most
    if (micro_manager := _micro_manager(tiff)) is not None:
        return micro_manager, None, most
    tags = tiff.pages[0].tags
    if "XResolution" not in tags:
        return None, None, most
    across = _ratio(tags["XResolution"].value)
    down = _ratio(tags["YResolution"].value) if "YResolution" in tags else across
    if across is None or down is None:
        return None, None, most
    unit = (tiff.imagej_metadata or {}).get("unit")
    if unit is not None and (factor := pixel_size.micrometres(str(unit))) is not None:
        return factor / across, factor / down, most
    named = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else _INCH
    if named == _CENTIMETRE:
        return pixel_size.CENTIMETRE_UM / across, pixel_size.CENTIMETRE_UM / down, most
    if named == _INCH:
        return pixel_size.INCH_UM / across, pixel_size.INCH_UM / down, pixel_size.FINEST_PRINT_UM
    return None, None, most


def _ome(tiff: Any) -> dict[str, str]:
    """The attributes of the first image's pixels in OME-XML."""
    found = _PIXELS.search(_COMMENT.sub("", tiff.ome_metadata))
    return {name: one or other for name, one, other in _ATTRIBUTE.findall(found[1])} if found else {}


def _micro_manager(tiff: Any) -> float | None:
    """Micro-Manager's pixel size in micrometres; None where it does not know it, which it writes as 0."""
    page = tiff.pages[0].tags.get(_MICRO_MANAGER)
    found = page.value.get("PixelSizeUm") if page is not None and isinstance(page.value, dict) else None
    if not found and tiff.is_micromanager:
        summary = (tiff.micromanager_metadata or {}).get("Summary") or {}
        found = summary.get("PixelSize_um")
    return _number(found) or None if found else None


def _interval_s(tiff: Any) -> float | None:
    """Seconds between frames, from OME, ImageJ or Micro-Manager."""
    if tiff.ome_metadata and "TimeIncrement" in (ome := _ome(tiff)):
        return _number(ome["TimeIncrement"]) * _SECONDS.get(ome.get("TimeIncrementUnit", "s"), 0.0)
    imagej = tiff.imagej_metadata or {}
    if _number(imagej.get("finterval", 0)) > 0:
        return _number(imagej["finterval"]) * _SECONDS.get(str(imagej.get("tunit", "s")), 0.0)
    if tiff.is_micromanager:
        summary = (tiff.micromanager_metadata or {}).get("Summary") or {}
        return _number(summary.get("Interval_ms", 0)) / 1000 or None
    return None


def _ratio(value: Any) -> float | None:
    above, below = value
    return above / below if above and below else None


def _number(value: Any) -> float:
    """A number, or 0 for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
