"""Temperature, viscosity and bead radius of a sample, and the drag that follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brightfield.beads.trajectories.trap import BOLTZMANN
from brightfield.errors import BrightfieldError

ROOM_C = 25.0  # room temperature, degrees Celsius
ZERO_C = 273.15  # 0 degrees Celsius in K
LIQUID_C = (0.0, 100.0)  # degrees Celsius between which water is liquid, and its viscosity known
WATER_20 = 1.002  # viscosity of water at 20 degrees Celsius, mPa s


@dataclass(frozen=True)
class Conditions:
    """The medium of a sample and the size of its beads.

    Attributes:
        temperature_c: temperature in degrees Celsius.
        viscosity_mpa_s: viscosity of the medium in mPa s; None: that of water.
        radius_um: radius of the beads in um; None: unknown, and results that need it are left out.
    """

    temperature_c: float = ROOM_C
    viscosity_mpa_s: float | None = None
    radius_um: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("viscosity", self.viscosity_mpa_s), ("radius", self.radius_um)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise BrightfieldError(f"The {name} is {value:g}: expected a number above 0.")
        if not -ZERO_C < self.temperature_c < 1000:
            raise BrightfieldError(
                f"The temperature is {self.temperature_c:g}: expected degrees Celsius, {-ZERO_C} to 1000."
            )
        water = self.viscosity_mpa_s is None and self.radius_um is not None
        if water and not LIQUID_C[0] <= self.temperature_c <= LIQUID_C[1]:
            raise BrightfieldError(
                f"The temperature is {self.temperature_c:g}, but water is liquid between 0 and 100 degrees Celsius. "
                "Give --viscosity for another medium."
            )

    @property
    def kt(self) -> float:
        """Thermal energy in pN um."""
        return BOLTZMANN * (self.temperature_c + ZERO_C)

    @property
    def drag(self) -> float:
        """Stokes drag of a sphere far from walls (Stokes 1851) in pN s / um; nan where the radius is unknown."""
        if self.radius_um is None:
            return float("nan")
        viscosity = water_viscosity(self.temperature_c) if self.viscosity_mpa_s is None else self.viscosity_mpa_s
        return float(6 * np.pi * viscosity * 1e-3 * self.radius_um)


def water_viscosity(temperature_c: float) -> float:
    """The viscosity of water in mPa s, from 0 to 100 degrees Celsius.

    Up to 20 degrees by Hardy & Cottingham 1949 (J. Res. Natl. Bur. Stand. 42, 573), above by Swindells' formula as the CRC Handbook
    of Chemistry and Physics gives it.
    """
    above = temperature_c - 20
    if above < 0:
        poise = 10 ** (1301 / (998.333 + 8.1855 * above + 0.00585 * above**2) - 3.30233)
        return float(100 * poise)
    return float(WATER_20 * 10 ** ((-1.3272 * above - 0.001053 * above**2) / (temperature_c + 105)))
