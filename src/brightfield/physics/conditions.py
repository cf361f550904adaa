"""What a bead swims in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.trajectories.trap import BOLTZMANN

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
    """In mPa s, from 0 to 100 degrees Celsius (Kestin, Sokolov & Wakeham 1978, J. Phys. Chem. Ref. Data 7, 941)."""
    below = 20 - temperature_c
    power = below / (temperature_c + 96) * (1.2364 - 1.37e-3 * below + 5.7e-6 * below**2)
    return float(WATER_20 * 10**power)
