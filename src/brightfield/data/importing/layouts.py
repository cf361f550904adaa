"""The layouts of an import where images are answered: class folders, labels beside fields, movies, clean beside noisy images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

from brightfield import images, layout
from brightfield.data.importing import truths
from brightfield.data.importing.inputs import TRUTH, Found, Inputs
from brightfield.data.importing.labels import is_labels, plain_name
from brightfield.data.importing.positions import NAMES, is_positions
from brightfield.errors import BrightfieldError
from brightfield.params import ClassificationSettings, TaskSettings

UNSURE, SORTED, SHEET = "unsure", "sorted.csv", layout.SORTED_SHEET  # what a sorted folder holds beside its classes
IMAGE, LABELS, IMAGES, ROIS, FLUORESCENCE = "image", "labels", "images", "rois", "fluorescence"
MASKS = "_cp_masks"  # end of the name of the masks that Cellpose saves beside an image
SPECIES_CSV = "species.csv"
CLEAN = "clean"
PAIRS = ((CLEAN, "noisy"), ("high", "low"))
ALONE = ("noisy", "repeats")  # folders of noisy images without clean ones
OTHER_NAME = "not called image, labels or fluorescence"
BESIDE = "beside the folders of noisy images"
LIGHT = "fluorescence beside the images"


def crops_in_classes(folder: Path, settings: TaskSettings) -> Inputs | None:
    """The crops of class folders, and of ``unsure/``, at any depth.

    Raises:
        BrightfieldError: there are other folders beside them, or images where a class has no folder.
    """
    classes = cast(ClassificationSettings, settings).classes
    found = Found(folder)
    folders, loose = found.look(folder)
    named = {inner.name: inner for inner in folders}
    there = [name for name in (*classes, UNSURE) if name in named]
    if not there or (there == [UNSURE] and not (folder / SORTED).is_file()):
        return None
    others = sorted(named.keys() - set(there))
    if others or (loose and not set(classes) <= named.keys()):
        beside = f"the folders {', '.join(others)}" if others else f"{len(loose)} images"
        raise BrightfieldError(
            f"{folder} has the class folders {', '.join(there)} and beside them {beside}: expected the folders "
            f"{', '.join(classes)} (and {UNSURE}), or images alone. Name the folders or images that are to be answered."
        )
    found.leave_out(loose, "in no class folder")
    for name in there:
        for path in found.below(named[name]):
            found.take(path)
    return found.inputs(by_folder=True)


def fields_beside_labels(folder: Path, settings: TaskSettings) -> Inputs | None:
    """The fields of folders with an image and its labels, of parallel folders, and those beside masks of Cellpose, at any depth."""
    del settings
    found, loose, is_layout = Found(folder), list[Path](), False
    waiting = [folder]
    while waiting:
        here = waiting.pop(0)
        folders, pictures = found.look(here)
        by_name = {inner.name: inner for inner in folders}
        found.leave_out([path for path in found.passed_over if path.parent == here and _is_table(path)], TRUTH)
        if IMAGES in by_name and not by_name.keys().isdisjoint({LABELS, ROIS}):
            is_layout = True
            _parallel(found, by_name)
            found.leave_out(pictures, "beside the folders images and labels")
            continue
        others = _one_field(found, here, pictures, by_name)
        if others is None:
            others = _beside_masks(found, here, pictures)
        if others is None:
            loose += pictures
        else:
            is_layout = True
            found.leave_out(others, OTHER_NAME)
        waiting = [*by_name.values(), *waiting]
    if not is_layout:
        return None
    found.leave_out(loose, OTHER_NAME)
    return found.inputs(partial(truths.of_files, found.truths, truths.labels_of))


def _is_table(path: Path) -> bool:
    return path.name == SPECIES_CSV or is_labels(path)


def _one_field(found: Found, here: Path, pictures: list[Path], by_name: dict[str, Path]) -> list[Path] | None:
    """Take the image of a folder for one field; returns the other images, or None where it is no such folder."""
    own = [path for path in pictures if images.stem(path) == IMAGE]
    labels = [path for path in pictures if images.stem(path) == LABELS]
    labels += [path for path in found.passed_over if path.parent == here and is_labels(path)]
    labels += [by_name[ROIS]] if ROIS in by_name else []
    if not own or not (labels or here != found.top):
        return None
    by_name.pop(ROIS, None)
    for path in own:
        found.take(path, name=here.resolve().name)
        if labels:
            found.truths[path] = labels[0]
    lights = [path for path in pictures if images.stem(path) == FLUORESCENCE]
    found.leave_out(labels, TRUTH)
    found.leave_out(lights, LIGHT)
    return [path for path in pictures if path not in (*own, *labels, *lights)]


def _beside_masks(found: Found, here: Path, pictures: list[Path]) -> list[Path] | None:
    """Take all images of a folder with masks of Cellpose; returns an empty list, or None where there are none."""
    masks = {
        images.name_key(images.stem(path).removesuffix(MASKS)): path
        for path in found.passed_over
        if path.parent == here and images.is_image(path) and images.stem(path).endswith(MASKS)
    }
    if not masks:
        return None
    for path in pictures:
        found.take(path)
        if (mask := masks.get(images.name_key(images.stem(path)))) is not None:
            found.truths[path] = mask
    return []


def _parallel(found: Found, by_name: dict[str, Path]) -> None:
    """Take the images of the folder ``images``, and find their labels in the folder beside it."""
    of_labels = by_name.get(LABELS) or by_name[ROIS]
    lights = [by_name[name] for name in by_name if name == FLUORESCENCE]
    inner, pictures = found.look(by_name[IMAGES])
    for path in pictures:
        found.take(path, inside=by_name[IMAGES])
    found.leave_out(inner, "expected files only")
    found.leave_out([of_labels], TRUTH)
    found.leave_out(lights, LIGHT)
    found.leave_out(
        [by_name[name] for name in by_name if name not in (IMAGES, of_labels.name, FLUORESCENCE)], OTHER_NAME
    )
    labels = {
        images.name_key(plain_name(path)): path
        for path in images.in_order(of_labels)
        if found.passed_over.get(path, TRUTH) == TRUTH
    }
    named = {path: labels.get(images.name_key(plain_name(path))) for path in pictures}
    found.truths |= {path: label for path, label in named.items() if label is not None}


def movies(folder: Path, settings: TaskSettings) -> Inputs | None:
    """The frames and stacks of a folder, and of all folders in it."""
    found = Found(folder)
    for path in found.below(folder):
        found.take(path)
    if not found.named:
        return None
    tables = [path for path in found.passed_over if is_positions(path)]
    found.leave_out(tables, TRUTH)
    table = _only_table(found, tables)
    return found.inputs(None if table is None else partial(truths.positions_by_frame, table, settings))


def _only_table(found: Found, tables: list[Path]) -> Path | None:
    """The table of the only movie; None where there are several movies, whose frames a number alone does not tell apart."""
    folders = {path.parent for path in found.named}
    table = next((path for path in tables if path.name in NAMES and path.parent in (*folders, found.top)), None)
    stacks = len(found.named) > 1 and any(images.frame_count(path) > 1 for path in found.named) if table else False
    return None if len(folders) > 1 or stacks else table


def noisy_beside_clean(folder: Path, settings: TaskSettings) -> Inputs | None:
    """The noisy images of parallel folders, at any depth, of the folders ``noisy`` or ``repeats``, or of any folders alone.

    Raises:
        BrightfieldError: there are clean images alone.
    """
    del settings
    found, loose, is_layout = Found(folder), list[Path](), False
    waiting = [folder]
    while waiting:
        here = waiting.pop(0)
        folders, pictures = found.look(here)
        by_name = {inner.name: inner for inner in folders}
        taken = _noisy(found, by_name)
        if here == folder and taken is None and pictures:
            return None
        is_layout |= taken is not None
        if taken is None and CLEAN in by_name:
            found.leave_out([by_name[CLEAN]], TRUTH)
            folders.remove(by_name[CLEAN])
        if taken is not None:
            found.leave_out([*pictures, *(each for each in folders if each not in taken)], BESIDE)
            continue
        loose += pictures
        waiting = [*folders, *waiting]
    if is_layout:
        found.leave_out(loose, BESIDE)
    elif TRUTH in found.passed_over.values():
        raise BrightfieldError(
            f"{folder} has a folder {CLEAN} and no noisy images: expected the folder noisy beside it, or noisy or repeats alone. "
            f"Name the folder {CLEAN} itself to have its images denoised."
        )
    elif not loose:
        return None
    for path in () if is_layout else loose:
        found.take(path)
    return found.inputs(partial(truths.of_files, found.truths, truths.clean_of) if found.truths else None)


def _noisy(found: Found, by_name: dict[str, Path]) -> list[Path] | None:
    """Take noisy images beside clean ones, or alone; returns the folders of both, or None where there are no noisy ones."""
    pair = next((pair for pair in PAIRS if set(pair) <= by_name.keys()), None)
    alone = next((name for name in ALONE if name in by_name), None) if CLEAN not in by_name else None
    if pair is None and alone is None:
        return None
    top = by_name[pair[1] if pair else str(alone)]
    clean: dict[str, Path] = {}
    if pair is not None:
        found.leave_out([by_name[pair[0]]], TRUTH)
        true = [
            path for path, why in found.passed_over.items() if why == TRUTH and path.is_relative_to(by_name[pair[0]])
        ]
        clean = {_place(path, by_name[pair[0]]): path for path in true}
    for path in found.below(top):
        found.take(path, inside=top)
        if (place := _place(path, top)) in clean:
            found.truths[path] = clean[place]
    return [top, *([by_name[pair[0]]] if pair else [])]


def _place(path: Path, top: Path) -> str:
    return images.name_key((path.parent.relative_to(top) / images.stem(path)).as_posix())
