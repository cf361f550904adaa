"""All beads of a frame: correlation with the profile over the whole frame, then each bead refined with the others taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from brightfield.beads.localisation.finding import apart
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.scanning import Scanner, coarse, halved
from brightfield.beads.localisation.solving import UNLIKE, Refined
from brightfield.beads.localisation.subtraction import Beads, Cleared, Ints, Level, Real, Single
from brightfield.errors import BrightfieldError

FAINTEST = 0.3  # of the typical amplitude: what is weaker is no bead of this kind
LEAST_QUALITY = 0.5  # correlation of a refined bead with its pixels
HIDDEN = 0.5  # of the typical amplitude at least: beads that show only once the others are taken away
SWEEPS = 2  # rough fits of all beads of a frame, each with what the last one knows of the others
FAST_SHARE = 0.7  # of what a position is known by lies in the windows of a fast fit
WIDEST = 64  # px, half of a window at most


@dataclass(frozen=True)
class Located:
    """The beads of one frame; a row for each.

    Attributes:
        positions: (N, 2) x and y in px.
        errors: (N, 2) standard errors in px.
        quality: (N,) in [0, 1], correlation of the fitted bead and the pixels.
        amplitudes: (N,) in the units of the frame.
        backgrounds: (N,) in the units of the frame.
        kinds: (N,) by which profile each bead is fitted.
    """

    positions: Real
    errors: Real
    quality: Real
    amplitudes: Real
    backgrounds: Real
    kinds: Ints

    @property
    def beads(self) -> Beads:
        """What others need to know to take these away."""
        return Beads(self.positions, self.amplitudes, self.backgrounds, self.kinds)


class Locator:
    """Finds and refines all beads, frame after frame.

    Beads are looked for, and roughly fitted, in pixels twice as large where those show them well (a quarter of the work), and
    fitted to all pixels at the end. ``fast`` fits them once, in the larger pixels and without the outer rings, which hold half of
    what a position is known by: four times the frames a second, and where beads overlap, several times the error, since their outer
    rings stay.

    Args:
        profiles: of the beads; several where there are several kinds, or heights: each bead is fitted by that which leaves least.
        separation: px that two beads are at least apart; None: half the radius that holds most of a bead.
        faintest: of a profile's amplitude, in (0, 1]: beads of less are left out.
        least_quality: in [0, 1]: beads that correlate less with their pixels are left out.
        half: px from the middle of a bead's window to its edge; None: as far as the profiles tell something.
        fast: see above.
    """

    def __init__(
        self,
        profiles: Profile | Sequence[Profile],
        *,
        separation: float | None = None,
        faintest: float = FAINTEST,
        least_quality: float = LEAST_QUALITY,
        half: int | None = None,
        fast: bool = False,
    ) -> None:
        self.profiles = (profiles,) if isinstance(profiles, Profile) else tuple(profiles)
        self.faintest, self.least_quality = faintest, least_quality
        share = FAST_SHARE if fast else 0.99
        filled = int(np.ceil(max(profile.extent(share) for profile in self.profiles))) + 1
        self.half = min(filled, WIDEST) if half is None else half
        narrowest = min(profile.extent(0.5) for profile in self.profiles)
        self.separation = max(narrowest / 2, 2.0) if separation is None else separation
        self._least = faintest * np.array([profile.amplitude for profile in self.profiles])
        wide = [coarse(profile) for profile in self.profiles]
        binned = [profile for profile in wide if profile is not None]
        self._zoom = 2 if len(binned) == len(self.profiles) else 1
        whole = Level(self.profiles, self.half)
        self._rough = Level(binned, (self.half + 1) // 2) if self._zoom == 2 else whole
        self._whole, self._last, self._sweeps = whole, self._rough if fast else whole, 0 if fast else SWEEPS
        # among beads that their profile does not explain, what is left is no bead
        self._hidden = not fast and max(profile.misfit for profile in self.profiles) <= UNLIKE
        self._scanners = [
            Scanner(
                refiner.profile, _core(refiner.profile, self._rough.half), self.separation / self._zoom, float(least)
            )
            for refiner, least in zip(self._rough.refiners, self._least, strict=True)
        ]

    def locate(self, frame: npt.ArrayLike) -> Located:
        """The beads of a frame (H, W) of any numeric type.

        Raises:
            BrightfieldError: it is no single grey image.
        """
        pixels = np.asarray(frame)
        if pixels.ndim != 2 or min(pixels.shape) < 3:
            raise BrightfieldError(f"A frame is one grey image (height, width), got shape {pixels.shape}.")
        light = pixels.astype(np.float32)
        small = halved(light) if self._zoom == 2 else light
        starts = self._starts(small)
        if not len(starts.positions):
            none = np.empty(0)
            return Located(np.empty((0, 2)), np.empty((0, 2)), none, none, none, np.empty(0, dtype=np.intp))
        zoom = self._zoom if self._last is self._rough else 1
        if zoom == 1:
            starts = replace(starts, positions=_enlarged(starts.positions, self._zoom))
        beads, found = self._last.refine(small if zoom == 2 else light, starts, choose=True)
        positions = _enlarged(beads.positions, zoom)
        inside = (positions > -0.5) & (positions < np.array(pixels.shape[::-1]) - 0.5)
        good: npt.NDArray[np.bool_] = found.converged & np.all(inside, axis=1)
        good &= (found.quality >= self.least_quality) & (found.amplitudes >= self._least[beads.kinds])
        rows = np.flatnonzero(good)
        rows = np.sort(rows[apart(positions[rows], found.amplitudes[rows], self.separation)])
        return Located(
            positions[rows],
            zoom * found.errors[rows],
            found.quality[rows],
            found.amplitudes[rows],
            found.offsets[rows],
            beads.kinds[rows],
        )

    def fit(self, windows: Single, gates: Single | None, starts: Real, kinds: Ints) -> Refined:
        """Beads in windows (N, side, side) as :meth:`alone` gives them, each by the profile of its kind (N,)."""
        return self._whole.fit(Cleared(windows, gates, np.zeros((0, 2), dtype=np.intp)), starts, kinds)

    def alone(self, frame: npt.NDArray[Any], beads: Beads) -> Cleared:
        """A window for each bead of a frame (H, W), from which the others are taken away."""
        return self._whole.clear(frame.astype(np.float32), beads)

    def coupling(self, frame: npt.NDArray[Any], beads: Beads) -> tuple[Real, Real]:
        """See :meth:`brightfield.beads.localisation.subtraction.Level.coupling`."""
        return self._whole.coupling(frame.astype(np.float32), beads)

    def _starts(self, pixels: Single) -> Beads:
        """Beads found, and unless it is to be fast fitted roughly, so that they can be taken out of each other's windows."""
        beads = self._swept(pixels, self._scanned(pixels))
        if not (self._hidden and len(beads.positions)):
            return beads
        found = self._scanned(self._rough.emptied(pixels, beads))
        away = cKDTree(beads.positions).query(found.positions)[0] if len(found.positions) else np.empty(0)
        clear = found.amplitudes >= HIDDEN / self.faintest * self._least[found.kinds]
        new = np.flatnonzero(clear & (away >= self.separation / self._zoom))
        if not len(new):
            return beads
        columns = ((getattr(beads, f.name), getattr(found, f.name)[new]) for f in fields(Beads))
        return self._swept(pixels, Beads(*map(np.concatenate, columns)))

    def _swept(self, pixels: Single, beads: Beads) -> Beads:
        """Fitted roughly, each without what the last fit knows of the others."""
        for _ in range(self._sweeps if len(beads.positions) else 0):
            beads, _ = self._rough.refine(pixels, beads, rough=True)
        return beads

    def _scanned(self, pixels: Single) -> Beads:
        """Where correlation has its peaks; of two kinds at one place that which explains more."""
        parts = [scanner.scan(pixels) for scanner in self._scanners]
        positions = np.concatenate([places for places, _ in parts])
        amplitudes = np.concatenate([strength for _, strength in parts])
        kinds = np.repeat(np.arange(len(parts)), [len(places) for places, _ in parts])
        if len(parts) > 1:
            explained = amplitudes**2 * np.array([scanner.energy for scanner in self._scanners])[kinds]
            rows = np.sort(apart(positions, explained, self.separation / self._zoom))
            positions, amplitudes, kinds = positions[rows], amplitudes[rows], kinds[rows]
        return Beads(positions, amplitudes, np.full(len(positions), float(np.median(pixels[::4, ::4]))), kinds)


def _core(profile: Profile, half: int) -> int:
    """Px from a bead's centre in which it is looked for: with all its rings, one at the edge of a frame would hardly be seen."""
    return min(int(np.ceil(profile.extent(FAST_SHARE))) + 1, half)


def _enlarged(positions: Real, zoom: int) -> Real:
    """From pixels ``zoom`` times as large to those of the frame."""
    return zoom * positions + (zoom - 1) / 2
