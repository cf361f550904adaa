"""Simulated dense fields of Myxococcus xanthus and E. coli in brightfield and phase contrast, with every cell labelled.

Rods are placed (:mod:`.placement`), drawn with their labels (:mod:`.rendering`), illuminated (:mod:`.imaging`, :mod:`.abbe`) and
photographed. :mod:`.variety` has the conditions of many labs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images
from brightfield.data.records import Record
from brightfield.params import BacteriaAppearance, BacteriaSimulation, Suite
from brightfield.simulate.bacteria import variety
from brightfield.simulate.bacteria.imaging import Focus, Slide, fluorescence, transmitted_light
from brightfield.simulate.bacteria.placement import E_COLI, MYXOCOCCUS
from brightfield.simulate.bacteria.rendering import draw_scene
from brightfield.simulate.optics import PIXEL_RESPONSE, Camera, Real, dust, illumination, log_uniform, pixel_response

COVER = {MYXOCOCCUS.code: (0.05, 0.40), E_COLI.code: (0.0, 0.22)}  # share of the area by species code
FOCUS_UM = {"brightfield": 1.0, "phase": 0.35}  # largest distance from focus, on either side
TILT_UM = {"brightfield": 0.4, "phase": 0.15}  # largest change of focus from the middle to an edge
ELECTRONS = (700.0, 6000.0)  # per pixel of the empty background
VIGNETTE = (0.02, 0.15)  # relative loss of light towards the corners
ELECTRONS_PER_COUNT = (0.3, 1.2)
OFFSET = (90.0, 130.0)  # counts without light
READ_NOISE = (1.5, 3.0)  # electrons
ROW_NOISE = 0.4  # electrons

FINE_STEPS = 16  # of a count of 8 bits, in an enlarged image
MEDIAN_PX = 3  # side of the median filter of a microscope's software

# Changes by the suites. Focus: up to twice as far from focus as in training
SUITE_FOCUS = ((1.0, 1.5), (1.5, 2.0))  # in units of FOCUS_UM: grades that alternate between fields
SUITE_COVER = {MYXOCOCCUS.code: (0.50, 0.65), E_COLI.code: (0.10, 0.20)}
SUITE_ELECTRONS = (100.0, 400.0)  # light: a dim lamp,
SUITE_VIGNETTE = (0.25, 0.33)  # and a misaligned condenser
SUITE_ELECTRONS_PER_COUNT = (2.0, 4.0)  # camera: coarser steps,
SUITE_OFFSET = (300.0, 800.0)
SUITE_READ_NOISE = (6.0, 10.0)  # a noisier sensor
SUITE_ROW_NOISE = 3.0
SUITE_RESPONSE = 0.03  # with a stronger fixed pattern,
SUITE_SENSOR_BLUR_PX = (0.5, 0.8)  # and crosstalk between pixels


@dataclass(frozen=True)
class Acquisition:
    """The conditions of one field."""

    covers: dict[int, float]  # by species code, share of the area
    modality: str
    focus: Focus
    electrons: float  # per pixel of the empty background
    vignette: float
    camera: Camera
    response: float = PIXEL_RESPONSE  # standard deviation of the pixels' sensitivity
    sensor_blur_px: float = 0.0  # crosstalk, as the standard deviation of a Gaussian
    pixel: float = 1.0  # size of a pixel, relative to that of the simulation
    coarse: float = 1.0  # size of the camera's pixel relative to the image's: one that is larger is enlarged
    hot: float = 0.0  # share of pixels that are hot
    filtered: bool = False  # whether software took the median of each pixel and its neighbours
    slide: Slide = field(default_factory=Slide)


def groups(params: BacteriaSimulation) -> int:
    """Number of fields; each is a separate acquisition."""
    return params.images


def per_group(params: BacteriaSimulation) -> int:
    """One image per field."""
    del params
    return 1


def simulate_group(
    params: BacteriaSimulation, number: int, rng: np.random.Generator, suite: Suite | None = None
) -> Iterator[Record]:
    """Simulate one field.

    Yields:
        A record with an image (size_px, size_px) uint16; ``labels`` (size_px, size_px) int32, 1 to n without gaps,
        each a connected region without holes; ``species`` (n + 1,) uint8 (1 Myxococcus, 2 E. coli); on request,
        ``fluorescence`` (size_px, size_px) float32 electrons, with bright E. coli; and a row of kind (modality), focus_um, cover
        (share of the pixels) and electrons.
    """
    name, pixel_um = f"field{number:04d}", params.pixel_size_um
    # one random stream per step, so that a suite that changes one leaves the others as they are
    taking, placing, lighting, photographing, glowing = rng.spawn(5)
    how = draw_acquisition(params, taking, number, suite)
    pixel_um *= how.pixel
    scene = draw_scene(params.size_px, pixel_um, how.covers, placing, how.slide.species)
    light = transmitted_light(scene, how.modality, how.focus, pixel_um, lighting, how.slide)
    image = photograph(light, how, photographing)
    fields: dict[str, npt.NDArray[Any]] = {"labels": scene.labels, "species": scene.species}
    if params.fluorescence:
        fields["fluorescence"] = fluorescence(scene, pixel_um, glowing)
    cover = float((scene.labels > 0).mean())
    row = {"kind": how.modality, "focus_um": how.focus.z_um, "cover": cover, "electrons": how.electrons}
    yield Record(name, name, image, fields, row)


def draw_acquisition(
    params: BacteriaSimulation, rng: np.random.Generator, number: int = 0, suite: Suite | None = None
) -> Acquisition:
    """Draw the conditions of field ``number``; a suite changes one of them and leaves the others as drawn."""
    draw = _draw_acquisition if params.variety == "usual" else _draw_wide
    usual = draw(params.phase_fraction, rng)
    if params.appearance is not None:
        usual = _matched(usual, params.appearance, rng)
    return usual if suite is None else SUITES[suite](usual, number, rng)


def _draw_acquisition(phase_fraction: float, rng: np.random.Generator) -> Acquisition:
    modality = "phase" if rng.uniform() < phase_fraction else "brightfield"
    return Acquisition(
        covers={code: rng.uniform(*limits) for code, limits in COVER.items()},
        modality=modality,
        focus=Focus(FOCUS_UM[modality] * rng.uniform(-1, 1), rng.uniform(0, TILT_UM[modality])),
        electrons=log_uniform(*ELECTRONS, rng),
        vignette=rng.uniform(*VIGNETTE),
        camera=Camera(
            rng.uniform(*ELECTRONS_PER_COUNT), rng.uniform(*OFFSET), rng.uniform(*READ_NOISE), row_noise=ROW_NOISE
        ),
    )


def _draw_wide(phase_fraction: float, rng: np.random.Generator) -> Acquisition:
    modality = "phase" if rng.uniform() < phase_fraction else "brightfield"
    wide, electrons = variety.draw_wide(rng), log_uniform(*variety.ELECTRONS, rng)
    return Acquisition(
        covers=variety.draw_covers(rng),
        modality=modality,
        focus=variety.draw_focus(modality, rng),
        electrons=electrons,
        vignette=rng.uniform(*variety.VIGNETTE),
        camera=variety.draw_camera(electrons, rng),
        response=rng.uniform(*variety.RESPONSE),
        sensor_blur_px=rng.uniform(*variety.BLUR_PX),
        pixel=wide.pixel,
        coarse=wide.coarse,
        hot=wide.hot,
        filtered=wide.filtered,
        slide=wide.slide,
    )


def _matched(usual: Acquisition, own: BacteriaAppearance, rng: np.random.Generator) -> Acquisition:
    """Draw the values that an appearance sets from its ranges."""
    covers, camera, focus = dict(usual.covers), usual.camera, usual.focus
    for code, limits in ((MYXOCOCCUS.code, own.myxococcus), (E_COLI.code, own.e_coli)):
        if limits is not None:
            covers[code] = rng.uniform(*limits)
    for name in ("offset", "electrons_per_count", "read_noise"):
        if (limits := getattr(own, name)) is not None:
            camera = replace(camera, **{name: rng.uniform(*limits)})
    if own.focus_um is not None:
        focus = replace(focus, z_um=float(rng.choice([-1.0, 1.0])) * rng.uniform(*own.focus_um))
    electrons = usual.electrons if own.electrons is None else log_uniform(*own.electrons, rng)
    return replace(usual, covers=covers, camera=camera, focus=focus, electrons=electrons)


def _defocused(usual: Acquisition, number: int, rng: np.random.Generator) -> Acquisition:
    # not random: four consecutive fields have each grade on each side of the focus
    grade, side = SUITE_FOCUS[number % 2], (-1) ** (number // 2)
    z_um = side * FOCUS_UM[usual.modality] * rng.uniform(*grade)
    return replace(usual, focus=replace(usual.focus, z_um=z_um))


def _dense(usual: Acquisition, number: int, rng: np.random.Generator) -> Acquisition:
    del number
    return replace(usual, covers={code: rng.uniform(*limits) for code, limits in SUITE_COVER.items()})


def _dimmed(usual: Acquisition, number: int, rng: np.random.Generator) -> Acquisition:
    del number
    return replace(usual, electrons=log_uniform(*SUITE_ELECTRONS, rng), vignette=rng.uniform(*SUITE_VIGNETTE))


def _other_camera(usual: Acquisition, number: int, rng: np.random.Generator) -> Acquisition:
    del number
    camera = Camera(
        rng.uniform(*SUITE_ELECTRONS_PER_COUNT),
        rng.uniform(*SUITE_OFFSET),
        rng.uniform(*SUITE_READ_NOISE),
        row_noise=SUITE_ROW_NOISE,
    )
    blur = rng.uniform(*SUITE_SENSOR_BLUR_PX)
    return replace(usual, camera=camera, response=SUITE_RESPONSE, sensor_blur_px=blur)


SUITES: dict[Suite, Callable[[Acquisition, int, np.random.Generator], Acquisition]] = {
    "focus": _defocused,
    "density": _dense,
    "light": _dimmed,
    "camera": _other_camera,
}


def photograph(light: Real, how: Acquisition, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """The camera's image of this light (H, W), 1 where there is no cell."""
    whole = light.shape
    if how.coarse > 1:
        light = images.magnified(light, 1 / how.coarse)
    shape = (light.shape[0], light.shape[1])
    uneven = illumination(shape, rng, how.vignette) * dust(shape, rng)
    electrons = how.electrons * light * uneven
    if how.sensor_blur_px:
        electrons = ndimage.gaussian_filter(electrons, how.sensor_blur_px, mode="nearest")
    image: npt.NDArray[np.uint16] = how.camera.expose(electrons, rng, pixel_response(shape, rng, how.response))
    if how.hot:
        hot = rng.uniform(size=shape) < how.hot
        most = 2**how.camera.bits - 1
        image[hot] = np.clip(rng.uniform(1.5, 4.0, int(hot.sum())) * np.median(image), 0, most).astype(image.dtype)
    if how.filtered:
        image = ndimage.median_filter(image, MEDIAN_PX, mode="nearest")
    return image.astype(np.uint16) if image.shape == whole else _enlarged(image, whole)


def _enlarged(image: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    """An image at another shape, interpolated as for a prediction at another magnification; it keeps a few steps of a count."""
    factor = FINE_STEPS if image.dtype == np.uint8 else 1
    fine = images.resized(image, (shape[0], shape[1])) * factor
    return np.clip(np.rint(fine), 0, 2**16 - 1).astype(np.uint16)
