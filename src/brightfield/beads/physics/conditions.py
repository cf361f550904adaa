"""What a bead swims in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brightfield.beads.trajectories.trap import BOLTZMANN
from brightfield.errors import BrightfieldError

ROOM_C = 25.0
ZERO_C = 273.15  # in kelvin
LIQUID_C = (0.0, 100.0)  # water; beyond, no viscosity is known
WATER_20 = 1.002  # mPa s


@dataclass(frozen=True)
class Conditions:
    """Of the sample.

    Attributes:
        temperature_c: in degrees Celsius.
        viscosity_mpa_s: in mPa s; None: that of water.
        radius_um: of the beads; None: not known, and nothing that needs it is told.
    """

    temperature_c: float = ROOM_C
    viscosity_mpa_s: float | None = None
    radius_um: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("viscosity", self.viscosity_mpa_s), ("radius", self.radius_um)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise BrightfieldError(f"A {name} is above 0, got {value:g}.")
        if not -ZERO_C < self.temperature_c < 1000:
            raise BrightfieldError(f"A temperature is in degrees Celsius, got {self.temperature_c:g}.")
        water = self.viscosity_mpa_s is None and self.radius_um is not None
        if water and not LIQUID_C[0] <= self.temperature_c <= LIQUID_C[1]:
            raise BrightfieldError(
                f"Water is liquid between 0 and 100 degrees Celsius, got {self.temperature_c:g}. "
                "Give --viscosity for another medium."
            )

    @property
    def kt(self) -> float:
        """Thermal energy in pN um."""
        return BOLTZMANN * (self.temperature_c + ZERO_C)

    @property
    def drag(self) -> float:
        """Of a sphere far from walls (Stokes 1851), in pN s / um; nan where the radius is not known."""
        if self.radius_um is None:
            return float("nan")
        viscosity = water_viscosity(self.temperature_c) if self.viscosity_mpa_s is None else self.viscosity_mpa_s
        return float(6 * np.pi * viscosity * 1e-3 * self.radius_um)


def water_viscosity(temperature_c: float) -> float:
    """In mPa s, from 0 to 100 degrees Celsius.

    Up to 20 degrees by Hardy & Cottingham 1949 (J. Res. Natl. Bur. Stand. 42, 573), above by Swindells' formula as the CRC Handbook
    of Chemistry and Physics gives it.
    """
    above = temperature_c - 20
    if above < 0:
        poise = 10 ** (1301 / (998.333 + 8.1855 * above + 0.00585 * above**2) - 3.30233)
        return float(100 * poise)
    return float(WATER_20 * 10 ** ((-1.3272 * above - 0.001053 * above**2) / (temperature_c + 105)))
