"""Locate all beads of a frame: correlation with the profile, then refinement of each bead with the others subtracted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from brightfield.beads.localisation.finding import suppress_weaker
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.scanning import Scanner, bin_pixels, binned_profile
from brightfield.beads.localisation.solving import POOR_MISFIT, Refined
from brightfield.beads.localisation.subtraction import Beads, Cleared, Ints, Level, Real, Single
from brightfield.errors import BrightfieldError

FAINTEST = 0.3  # smallest amplitude of a bead over the typical one
LEAST_QUALITY = 0.5  # smallest correlation of a refined bead with its pixels
HIDDEN_LEAST = 0.5  # smallest amplitude, over the typical one, of a bead found after subtraction of the others
SWEEPS = 2  # number of rough fits of all beads of a frame, each with the others subtracted as last fitted
FAST_SHARE = 0.7  # share of the information about a position that the windows of a fast fit hold
WIDEST_PX = 64  # largest half of a window


@dataclass(frozen=True)
class Located:
    """The beads of one frame, one row per bead.

    Attributes:
        positions: (N, 2) x and y in px.
        errors: (N, 2) standard errors in px.
        quality: (N,) in [0, 1], correlation of the fitted bead and the pixels.
        amplitudes: (N,) in the units of the frame.
        backgrounds: (N,) in the units of the frame.
        kinds: (N,) index of the profile that fits the bead.
    """

    positions: Real
    errors: Real
    quality: Real
    amplitudes: Real
    backgrounds: Real
    kinds: Ints

    @classmethod
    def nothing(cls) -> Located:
        """No bead."""
        none = np.empty(0)
        return cls(np.empty((0, 2)), np.empty((0, 2)), none, none, none, np.empty(0, dtype=np.intp))

    @property
    def beads(self) -> Beads:
        """The parameters that subtraction of these beads needs."""
        return Beads(self.positions, self.amplitudes, self.backgrounds, self.kinds)


class Locator:
    """Finds and refines all beads, frame after frame.

    Beads are searched and roughly fitted in frames binned by two where these show them well (a quarter of the work), and fitted to
    all pixels at the end. ``fast`` fits them once, in binned pixels and without the outer rings, which hold half of the information
    about a position: four times the frames per second, but several times the error where beads overlap, since the outer rings of
    neighbours are not subtracted.

    Args:
        profiles: profiles of the beads, one per kind or height; each bead is fitted with that of the smallest residual.
        separation: smallest distance between two beads in px; None: half the radius with half of the information.
        faintest: smallest amplitude of a bead over that of its profile, in (0, 1].
        least_quality: smallest correlation of a bead with its pixels, in [0, 1].
        half: half of a bead's window in px; None: the extent of the profiles.
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
        self.half = min(filled, WIDEST_PX) if half is None else half
        narrowest = min(profile.extent(0.5) for profile in self.profiles)
        self.separation = max(narrowest / 2, 2.0) if separation is None else separation
        self._least = faintest * np.array([profile.amplitude for profile in self.profiles])
        wide = [binned_profile(profile) for profile in self.profiles]
        binned = [profile for profile in wide if profile is not None]
        self._zoom = 2 if len(binned) == len(self.profiles) else 1
        whole = Level(self.profiles, self.half)
        self._rough = Level(binned, (self.half + 1) // 2) if self._zoom == 2 else whole
        self._whole, self._last, self._sweeps = whole, self._rough if fast else whole, 0 if fast else SWEEPS
        # residuals of beads that their profile does not explain are not further beads
        self._hidden = not fast and max(profile.misfit for profile in self.profiles) <= POOR_MISFIT
        self._scanners = [
            Scanner(
                refiner.profile,
                _core_radius(refiner.profile, self._rough.half),
                self.separation / self._zoom,
                float(least),
            )
            for refiner, least in zip(self._rough.refiners, self._least, strict=True)
        ]

    def locate(self, frame: npt.ArrayLike) -> Located:
        """Locate the beads of a frame (H, W) of any numeric type.

        Raises:
            BrightfieldError: the frame is not a single grey image.
        """
        pixels = np.asarray(frame)
        if pixels.ndim != 2 or min(pixels.shape) < 3:
            raise BrightfieldError(
                f"A frame has shape {pixels.shape}: expected one grey image (height, width). Give one channel."
            )
        light = pixels.astype(np.float32)
        small = bin_pixels(light) if self._zoom == 2 else light
        starts = self._starts(small)
        if not len(starts.positions):
            return Located.nothing()
        zoom = self._zoom if self._last is self._rough else 1
        if zoom == 1:
            starts = replace(starts, positions=_enlarged(starts.positions, self._zoom))
        beads, found = self._last.refine(small if zoom == 2 else light, starts, choose=True)
        positions = _enlarged(beads.positions, zoom)
        inside = (positions > -0.5) & (positions < np.array(pixels.shape[::-1]) - 0.5)
        good: npt.NDArray[np.bool_] = found.converged & np.all(inside, axis=1)
        good &= (found.quality >= self.least_quality) & (found.amplitudes >= self._least[beads.kinds])
        rows = np.flatnonzero(good)
        rows = np.sort(rows[suppress_weaker(positions[rows], found.amplitudes[rows], self.separation)])
        return Located(
            positions[rows],
            zoom * found.errors[rows],
            found.quality[rows],
            found.amplitudes[rows],
            found.offsets[rows],
            beads.kinds[rows],
        )

    def fit(self, windows: Single, gates: Single | None, starts: Real, kinds: Ints) -> Refined:
        """Fit beads in windows (N, side, side) of :meth:`clear`, each with the profile of its kind (N,)."""
        return self._whole.fit(Cleared(windows, gates, np.zeros((0, 2), dtype=np.intp)), starts, kinds)

    def clear(self, frame: npt.NDArray[Any], beads: Beads) -> Cleared:
        """A window around each bead of a frame (H, W), with the other beads subtracted."""
        return self._whole.clear(frame.astype(np.float32), beads)

    def residual(self, frame: npt.NDArray[Any], beads: Beads) -> Single:
        """A frame (H, W) with all beads subtracted."""
        return self._whole.residual(frame.astype(np.float32), beads)

    def coupling(self, frame: npt.NDArray[Any], beads: Beads) -> tuple[Real, Real]:
        """See :meth:`brightfield.beads.localisation.subtraction.Level.coupling`."""
        return self._whole.coupling(frame.astype(np.float32), beads)

    def _starts(self, pixels: Single) -> Beads:
        """Find the beads and, unless fast, fit them roughly, so that each can be subtracted from the others' windows."""
        beads = self._roughly_fitted(pixels, self._scanned(pixels))
        if not (self._hidden and len(beads.positions)):
            return beads
        found = self._scanned(self._rough.residual(pixels, beads))
        away = cKDTree(beads.positions).query(found.positions)[0] if len(found.positions) else np.empty(0)
        clear = found.amplitudes >= HIDDEN_LEAST / self.faintest * self._least[found.kinds]
        new = np.flatnonzero(clear & (away >= self.separation / self._zoom))
        if not len(new):
            return beads
        columns = ((getattr(beads, f.name), getattr(found, f.name)[new]) for f in fields(Beads))
        return self._roughly_fitted(pixels, Beads(*map(np.concatenate, columns)))

    def _roughly_fitted(self, pixels: Single, beads: Beads) -> Beads:
        """Fit beads roughly, each with the others subtracted as last fitted."""
        for _ in range(self._sweeps if len(beads.positions) else 0):
            beads, _ = self._rough.refine(pixels, beads, rough=True)
        return beads

    def _scanned(self, pixels: Single) -> Beads:
        """The peaks of the correlation; of two kinds at one place, that which explains more."""
        parts = [scanner.scan(pixels) for scanner in self._scanners]
        positions = np.concatenate([places for places, _ in parts])
        amplitudes = np.concatenate([strength for _, strength in parts])
        kinds = np.repeat(np.arange(len(parts)), [len(places) for places, _ in parts])
        if len(parts) > 1:
            explained = amplitudes**2 * np.array([scanner.energy for scanner in self._scanners])[kinds]
            rows = np.sort(suppress_weaker(positions, explained, self.separation / self._zoom))
            positions, amplitudes, kinds = positions[rows], amplitudes[rows], kinds[rows]
        return Beads(positions, amplitudes, np.full(len(positions), float(np.median(pixels[::4, ::4]))), kinds)


def _core_radius(profile: Profile, half: int) -> int:
    """Radius in px of the search for a bead: with all its rings, one at the edge of a frame would hardly be found."""
    return min(int(np.ceil(profile.extent(FAST_SHARE))) + 1, half)


def _enlarged(positions: Real, zoom: int) -> Real:
    """Convert positions in pixels ``zoom`` times as large to pixels of the frame."""
    return zoom * positions + (zoom - 1) / 2
