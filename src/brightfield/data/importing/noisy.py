"""Noisy images without clean ones: images alone, time-lapses, and repeats of fields.

A field that was taken several times tells how good an answer is: each of its images is compared with the mean of the others, whose
noise is independent of its own. Of images alone nothing but their noisy pixels is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.data import noise
from brightfield.data.importing.checks import Part, Request
from brightfield.data.importing.pieces import joined, numbered
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

GROUP = r"^(?P<group>[^_]+)_"
GROUP_RULE = "the name up to its first underscore"
ALONE_RULE = f"the folder, or {GROUP_RULE}; of a stack its name"
ANY = r"^(?P<group>.*)$"
FIELD_RULE = "the field"
MEASURED_IMAGES = 8  # largest number of images on which the correlation of the noise is measured
DRIFT = (
    0.5  # deviation of the brightness of whole repeats, in deviations of their noise, above which the import says so
)


@dataclass
class Series:
    """Images in order: those of a stack, or of its pieces, or files of one image each.

    Attributes:
        name: path of the stack or folder within the source, without suffix.
        common: the same without a number at the end, where stacks differ by it alone: they may be pieces of one movie.
        files: its files.
        is_stack: whether a file holds several images.
    """

    name: str
    common: str
    files: list[Path]
    is_stack: bool


@dataclass
class Noise:
    """How the noise of neighbouring pixels hangs together in a few of the images, measured when it is first asked for."""

    request: Request
    measured: Callable[[], Iterator[noise.Correlation]]
    found: noise.Correlation = field(init=False)

    @cached_property
    def mask(self) -> str:
        """What hides a pixel: ``row`` or ``column`` where the noise has stripes. The report says what to do about it."""
        found = noise.mean(list(self.measured()))
        if found.mask != "pixel":
            correlation = getattr(found, found.mask)
            self.request.findings.note(
                f"the noise is alike along each {found.mask} (correlation of neighbours {correlation:.2f}): set "
                f"training.blind_mask: {found.mask} beside training.blind_spots"
            )
        elif found.is_smeared:
            self.request.findings.note(
                f"the noise of neighbours is alike (correlation {found.row:.2f} in rows, {found.column:.2f} in columns), as after "
                "resizing, blur, colour interpolation or JPEG: blind spots take it for structure; import what the camera recorded"
            )
        return found.mask


def parts_alone(request: Request, top: Path) -> list[Part]:
    """One part for each file of noisy images without truth. Raises BrightfieldError where there are none."""
    found = _seriess(request, top)
    files = [file for each in found for file in each.files]
    for each in found:
        if each.common != each.name and not request.grouping.is_chosen:
            request.findings.warn(
                request.relative(each.files[0]),
                "stacks of one name with numbers may be pieces of one movie: they are one group; where each is a movie of its own, "
                "give --group-pattern '(.+)'",
            )
    how = Noise(request, lambda: map(noise.of_image, _first_images(files)))
    return [_alone(request, top, each, file, how) for each in found for file in each.files]


def _alone(request: Request, top: Path, series: Series, file: Path, how: Noise) -> Part:
    relative = request.relative(file)
    inside = file.relative_to(top)
    folder = "" if inside.parent == Path() else inside.parts[0]
    named = series.common if series.is_stack and not request.grouping.is_chosen else images.stem(file)
    group = request.group(folder or named, relative, ANY if folder or series.is_stack else GROUP, ALONE_RULE)
    place = inside.with_name(images.stem(file)).as_posix()
    ids = [request.new_id(f"{place}_{i:04d}" if series.is_stack else place) for i in range(_count(request, file))]

    def records() -> Iterator[Record]:
        for i, read in enumerate(images.frames_of([file])):
            image = request.grey(relative, read.image)
            yield Record(ids[i], group, image, {}, {"labelled": 0, "frame": i, "blind_mask": how.mask})

    return Part(relative, (file,), records, _count_alone, group, series.is_stack)


def parts_of_repeats(request: Request, top: Path) -> list[Part]:
    """One part for each field. Raises BrightfieldError where there are none."""
    found = _seriess(request, top)
    how = Noise(request, lambda: (noise.of_difference(*pair) for pair in _first_pairs(found)))
    fields = []
    for each in found:
        if len(each.files) > 1 or each.is_stack:
            fields.append(_field(request, each, how))
        else:
            request.findings.problem(
                f"{each.name} is one image of a field, expected two repeats of each field or more; noisy images alone are for "
                "--noisy"
            )
    return fields


def _field(request: Request, series: Series, how: Noise) -> Part:
    name = request.relative(series.files[0]) if series.is_stack else series.name
    groups = {_group_of_field(request, series, file) for file in series.files}
    count = sum(_count(request, file) for file in series.files)
    if len(groups) > 1:
        request.findings.problem(f"{name} is one field in the groups {', '.join(sorted(groups))}, expected one")
    ids = [request.new_id(f"{series.name}_{i:04d}") for i in range(count)]
    group = min(groups)

    def records() -> Iterator[Record]:
        taken = _same_size(name, [request.grey(name, read.image) for read in images.frames_of(series.files)])
        # means of whole images are nearly free of noise: what they differ by is the lamp, or bleaching, and no error of an answer
        means = [float(each.mean(dtype=np.float64)) for each in taken]
        level = [each.astype(np.float64) - mean for each, mean in zip(taken, means, strict=True)]
        total, variance = np.sum(level, axis=0), float(np.mean(np.var(level, axis=0, ddof=1)))
        if variance == 0:
            raise BrightfieldError(f"The repeats of {name} hold the same pixels, expected noise of its own in each.")
        if np.std(means) > DRIFT * np.sqrt(variance):
            request.findings.warn(
                name,
                "its repeats differ in brightness (bleaching, the lamp): what is estimated from them may be too low",
            )
        deviation = float(np.sqrt(variance / (count - 1)))
        for i, image in enumerate(taken):
            others = ((total - level[i]) / (count - 1) + means[i]).astype(np.float32)
            row = {"field": series.name, "frame": i, "repeats_deviation": deviation, "blind_mask": how.mask}
            yield Record(ids[i], group, image, {"repeats": others}, row)

    return Part(name, tuple(series.files), records, _count_repeats, series.name, stack=True)


def _group_of_field(request: Request, series: Series, file: Path) -> str:
    name = images.stem(file) if request.grouping.is_chosen else series.name
    return request.group(name, request.relative(file), ANY, FIELD_RULE)


def _seriess(request: Request, top: Path) -> list[Series]:
    """The stacks, and the folders of single images, below a folder. Raises BrightfieldError where there are none."""
    found: list[Series] = []
    waiting = [top]
    while waiting:
        folder = waiting.pop(0)
        inner, files = request.children(folder)
        request.once(files)
        place = folder.relative_to(top)
        counts = {file: _count(request, file) for file in files}
        singles = [file for file in files if counts[file] == 1]
        if singles:
            name = place.as_posix() if place.parts else request.source.name
            found.append(Series(name, name, singles, is_stack=False))
        stacks = joined([file for file in files if counts[file] > 1], request.findings.problem)
        common = numbered(stacks)
        for base, pieces in stacks.items():
            name, shorter = (place / base).as_posix(), (place / (common.get(base) or base)).as_posix()
            found.append(Series(name, shorter, pieces, is_stack=True))
        waiting += inner
    if not found and not request.findings.problems:
        raise BrightfieldError(f"{top} has no images, expected noisy images in it or in folders of it.")
    return found


def _count(request: Request, file: Path) -> int:
    """Number of images of a file; one that cannot be read is a problem, and counts as one."""
    try:
        return images.frame_count(file)
    except BrightfieldError as error:
        request.findings.problem(str(error))
        return 1


def _first_images(files: Sequence[Path]) -> Iterator[npt.NDArray[np.float64]]:
    """The first image of a few files; of those that cannot be read the import speaks elsewhere."""
    for file in images.evenly_spaced(files, MEASURED_IMAGES):
        try:
            yield images.to_grey(next(iter(images.frames_of([file]))).image).astype(np.float64)
        except BrightfieldError:
            continue


def _first_pairs(fields: Sequence[Series]) -> Iterator[tuple[images.Image, images.Image]]:
    """The first two images of a few fields."""
    for each in images.evenly_spaced(fields, MEASURED_IMAGES):
        try:
            read = images.frames_of(each.files)
            first, second = (images.to_grey(next(read).image) for _ in range(2))
        except (BrightfieldError, StopIteration, RuntimeError):
            continue
        if first.shape == second.shape:
            yield first, second


def _same_size(name: str, taken: list[images.Image]) -> list[images.Image]:
    for i, image in enumerate(taken):
        if image.shape != taken[0].shape:
            height, width = taken[0].shape
            raise BrightfieldError(
                f"{name}, repeat {i} is {image.shape[0]} x {image.shape[1]} pixels, expected {height} x {width} like the first."
            )
    return taken


def _count_alone(record: Record) -> dict[str, int]:
    return {"noisy images alone": int("repeats" not in record.fields)}


def _count_repeats(record: Record) -> dict[str, int]:
    return {"images with other repeats": int("repeats" in record.fields)}


PARTS = {"noisy": parts_alone, "repeats": parts_of_repeats}  # by the folder, or the option, that says so
