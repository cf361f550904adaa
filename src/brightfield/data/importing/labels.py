"""Instance labels from the files of labelling tools: label images (TIFF, PNG, npy), HDF5 of ilastik, selections of ImageJ."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.data.importing import guarded, hdf5, plausibility, rois
from brightfield.data.importing.plausibility import Regions
from brightfield.errors import BrightfieldError

# endings that labelling tools append to the name of an image (RoiSet: the zip that ImageJ's ROI manager saves)
_SUFFIX = re.compile(
    r"[_-](cp_masks|masks?|labels?|seg|fluorescence|fluo|rois?|RoiSet"
    r"|object[ _-]identities|object[ _-]predictions|simple[ _-]segmentation)$",
    re.IGNORECASE,
)
_CLASSES = re.compile(r"(object[ _-]predictions|simple[ _-]segmentation)$", re.IGNORECASE)
# mean number of pieces per label above which labels are classes: a cell has one piece, or two if its label was drawn badly
_PIECES = 3
_MAX_CLASSES = 16  # files with more different labels hold instances

Ids = npt.NDArray[np.int32]
_CONNECTED = np.ones((3, 3), dtype=np.int8)  # 8-connectivity: cells that touch at a corner are one


def is_labels(path: Path) -> bool:
    """Whether the name is that of labels in another format than an image: HDF5, or selections."""
    suffix = path.suffix.lower()
    return suffix in (*hdf5.SUFFIXES, rois.SUFFIX, rois.ZIP) and not images.is_junk(path)


def plain_name(path: Path) -> str:
    """The file's name without suffix and without the endings of labelling tools."""
    name = images.stem(path)
    return _SUFFIX.sub("", name) or name


def read(path: Path, shape: tuple[int, int], connected: Collection[int], warn: Callable[[str], None]) -> Ids:
    """Read the labels of an image of shape (H, W), as (H, W) int32, 0 is background.

    Args:
        path: a label image, HDF5, a zip or a folder of selections, or a single one.
        shape: shape of the image they belong to, which selections need.
        connected: for a file of classes of pixels: numbers of the classes whose separate regions are the cells.
        warn: called with each warning.

    Raises:
        BrightfieldError: the file is damaged or a JPEG, or ``connected`` is empty and it holds something else than a
            number for each cell (see :mod:`brightfield.data.importing.plausibility`).
    """
    if path.is_dir() or path.suffix.lower() in (rois.SUFFIX, rois.ZIP):
        return rois.read_labels(path, shape, warn)
    ids = guarded.read_labels(path) if path.suffix.lower() in hdf5.SUFFIXES else _read_image(path)
    if connected:
        return _regions(path, ids, connected)
    _check_instances(path, ids, warn)
    return ids


def _read_image(path: Path) -> Ids:
    plausibility.check_file(path)
    try:
        return images.read_labels(path)
    except BrightfieldError as error:
        raise plausibility.explain(path, error) from error


def _regions(path: Path, ids: Ids, classes: Collection[int]) -> Ids:
    from scipy import ndimage

    labels = np.zeros_like(ids)
    for number in sorted(set(classes)):
        regions, _ = ndimage.label(ids == number, structure=_CONNECTED)
        labels += np.where(regions > 0, regions + labels.max(), 0).astype(np.int32)
    if not labels.any():
        found = ", ".join(map(str, np.unique(ids)[:10]))
        raise BrightfieldError(
            f"{path} has no pixel of class {', '.join(map(str, classes))}; it has {found}. Name the class of the cells."
        )
    return labels


def _check_instances(path: Path, ids: Ids, warn: Callable[[str], None]) -> None:
    """Refuse what are no instances: classes of pixels, soft edges, a background that is not 0, numbers of several cells."""
    regions = Regions.of(ids)
    found = np.unique(regions.numbers)
    few = 2 <= len(found) <= _MAX_CLASSES  # a single number is a mask
    classes = few and len(regions.numbers) > _PIECES * len(found)
    everywhere = 0 < len(found) <= _MAX_CLASSES and ids.size > 1 and not (ids == 0).any()  # class 1 is the background
    if _CLASSES.search(images.stem(path)) or everywhere or (classes and found.max() <= _MAX_CLASSES):
        raise _no_instances(path, ids)
    plausibility.check_background(path, regions)
    plausibility.check_rims(path, regions)
    if classes:
        raise _no_instances(path, ids)
    if len(found) > 1 and (warning := plausibility.check_pieces(path, regions)):
        warn(warning)


def _no_instances(path: Path, ids: Ids) -> BrightfieldError:
    return BrightfieldError(
        f"{path} holds classes of pixels ({', '.join(map(str, np.unique(ids)[:10]))}), expected a number for each "
        "cell. Export 'Object Identities' from ilastik's object classification, or say which class the cells are: "
        "with --connected 2, each separate region of class 2 becomes a cell."
    )
