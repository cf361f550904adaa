"""Clean images, alone or with the noisy images of the same scenes; noisy images alone (:mod:`.noisy`).

Clean images alone get the noise of a camera, as in the denoise simulation (:func:`with_camera_noise`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.data.importing import noisy
from brightfield.data.importing.checks import Importer, Part, Request
from brightfield.data.importing.layouts import PAIRS, noisy_beside_clean
from brightfield.data.importing.truths import clean_by_name
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

PEAK_ELECTRONS = (4.0, 60.0)  # range of the brightest pixel, drawn log-uniformly: from hardly visible to fair
READ_NOISE = 1.6  # standard deviation in electrons: a scientific CMOS camera
SEED = 20_240_601  # fixed, so that the same images give the same dataset


def parts(request: Request) -> list[Part]:
    """One part for each clean image, noisy image or field. Raises BrightfieldError where there are none."""
    if request.noisy is not None:
        return noisy.PARTS[request.noisy](request, request.source)
    folders, files = request.children(request.source)
    by_name = {folder.name: folder for folder in folders}
    pair = _pair_of(by_name)
    if pair is not None:
        _leave_out(request, [*folders, *files], pair, "beside the folders of pairs")
        return _paired(request, [pair])
    sort = next((name for name in ("clean", *noisy.PARTS) if name in by_name), None)
    if sort in noisy.PARTS:
        _leave_out(request, [*folders, *files], (by_name[sort],), f"beside the folder {sort}")
        return noisy.PARTS[sort](request, by_name[sort])
    if not files and sort is None and (pairs := _nested_pairs(request, folders)):
        return _paired(request, pairs)
    alone = by_name.get("clean")
    if alone is not None:
        _leave_out(request, [*folders, *files], (alone,), "beside the folder clean")
        files = list(_images_below(request, alone).values())
    else:
        request.once(files)
        _leave_out(request, folders, (), "a folder, not looked into")
    if not files and not request.findings.problems:
        raise BrightfieldError(
            f"{request.source} has no images, expected clean images in it, or the folders clean and noisy (or high and "
            "low) with files of the same names, or the folder noisy or repeats alone (or --noisy, --repeats). "
            f"It has the folders: {', '.join(by_name) or 'none'}."
        )
    request.findings.note(
        f"camera noise was added to the clean images: {PEAK_ELECTRONS[0]:g} to {PEAK_ELECTRONS[1]:g} electrons at "
        f"their brightest, read noise {READ_NOISE:g} electrons; if they are noisy themselves, give --noisy"
    )
    return [_simulated(request, path) for path in files]


def _pair_of(by_name: Mapping[str, Path]) -> tuple[Path, Path] | None:
    """The folders of clean and noisy images, of the first pair of names that is there."""
    return next(((by_name[one], by_name[other]) for one, other in PAIRS if {one, other} <= by_name.keys()), None)


def _nested_pairs(request: Request, folders: Iterable[Path]) -> list[tuple[Path, Path]]:
    """The folders of clean and noisy images inside these folders, at any depth (by day, by specimen); none: nothing is left out."""
    found: list[tuple[Path, Path]] = []
    beside: list[Path] = []
    waiting = list(folders)
    while waiting:
        inner, files = request.children(waiting.pop(0))
        pair = _pair_of({folder.name: folder for folder in inner})
        found += [pair] if pair else []
        beside += [*files, *([folder for folder in inner if folder not in pair] if pair else [])]
        waiting += [] if pair else inner
    if found:
        _leave_out(request, beside, (), "beside the folders of pairs")
    return found


def _leave_out(request: Request, entries: Iterable[Path], taken: tuple[Path, ...], why: str) -> None:
    for path in entries:
        if path not in taken:
            request.leave_out(path, why)


def _images_below(request: Request, top: Path) -> dict[str, Path]:
    """The images of a folder and of all folders in it, by their path within it without suffix, case and Unicode form."""
    found: dict[str, Path] = {}
    waiting = [top]
    while waiting:
        folder = waiting.pop(0)
        inner, files = request.children(folder)
        place = folder.relative_to(top)
        found |= {images.name_key((place / name).as_posix()): path for name, path in request.once(files).items()}
        waiting += inner
    return found


def _paired(request: Request, folders: Iterable[tuple[Path, Path]]) -> list[Part]:
    made: list[Part] = []
    for clean_folder, noisy_folder in folders:
        clean, dim = _images_below(request, clean_folder), _images_below(request, noisy_folder)
        for one, other in ((clean, dim), (dim, clean)):
            for name in [name for name in one if name not in other]:
                request.findings.problem(
                    f"{request.relative(one[name])} has no file of the same name in the other folder"
                )
        made += [_pair(request, clean_folder, clean[name], dim[name]) for name in clean if name in dim]
    if not made and not request.findings.problems:
        raise BrightfieldError(f"The folders of {request.source} have no images, expected pairs of the same names.")
    return made


def _pair(request: Request, top: Path, clean_path: Path, noisy_path: Path) -> Part:
    relative = request.relative(clean_path)
    group = request.group(images.stem(clean_path), relative, noisy.GROUP, noisy.GROUP_RULE)
    inside = (top.parent.relative_to(request.source) / clean_path.parent.relative_to(top)).as_posix()
    name = images.stem(clean_path)
    identity = request.new_id(name if inside == "." else f"{inside}/{name}")

    def records() -> Iterator[Record]:
        clean = request.grey(relative, images.read(clean_path)).astype(np.float32)
        dim = request.grey(request.relative(noisy_path), images.read(noisy_path))
        if clean.shape != dim.shape:
            raise BrightfieldError(
                f"{request.relative(noisy_path)} is {dim.shape[0]} x {dim.shape[1]} pixels, expected the size of "
                f"{relative}: {clean.shape[0]} x {clean.shape[1]}."
            )
        if dim.min() == dim.max():
            raise BrightfieldError(f"{request.relative(noisy_path)} is constant, expected an image with contrast.")
        yield Record(identity, group, dim, {"clean": clean})

    return Part(relative, (clean_path, noisy_path), records, series=group)


def _simulated(request: Request, path: Path) -> Part:
    relative = request.relative(path)
    group = request.group(images.stem(path), relative, noisy.GROUP, noisy.GROUP_RULE)
    identity = request.new_id(images.stem(path))

    def records() -> Iterator[Record]:
        clean = request.grey(relative, images.read(path)).astype(np.float32)
        rng = np.random.default_rng([SEED, zlib.crc32(identity.encode())])  # independent of the other images
        dim, peak = with_camera_noise(clean, rng)
        yield Record(identity, group, dim, {"clean": clean}, {"peak_electrons": peak})

    return Part(relative, (path,), records)


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


IMPORTER = Importer(parts, inputs=noisy_beside_clean, accepts_noisy=True, truths=clean_by_name)
