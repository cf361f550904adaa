"""Simulated fluorescent cells with little light, with and without noise.

A scene is a sum of nuclei (irregular ellipses) and rods of log-normal brightness with texture and puncta, blurred by the
point-spread function, over a haze of light from out of focus; in the variety wide other structures, too. The clean image is the
expectation of the noisy one: both are in camera counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import gaussian_filter

from brightfield.data.records import Record
from brightfield.params import DenoiseSimulation, Suite, Variety
from brightfield.simulate.denoise.cells import draw_nuclei
from brightfield.simulate.denoise.conditions import SUITES, Acquisition, Range, matched_acquisition
from brightfield.simulate.denoise.structures import draw_layers
from brightfield.simulate.denoise.variety import wide_acquisition
from brightfield.simulate.optics import Camera, Real, illumination, log_uniform, pixel_response

HAZE_SIGMA_PX = 12.0
# limits of peak electrons between which images are of one kind: from one to the next, relative noise falls by a factor of about 1.6
LEVELS = (4, 10, 25, 60)

VARIETIES: dict[Variety, Callable[[Range, np.random.Generator], Acquisition]] = {
    "usual": lambda peak_electrons, rng: Acquisition(peak_electrons),
    "wide": wide_acquisition,
}


def groups(params: DenoiseSimulation) -> int:
    """Number of fields; each is a separate acquisition."""
    return params.images


def per_group(params: DenoiseSimulation) -> int:
    """One image per field."""
    del params
    return 1


def simulate_group(
    params: DenoiseSimulation, number: int, rng: np.random.Generator, suite: Suite | None = None
) -> Iterator[Record]:
    """Simulate one field.

    Yields:
        A record with an image (size_px, size_px) uint16, ``clean`` (size_px, size_px) float32, the expected counts of the same
        camera, and a row of peak_electrons (at the 99.5th percentile of the scene) and kind (the level of light: see
        :func:`level`).
    """
    shape = (params.size_px, params.size_px)
    how = VARIETIES[params.variety](params.peak_electrons, rng)
    if params.appearance is not None:
        how = matched_acquisition(how, params.appearance)
    if suite is not None:
        how = SUITES[suite](how)
    peak = log_uniform(*how.peak_electrons, rng)
    electrons = peak * draw_scene(shape, rng, how)
    camera = Camera(
        electrons_per_count=rng.uniform(*how.electrons_per_count),
        offset=rng.uniform(*how.offset),
        read_noise=rng.uniform(*how.read_noise),
        row_noise=how.row_noise,
        column_noise=how.column_noise,
        grain=how.grain,
        grain_px=how.grain_px,
    )
    image = camera.expose(electrons, rng, pixel_response(shape, rng, how.response))
    clean = camera.expected_counts(electrons).astype(np.float32)
    name = f"field{number:04d}"
    yield Record(name, name, image, {"clean": clean}, {"peak_electrons": peak, "kind": level(peak)})


def level(peak_electrons: float) -> str:
    """The kind of an image by its light: ``4 to 10 electrons`` and so on, ``below 4`` and ``60 and more``."""
    place = sum(peak_electrons >= edge for edge in LEVELS)
    if place == 0:
        return f"below {LEVELS[0]} electrons"
    if place == len(LEVELS):
        return f"{LEVELS[-1]} electrons and more"
    return f"{LEVELS[place - 1]} to {LEVELS[place]} electrons"


def draw_scene(shape: tuple[int, int], rng: np.random.Generator, how: Acquisition) -> Real:
    """The light of one field, (H, W) float32, 1 at its 99.5th percentile."""
    if how.layers:
        psf = rng.uniform(*how.psf_sigma_px)
        sharp = draw_layers(shape, psf, how, rng)
    else:
        sharp, psf = draw_nuclei(shape, rng, how)
    light = gaussian_filter(sharp, psf, mode="nearest")
    light += rng.uniform(*how.haze) * gaussian_filter(sharp, HAZE_SIGMA_PX, mode="nearest")
    light = light / np.percentile(light, 99.5) + rng.uniform(*how.background)
    light = light / np.percentile(light, 99.5) * illumination(shape, rng)
    return np.asarray(light, dtype=np.float32)
