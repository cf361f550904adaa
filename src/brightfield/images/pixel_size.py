"""The pixel size that a file states, in any unit, in micrometres."""

from __future__ import annotations

import html
import math

INCH_UM = 25_400.0
CENTIMETRE_UM = 10_000.0
UNITS_UM = {  # a unit, as OME, ImageJ, Micro-Manager and TrackMate write it, in lower case -> micrometres
    "pm": 1e-6, "picometer": 1e-6, "picometre": 1e-6,
    "å": 1e-4, "angstrom": 1e-4,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3, "nanometers": 1e-3, "nanometres": 1e-3,
    "um": 1.0, "µm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "micrometers": 1.0, "micrometres": 1.0,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": CENTIMETRE_UM, "centimeter": CENTIMETRE_UM, "centimetre": CENTIMETRE_UM,
    "m": 1e6, "meter": 1e6, "metre": 1e6,
    "in": INCH_UM, "inch": INCH_UM, "inches": INCH_UM,
}  # fmt: skip
PLAUSIBLE_UM = (0.005, 20.0)  # smallest and largest pixel of a light microscope that is accepted
FINEST_PRINT_UM = (
    5.0  # resolutions without a microscope's unit are for printers where pixels are larger: 5,080 dots per inch
)
SQUARE = 0.01  # relative difference of width and height up to which pixels are square


def micrometres(unit: str) -> float | None:
    """A unit of length in micrometres; None for an unknown one, and for pixels."""
    plain = html.unescape(unit).replace("\\u00B5", "µ").replace("\u03bc", "µ").replace("\u212b", "Å").strip(" ()\t")
    return UNITS_UM.get(plain.lower())


def in_micrometres(size: float, unit: str) -> float | None:
    """A length in micrometres; None for an unknown unit."""
    factor = micrometres(unit)
    return None if factor is None else size * factor


def plausible(width_um: float | None, height_um: float | None, largest_um: float = PLAUSIBLE_UM[1]) -> float | None:
    """The pixel size from the width and height of a pixel; None for an implausible one, and where pixels are not square.

    Args:
        width_um: width of a pixel.
        height_um: its height; None: as the width.
        largest_um: the largest plausible pixel.
    """
    height_um = width_um if height_um is None else height_um
    if width_um is None or height_um is None or not math.isfinite(width_um) or not math.isfinite(height_um):
        return None
    fits = PLAUSIBLE_UM[0] <= width_um <= largest_um
    return width_um if fits and is_square(width_um, height_um) else None


def is_square(width_um: float, height_um: float) -> bool:
    """Whether a pixel is as wide as it is high, apart from rounding."""
    return abs(width_um - height_um) <= SQUARE * max(width_um, height_um)


def from_print_resolution(per_inch: tuple[float, float]) -> float | None:
    """The pixel size from a resolution in pixels per inch, where it is too fine for a printer's."""
    if min(per_inch) <= 0:
        return None
    return plausible(INCH_UM / per_inch[0], INCH_UM / per_inch[1], FINEST_PRINT_UM)
