"""Smears of many labs: any stain, light, camera, magnification and density, for networks that others begin with.

Ranges are wider than what one lab's pictures show, so that a network that learnt them has seen something like those of the next.
What a label means stays: shapes, focus and the errors of contours are in um, whatever the size of a pixel.
"""

from __future__ import annotations

import numpy as np

from brightfield.simulate.optics import Real, log_uniform
from brightfield.simulate.rbc.erythrocyte import cell_thickness, healthy_cell
from brightfield.simulate.rbc.smears import STAINS, Smear

# log2 of the magnification: lowest, most frequent and highest; three in four lie between 0.7 and 1.4. A pixel of other labs is
# larger more often than smaller: they resample their crops until a cell fills half of them
MAGNIFICATION = (-1.0, -0.2, 1.0)
# Absorption per um: those of one lab, bare haemoglobin, a brown and a purple of old or strong stains
DYES = np.vstack([STAINS, [[0.02, 0.06, 0.20], [0.06, 0.12, 0.16], [0.10, 0.22, 0.07]]])
STRENGTH = (0.35, 2.2)  # factor of the absorption: pale to dark
# Background in red, green and blue: white, grey-green, pink, yellow, blue and lilac
TINTS = np.array(
    [[1.0, 1.0, 1.0], [0.90, 1.0, 0.94], [1.0, 0.86, 0.90], [1.0, 0.91, 0.78], [0.72, 0.86, 1.0], [0.92, 0.90, 1.0]]
)
BRIGHTNESS = (0.42, 1.05)  # of the background, 1 is the largest count; beyond, it saturates
GAMMA = (0.45, 1.3)  # exponent of the tone curve
LINEAR = 0.4  # share of the cameras without one
ELECTRONS = (400.0, 1e5)  # per pixel at white: noisy to clean
READ_NOISE = 0.008  # largest, relative to white
BLUR_UM = 0.22  # largest: two thirds of the blur by the defocus that half of the experts call bad
FOCUS_UM = 0.35  # standard deviation of the smears' focus
SHARPENED, SHARPENING = 0.4, (0.2, 1.2)  # share of the cameras that sharpen, and how much
COMPRESSED, COMPRESSION = 0.5, (1.0, 12.0)  # share of the pictures that were compressed, and how much
TEXTURE = 0.03  # largest
CLEAN = 0.4  # share of the smears without texture, dust and uneven light
CONTOURS = 0.25  # share of the smears with contours drawn
OFF_CENTRE_UM = 6.0  # where they are not: of a contour with an error of 1
ALONE = 0.25  # share of the smears without further cells around,
CROWDING = (0.1, 1.8)  # and how many there are in the others, on 100 um^2
NEAREST_UM = 6.5  # distance between two of them: they may overlap a little
BOX_UM = 6.0  # half the side of the box that holds any healthy cell


def wide_smear(rng: np.random.Generator) -> Smear:
    """Draw a smear of any lab."""
    gamma = 1.0 if rng.uniform() < LINEAR else log_uniform(*GAMMA, rng)
    tint = rng.dirichlet(np.full(len(TINTS), 0.35)) @ TINTS * rng.lognormal(0, 0.03, 3)
    background = rng.uniform(*BRIGHTNESS) * tint / tint.max()
    clean, electrons = rng.uniform() < CLEAN, log_uniform(*ELECTRONS, rng)
    sharpens, compresses = rng.uniform(size=2) < (SHARPENED, COMPRESSED)
    return Smear(
        # contrast behind the tone curve is gamma times that before it
        stain=rng.dirichlet(np.full(len(DYES), 0.5)) @ DYES * log_uniform(*STRENGTH, rng) / gamma,
        white=background ** (1 / gamma),
        focus_um=rng.normal(0, FOCUS_UM),
        electrons=electrons,
        neighbours=rng.uniform(),
        texture=0.0 if clean else rng.uniform(0, TEXTURE),
        gamma=gamma,
        read_noise=electrons * READ_NOISE * rng.uniform() ** 2,
        contour=bool(rng.uniform() < CONTOURS),
        off_centre_um=OFF_CENTRE_UM,
        magnification=float(2 ** rng.triangular(*MAGNIFICATION)),
        blur_um=rng.uniform(0, BLUR_UM),
        crowding=0.0 if rng.uniform() < ALONE else rng.uniform(*CROWDING),
        unevenness=0.0 if clean else rng.uniform(0.3, 1.7),
        sharpening=rng.uniform(*SHARPENING) if sharpens else 0.0,
        compression=log_uniform(*COMPRESSION, rng) if compresses else 0.0,
    )


def crowd(
    density: float, centre_um: Real, apart_um: float, size: int, step_um: float, rng: np.random.Generator
) -> Real:
    """Thickness in um of the cells around one, (size, size) float32.

    Args:
        density: number on 100 um^2, before those too near to another are left out.
        centre_um: x and y of the cell in question, relative to the middle of the grid.
        apart_um: smallest distance from it.
        size: samples per side.
        step_um: distance between samples.
        rng: source of everything random.
    """
    box = 2 * int(np.ceil(BOX_UM / step_um)) + size % 2
    half = size * step_um / 2 + BOX_UM
    margin = box  # around the grid, so that every box fits
    thickness = np.zeros((size + 2 * margin,) * 2, np.float32)
    placed: list[Real] = [np.asarray(centre_um)]
    for place in rng.uniform(-half, half, (rng.poisson(density * (2 * half) ** 2 / 100), 2)):
        away = np.linalg.norm(np.array(placed) - place, axis=1)
        if away[0] < apart_um or (away[1:] < NEAREST_UM).any():
            continue
        placed.append(place)
        corner = np.rint(place / step_um).astype(int) + (size - box) // 2 + margin
        beside = place - np.rint(place / step_um) * step_um
        rows, columns = (slice(start, start + box) for start in corner[::-1])
        thickness[rows, columns] += cell_thickness(healthy_cell(rng), beside, box, step_um, rng)
    return thickness[margin:-margin, margin:-margin]
