"""Images with the instance labels of their cells.

Two layouts, at any depth: one folder per image with ``image.tif``, ``labels.tif`` and optionally ``fluorescence.tif``; or the
parallel folders ``images``, ``labels`` and optionally ``fluorescence`` with files of the same names. Labels may also be HDF5 of
ilastik (``labels.h5``), selections of ImageJ (``RoiSet.zip`` or a folder ``rois`` beside the image, or the parallel folder
``rois``), or the masks that Cellpose saves beside an image of any name (``a.tif``, ``a_cp_masks.png``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images, layout
from brightfield.data.importing import labels as label_files
from brightfield.data.importing.checks import Importer, Part, Request, never
from brightfield.data.importing.labels import is_labels, plain_name
from brightfield.data.importing.layouts import MASKS, ROIS, SPECIES_CSV, fields_beside_labels
from brightfield.data.importing.truths import labels_by_name
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import file_key, read_csv, shown

GROUP = r"^(?P<group>.+)_[0-9]+$"
GROUP_RULE = "the name without its number at the end"

Species = dict[str, dict[int, int]]  # image -> label -> species


@dataclass(frozen=True)
class _Pair:
    """An image with its labels.

    Attributes:
        name: their common name, from which the group is found.
        place: the name with its folder, unique in the source.
        key: what the image is called in the dataset and in ``species.csv``: the name, or the place where several share the name.
    """

    name: str
    place: str
    image: Path
    labels: Path
    fluorescence: Path | None
    key: str = ""


def parts(request: Request) -> list[Part]:
    """One part for each pair, from folders at any depth. Raises BrightfieldError if neither layout is found."""
    pairs: list[_Pair] = []
    waiting = [request.source]
    while waiting:
        folder = waiting.pop(0)
        folders, files = request.children(folder, partial(_is_species, request), _is_either, _is_masks)
        by_name = {inner.name: inner for inner in folders}
        if "images" in by_name and not by_name.keys().isdisjoint({"labels", ROIS}):
            pairs += _parallel(request, folder, by_name)
            for file in files:
                request.leave_out(file, "beside the folders images and labels")
        else:
            pairs += _folder(request, folder, files, by_name.pop(ROIS, None))
            waiting = [*by_name.values(), *waiting]
    if not pairs and not request.findings.problems:
        raise BrightfieldError(
            f"{request.source} has no images with labels, expected a folder for each image with image.tif and "
            "labels.tif (or labels.h5, RoiSet.zip, rois; and fluorescence.tif), or the folders images and labels or rois "
            "(and fluorescence) with files of the same names."
        )
    names = Counter(images.name_key(pair.name) for pair in pairs)
    pairs = [replace(pair, key=pair.name if names[images.name_key(pair.name)] == 1 else pair.place) for pair in pairs]
    species = _read_species(request, {pair.key for pair in pairs})
    return [_part(request, pair, species) for pair in pairs]


def _is_species(request: Request, path: Path) -> bool:
    return path == request.source / SPECIES_CSV


def _is_either(path: Path) -> bool:
    return images.is_image(path) or is_labels(path)


def _is_masks(path: Path) -> bool:
    """Whether a file has the labels that Cellpose or ilastik saves beside an image."""
    return is_labels(path) or (images.is_image(path) and images.stem(path).endswith(MASKS))


def _folder(request: Request, folder: Path, files: list[Path], rois: Path | None) -> list[_Pair]:
    """The pair called image and labels, and images with the masks of Cellpose beside them."""
    pictures = request.once([file for file in files if images.is_image(file)])
    labels = [pictures.pop("labels")] if "labels" in pictures else []
    labels += [file for file in files if is_labels(file)] + ([rois] if rois else [])
    if rois:
        _has_selections(request, rois)
    masks = {name.removesuffix(MASKS): pictures.pop(name) for name in list(pictures) if name.endswith(MASKS)}
    labels = labels or ([masks.pop("image")] if "image" in masks else [])
    picture, fluorescence = pictures.pop("image", None), pictures.pop("fluorescence", None)
    place = request.relative(folder)
    pairs = [
        _Pair(images.stem(image), f"{place}/{images.stem(image)}", image, masks.pop(name), None)
        for name, image in pictures.items()
        if name in masks
    ]
    used = {pair.image for pair in pairs}
    for extra in [*pictures.values(), *masks.values()]:
        if extra not in used:
            request.leave_out(extra, "not called image, labels or fluorescence")
    if len(labels) > 1:
        found = " and ".join(path.name for path in labels[:2])
        request.findings.problem(f"{place} has labels twice ({found}), expected one of them")
    elif picture and labels:
        pairs.append(_Pair(folder.name, place, picture, labels[0], fluorescence))
    elif picture or labels:
        found, lacks = ("image", "labels") if picture else ("labels", "image")
        request.findings.problem(f"{place} has {found}, expected {lacks} beside it")
    elif fluorescence:
        request.leave_out(fluorescence, "without an image")
    return pairs


def _parallel(request: Request, folder: Path, by_name: dict[str, Path]) -> list[_Pair]:
    truth = "labels" if "labels" in by_name else ROIS
    for other in sorted(by_name.keys() - {"images", truth, "fluorescence"}):
        request.leave_out(by_name[other], "not called images, labels or fluorescence")
    pictures, labels = _stems(request, by_name["images"]), _stems(request, by_name[truth], labels=True)
    fluorescence = _stems(request, by_name["fluorescence"]) if "fluorescence" in by_name else {}
    for found, lacks in ((pictures, labels), (labels, pictures), (fluorescence, pictures)):
        where = truth if lacks is labels else "images"
        for name in [name for name in found if name not in lacks]:
            request.findings.problem(f"{request.relative(found[name])} has no file of the same name in {where}")
    place = "" if folder == request.source else f"{request.relative(folder)}/"
    common = [(plain_name(pictures[name]), name) for name in pictures if name in labels]
    return [
        _Pair(plain, f"{place}{plain}", pictures[name], labels[name], fluorescence.get(name)) for plain, name in common
    ]


def _stems(request: Request, folder: Path, labels: bool = False) -> dict[str, Path]:
    """Files by name without suffix and without the endings of labelling tools; for labels also folders of selections."""
    accept = _is_either if labels else images.is_image
    folders, files = request.children(folder, accept=accept, wanted=_is_masks if labels else never)
    if labels:
        files = _without_other_answers(request, files)
    for inner in folders:
        if labels and _has_selections(request, inner):
            files.append(inner)
        else:
            request.leave_out(inner, "expected files only")
    return request.once(files, plain_name)


def _has_selections(request: Request, folder: Path) -> bool:
    """Whether a folder has selections of ImageJ; everything else in it is left out."""
    folders, files = request.children(folder, accept=is_labels)
    for inner in folders:
        request.leave_out(inner, "expected files only")
    return bool(files)


def _without_other_answers(request: Request, files: list[Path]) -> list[Path]:
    """The labels of a folder that ``brightfield predict`` wrote, without the overlays and class maps beside them."""
    ends = {file: end for file in files for end in layout.ANSWERS if file.name.endswith(f"_{end}")}
    own = {file.name.removesuffix(end) for file, end in ends.items() if end == layout.INSTANCES}
    others = [file for file, end in ends.items() if end != layout.INSTANCES and file.name.removesuffix(end) in own]
    for file in others:
        request.leave_out(file, "written by Brightfield")
    return [file for file in files if file not in others]


def _part(request: Request, pair: _Pair, species: Species) -> Part:
    relative = request.relative(pair.image)
    group = request.group(pair.name, relative, GROUP, GROUP_RULE)
    identity = request.new_id(pair.key)

    def records() -> Iterator[Record]:
        image = request.grey(relative, images.read(pair.image))
        name = request.relative(pair.labels)
        warn = partial(request.findings.warn, name)
        ids = label_files.read(pair.labels, (image.shape[0], image.shape[1]), request.connected, warn)
        _check_same_size(request, pair.labels, ids, pair.image, image)
        labels, ids_before = _instances(request, pair, ids)
        fields: dict[str, np.ndarray] = {"labels": labels}
        if pair.fluorescence is not None:
            light = request.grey(request.relative(pair.fluorescence), images.read(pair.fluorescence))
            _check_same_size(request, pair.fluorescence, light, pair.image, image)
            fields["fluorescence"] = light
        if species:
            fields["species"] = _species(request, pair.key, ids_before, species.get(pair.key, {}))
        yield Record(identity, group, image, fields, {"cells": len(ids_before)})

    files = (pair.image, pair.labels, *([pair.fluorescence] if pair.fluorescence else []))
    return Part(relative, files, records, counts=lambda record: {"cells": cast(int, record.row["cells"])})


def _check_same_size(request: Request, path: Path, array: np.ndarray, other: Path, image: np.ndarray) -> None:
    if array.shape != image.shape:
        raise BrightfieldError(
            f"{request.relative(path)} is {array.shape[0]} x {array.shape[1]} pixels, expected the size of "
            f"{request.relative(other)}: {image.shape[0]} x {image.shape[1]}."
        )


def _instances(
    request: Request, pair: _Pair, ids: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Labels (H, W) renumbered 1 to n, and their original ids (n,); a mask of one value is split into its connected regions."""
    name = request.relative(pair.labels)
    found = np.unique(ids)
    found = found[found > 0]
    if len(found) == 0:
        raise BrightfieldError(f"{name} is zero everywhere, expected at least one cell.")
    if len(found) == 1:
        from scipy import ndimage

        joined, number = ndimage.label(ids, structure=np.ones((3, 3)))  # cells that touch at a corner are one
        if number > 1:
            request.findings.warn(
                name,
                "a mask of a single value, expected a number for each cell: split into its separate regions, "
                "so cells that touch count as one",
            )
            return joined.astype(np.int32), np.full(number, found[0], dtype=np.int32)
    labels = np.where(ids > 0, np.searchsorted(found, ids) + 1, 0)
    return labels.astype(np.int32), found


def _species(request: Request, name: str, ids: npt.NDArray[np.int32], known: dict[int, int]) -> npt.NDArray[np.uint8]:
    """Species of each label, (n + 1,), entry 0 unused; 1 for labels that the table does not list."""
    silent = [int(label) for label in ids if int(label) not in known]
    if silent:
        request.findings.warn(name, f"has cells that {SPECIES_CSV} does not list, taken for species 1")
    absent = sorted(known.keys() - set(ids.tolist()))
    if absent:
        raise BrightfieldError(
            f"{SPECIES_CSV} gives a species to label {absent[0]} of {name}, which has no such label."
        )
    return np.array([0, *(known.get(int(label), 1) for label in ids)], dtype=np.uint8)


def _read_species(request: Request, names: set[str]) -> Species:
    path = request.source / SPECIES_CSV
    if not path.is_file():
        return {}
    table = read_csv(path, ("image", "label", "species"), text=("image",))
    for column, largest in (("label", np.iinfo(np.int32).max), ("species", np.iinfo(np.uint8).max)):
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = table[~(numbers.between(1, largest) & (numbers == numbers.round()))]
        if len(wrong):
            raise BrightfieldError(
                f"{SPECIES_CSV}: column {column} must hold whole numbers from 1 to {largest}, line {wrong.index[0]} has "
                f"{shown(wrong[column].iloc[0])}."
            )
    known: dict[str, str] = {}
    for name in names:
        if (other := known.setdefault(file_key(name), name)) != name:
            raise BrightfieldError(
                f"{other!a} and {name!a} are the same name for {SPECIES_CSV}, which does not tell apart two ways to write an "
                "accent. Rename one."
            )
    found: Species = {}
    for line, image, label, species in zip(table.index, table["image"], table["label"], table["species"], strict=True):
        key = file_key(image)
        if (real := known.get(key, known.get(plain_name(Path(key))))) is None:
            raise BrightfieldError(f"{SPECIES_CSV}, line {line}: names the image {image!r}, which is not there.")
        if found.setdefault(real, {}).setdefault(int(label), int(species)) != int(species):
            raise BrightfieldError(f"{SPECIES_CSV} gives label {label} of {image} two species, expected one.")
    return found


IMPORTER = Importer(parts, inputs=fields_beside_labels, accepts_connected=True, truths=labels_by_name)
