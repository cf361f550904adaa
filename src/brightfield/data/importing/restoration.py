"""Clean images, alone or with the noisy images of the same scenes.

Clean images alone get the noise of a camera, as in the denoise simulation (:func:`with_camera_noise`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.data.importing.checks import Importer, Part, Request
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

GROUP = r"^(?P<group>[^_]+)_"
GROUP_RULE = "the name up to its first underscore"
PEAK_ELECTRONS = (4.0, 60.0)  # range of the brightest pixel, drawn log-uniformly: from hardly visible to fair
READ_NOISE = 1.6  # standard deviation in electrons: a scientific CMOS camera
SEED = 20_240_601  # fixed, so that the same images give the same dataset
_PAIRS = (("clean", "noisy"), ("high", "low"))


def parts(request: Request) -> list[Part]:
    """One part for each clean image. Raises BrightfieldError where there are none."""
    folders, files = request.children(request.source)
    by_name = {folder.name: folder for folder in folders}
    for clean, noisy in _PAIRS:
        if {clean, noisy} <= by_name.keys():
            _leave_out(request, folders, files, (clean, noisy))
            return _paired(request, _stems(request, by_name[clean]), _stems(request, by_name[noisy]))
    alone = by_name.get("clean")
    if alone is not None:
        _leave_out(request, folders, files, ("clean",))
        files = list(_stems(request, alone).values())
    else:
        _leave_out(request, folders, [], ())
    if not files:
        raise BrightfieldError(
            f"{request.source} has no images, expected clean images in it, or the folders clean and noisy (or high and "
            f"low) with files of the same names. It has the folders: {', '.join(by_name) or 'none'}."
        )
    request.findings.note(
        f"camera noise was added to the clean images: {PEAK_ELECTRONS[0]:g} to {PEAK_ELECTRONS[1]:g} electrons at "
        f"their brightest, read noise {READ_NOISE:g} electrons"
    )
    return [_simulated(request, path) for path in files]


def _leave_out(request: Request, folders: list[Path], files: list[Path], taken: tuple[str, ...]) -> None:
    for folder in [folder for folder in folders if folder.name not in taken]:
        request.findings.warn(f"folder {folder.name}", "left out")
    for file in files:
        request.findings.warn(file.name, "lies beside the folders, left out")


def _stems(request: Request, folder: Path) -> dict[str, Path]:
    folders, files = request.children(folder)
    for inner in folders:
        request.findings.warn(f"folder {request.relative(inner)}", "left out, expected files only")
    return {images.stem(file): file for file in files}


def _paired(request: Request, clean: dict[str, Path], noisy: dict[str, Path]) -> list[Part]:
    for one, other in ((clean, noisy), (noisy, clean)):
        for name in [name for name in one if name not in other]:
            request.findings.problem(f"{request.relative(one[name])} has no file of the same name in the other folder")
    if not clean and not noisy:
        raise BrightfieldError(f"The folders of {request.source} have no images, expected pairs of the same names.")
    return [_pair(request, name, clean[name], noisy[name]) for name in clean if name in noisy]


def _pair(request: Request, name: str, clean_path: Path, noisy_path: Path) -> Part:
    relative = request.relative(clean_path)
    group = request.group(name, relative, GROUP, GROUP_RULE)
    identity = request.new_id(name)

    def records() -> Iterator[Record]:
        clean = request.grey(relative, images.read(clean_path)).astype(np.float32)
        noisy = request.grey(request.relative(noisy_path), images.read(noisy_path))
        if clean.shape != noisy.shape:
            raise BrightfieldError(
                f"{request.relative(noisy_path)} is {noisy.shape[0]} x {noisy.shape[1]} pixels, expected the size of "
                f"{relative}: {clean.shape[0]} x {clean.shape[1]}."
            )
        if noisy.min() == noisy.max():
            raise BrightfieldError(f"{request.relative(noisy_path)} is constant, expected an image with contrast.")
        yield Record(identity, group, noisy, {"clean": clean})

    return Part(relative, records, series=group)


def _simulated(request: Request, path: Path) -> Part:
    relative = request.relative(path)
    group = request.group(images.stem(path), relative, GROUP, GROUP_RULE)
    identity = request.new_id(images.stem(path))

    def records() -> Iterator[Record]:
        clean = request.grey(relative, images.read(path)).astype(np.float32)
        rng = np.random.default_rng([SEED, zlib.crc32(identity.encode())])  # independent of the other images
        noisy, peak = with_camera_noise(clean, rng)
        yield Record(identity, group, noisy, {"clean": clean}, {"peak_electrons": peak})

    return Part(relative, records)


def with_camera_noise(
    clean: npt.NDArray[np.float32], rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], float]:
    """Simulate a camera with little light: the noisy image in the units of the clean (H, W) image, and its peak in electrons.

    The darkest pixel is taken as zero light and the 99.9th percentile as the peak: noisy = dark + (bright - dark) *
    (Poisson(peak * f) + N(0, read noise)) / peak, with f = (clean - dark) / (bright - dark); so the mean of many draws
    is the clean image.
    """
    low, high = (float(np.log(electrons)) for electrons in PEAK_ELECTRONS)
    peak = float(np.exp(rng.uniform(low, high)))
    dark = float(clean.min())
    bright = float(np.percentile(clean, 99.9))
    scale = bright - dark if bright > dark else max(float(clean.max()) - dark, 1.0)
    fraction = (clean.astype(np.float64) - dark) / scale
    electrons = rng.poisson(peak * fraction) + rng.normal(0.0, READ_NOISE, clean.shape)
    return (dark + scale * electrons / peak).astype(np.float32), peak


IMPORTER = Importer(parts)
