"""Temperature, viscosity and drag, against tables."""

from __future__ import annotations

import math

import pytest

from brightfield.beads.physics.conditions import Conditions, water_viscosity
from brightfield.errors import BrightfieldError


# Kestin, Sokolov & Wakeham 1978, J. Phys. Chem. Ref. Data 7, 941
@pytest.mark.parametrize(
    ("celsius", "mpa_s"), [(0, 1.792), (20, 1.002), (25, 0.8901), (37, 0.692), (60, 0.4666), (90, 0.3147)]
)
def test_water(celsius: float, mpa_s: float) -> None:
    assert water_viscosity(celsius) == pytest.approx(mpa_s, rel=4e-3)


def test_energy_and_drag() -> None:
    room = Conditions(25.0, None, 0.5)
    assert room.kt == pytest.approx(4.1164e-3, rel=1e-4)  # pN um
    assert room.drag == pytest.approx(6 * math.pi * 0.89e-3 * 0.5, rel=1e-3)
    assert room.kt / room.drag == pytest.approx(0.4907, rel=2e-3)  # um^2/s
    assert Conditions(25.0, 2.0, 0.5).drag == pytest.approx(6 * math.pi * 2e-3 * 0.5)
    assert math.isnan(Conditions().drag)
    assert Conditions(150.0, 0.3, 0.5).drag > 0  # not water


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((25.0, 0.0, None), "viscosity is 0: expected a number above 0"),
        ((25.0, None, -1.0), "radius is -1: expected a number above 0"),
        ((25.0, None, math.nan), "radius is nan: expected a number above 0"),
        ((-300.0, None, None), "temperature is -300: expected degrees Celsius"),
        ((120.0, None, 0.5), "temperature is 120, but water is liquid between .* Give --viscosity"),
    ],
)
def test_what_cannot_be(given: tuple[float, float | None, float | None], told: str) -> None:
    with pytest.raises(BrightfieldError, match=told):
        Conditions(*given)
