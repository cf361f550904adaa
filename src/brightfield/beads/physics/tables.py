"""The tables that ``brightfield tracks`` writes. Column names hold units; ``_low`` and ``_high`` are the ends of an interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.beads.physics.conditions import Conditions
from brightfield.beads.trajectories import Estimate, Sampling
from brightfield.beads.trajectories.displacement import ensemble, free_msd, msd
from brightfield.beads.trajectories.judging import Bead
from brightfield.beads.trajectories.spectrum import averaged
from brightfield.beads.trajectories.stability import allan, best_averaging
from brightfield.beads.trajectories.trap import equipartition, fit, stiffness

if TYPE_CHECKING:
    from brightfield.beads.physics import Settings

NAMES = ("trajectories.csv", "drift.csv", "msd.csv", "spectra.csv", "allan.csv", "physics.csv")
FIRST_COLUMNS = ("frame", "x", "y", "particle", "quality")  # leading columns of trajectories.csv


def all_tables(
    table: pd.DataFrame, drift: pd.DataFrame | None, beads: Mapping[int, Bead], settings: Settings
) -> dict[str, pd.DataFrame]:
    """Build every table, by file name.

    - trajectories.csv: frame, x and y in px as measured, particle, other columns of the positions, x_um and y_um without drift.
    - drift.csv: frame, x and y in px, beads (number of reference beads seen); no rows if no drift was subtracted.
    - msd.csv: the mean squared displacement of each particle; in rows without a particle, that of all free ones. ``fitted`` is the
      expectation of the fitted model of a free or a trapped bead.
    - spectra.csv: one-sided, averaged over ``values`` frequencies; ``fitted`` is the expectation of the fitted trap.
    - allan.csv: the overlapping Allan deviation of a coordinate.
    - physics.csv: one row per particle (see :func:`physics`).
    """
    first = [name for name in FIRST_COLUMNS if name in table]
    sampling = settings.sampling
    reference = set(settings.reference or ()) if settings.without_drift else set()
    return {
        "trajectories.csv": table[[*first, *(name for name in table if name not in first)]],
        "drift.csv": pd.DataFrame(columns=["frame", "x", "y", "beads"]) if drift is None else drift,
        "msd.csv": _displacements(beads, reference, sampling),
        "spectra.csv": _concatenated({particle: spectrum_rows(bead, sampling) for particle, bead in beads.items()}),
        "allan.csv": _concatenated({particle: allan(bead.track, sampling) for particle, bead in beads.items()}),
        "physics.csv": pd.DataFrame(
            [physics(particle, bead, settings, particle in reference) for particle, bead in beads.items()]
        ),
    }


def physics(particle: int, bead: Bead, settings: Settings, reference: bool = False) -> dict[str, Any]:
    """Build one row of physics.csv.

    Returns:
        For every bead: ``particle``; ``looks_like`` (see :class:`brightfield.beads.trajectories.judging.Bead`; ``reference``: its
        motion counted as drift); ``first_frame``, ``last_frame``, ``frames`` (number seen); diffusion constant and localisation
        error. For trapped beads: corner frequency; stiffness from the spectrum of both coordinates and of each, from the variance
        (equipartition) and, where the radius is known, from the drag; ``goodness``, the probability of so large a misfit;
        ``deviance``, the misfit per degree of freedom (expected: 1); ``relaxations``, the length of the record in relaxation
        times. Last, the averaging time at which the Allan deviation is smallest, and that deviation.
    """
    label = bead.kind if not reference else "reference"
    row: dict[str, Any] = {"particle": particle, "looks_like": label}
    row |= {"first_frame": bead.track.frames[0], "last_frame": bead.track.frames[-1], "frames": len(bead.track)}
    row |= _with_interval("diffusion_um2_s", Estimate.unknown() if reference else bead.diffusion_um2_s)
    if settings.conditions.radius_um is not None:
        row["diffusion_stokes_um2_s"] = settings.conditions.kt / settings.conditions.drag
    row |= _with_interval("localisation_error_um", bead.localisation_um)
    row |= _trapped(bead if label == "trapped" else None, settings)
    best = best_averaging(allan(bead.track, settings.sampling))
    return row | {"steadiest_s": best[0], "steadiest_um": best[1]}


def spectrum_rows(bead: Bead, sampling: Sampling) -> pd.DataFrame:
    """The averaged spectrum of a bead: columns frequency_hz, power_x_um2_hz, power_y_um2_hz, fitted_um2_hz and values."""
    whole = bead.spectrum
    edges = whole.edges()
    power = averaged(whole.power_um2_hz, edges)
    fitted = np.full(len(edges), np.nan)
    if bead.kind == "trapped" and bead.trap is not None:
        fitted = averaged(whole.expected(bead.trap.covariance(sampling, len(whole.overlap))), edges)
    return pd.DataFrame(
        {
            "frequency_hz": averaged(whole.frequency_hz, edges),
            "power_x_um2_hz": power[:, 0],
            "power_y_um2_hz": power[:, 1],
            "fitted_um2_hz": fitted,
            "values": np.diff(np.append(edges, len(whole.frequency_hz))),
        }
    )


def _trapped(bead: Bead | None, settings: Settings) -> dict[str, Any]:
    """The columns of the trap fit; nan for a bead that is not trapped."""
    names = ["corner_hz", *(f"stiffness{what}_pn_um" for what in ("", "_x", "_y", "_equipartition"))]
    names += ["stiffness_drag_pn_um"] if settings.conditions.radius_um is not None else []
    if bead is None or bead.trap is None:
        unknown = [_with_interval(name, Estimate.unknown()) for name in names]
        return {key: value for three in unknown for key, value in three.items()} | dict.fromkeys(
            ("goodness", "deviance", "relaxations"), np.nan
        )
    sampling, conditions, trap = settings.sampling, settings.conditions, bead.trap
    known = bead.localisation_um.value if settings.trust_errors else None
    axes = [fit(bead.spectrum.axis(axis), sampling, localisation_um=known).variance_um2 for axis in (0, 1)]
    found = [trap.corner_hz, *(stiffness(variance, conditions.kt) for variance in (trap.variance_um2, *axes))]
    found += [equipartition(bead.track, trap, sampling, conditions.kt)]
    found += [_by_drag(trap.corner_hz, conditions)]
    row = {
        key: value
        for name, number in zip(names, found, strict=False)
        for key, value in _with_interval(name, number).items()
    }
    return row | {"goodness": trap.goodness, "deviance": trap.deviance, "relaxations": trap.relaxations}


def _by_drag(corner_hz: Estimate, conditions: Conditions) -> Estimate:
    """The stiffness kappa = 2 pi gamma corner, with Stokes' drag gamma."""
    return corner_hz.map(lambda corner: 2 * np.pi * conditions.drag * corner)


def _displacements(beads: Mapping[int, Bead], reference: set[int], sampling: Sampling) -> pd.DataFrame:
    each = {particle: msd(bead.track, sampling) for particle, bead in beads.items()}
    of_free = [each[particle] for particle, bead in beads.items() if bead.kind == "free" and particle not in reference]
    fitted = {
        particle: rows.assign(fitted_um2=fitted_msd(beads[particle], rows, sampling)) for particle, rows in each.items()
    }
    rows = pd.concat([_concatenated(fitted).assign(beads=1), ensemble(of_free)], ignore_index=True)
    return rows.astype({"particle": "Int64"})


def fitted_msd(bead: Bead, rows: pd.DataFrame, sampling: Sampling) -> npt.NDArray[np.float64]:
    """The expected MSD at the lags of a bead's rows, in um^2; nan where no model was fitted."""
    if bead.kind == "free":
        lags = rows["lag_s"].to_numpy(dtype=np.float64)
        return free_msd(lags, bead.diffusion_um2_s.value, bead.localisation_um.value, sampling)
    if bead.kind == "trapped" and bead.trap is not None:
        covariance = bead.trap.covariance(sampling, bead.track.span)
        return np.asarray(4 * (covariance[0] - covariance[rows["lag_frames"].to_numpy(dtype=np.intp)]))
    return np.full(len(rows), np.nan)


def _concatenated(rows: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """One table of all particles, with the column particle first."""
    whole = [table.assign(particle=particle) for particle, table in rows.items()]
    together = pd.concat(whole, ignore_index=True)
    return together[["particle", *(name for name in together if name != "particle")]]


def _with_interval(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
