"""Instance labels from the files of labelling tools: label images (TIFF, PNG, npy), HDF5 of ilastik, selections of ImageJ."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.data.importing import guarded, hdf5, rois
from brightfield.errors import BrightfieldError

# what tools append to an image's name (RoiSet is what ImageJ's ROI manager calls its zip)
_SUFFIX = re.compile(
    r"[_-](cp_masks|masks?|labels?|seg|fluorescence|fluo|rois?|RoiSet"
    r"|object[ _-]identities|object[ _-]predictions|simple[ _-]segmentation)$",
    re.IGNORECASE,
)
_CLASSES = re.compile(r"(object[ _-]predictions|simple[ _-]segmentation)$", re.IGNORECASE)
# a class is in more pieces than this, on average; a cell is in one, or in two where a label was drawn badly
_PIECES = 3
_MAX_CLASSES = 16

Ids = npt.NDArray[np.int32]
_CONNECTED = np.ones((3, 3), dtype=np.int8)  # cells that touch by a corner are one


def is_labels(path: Path) -> bool:
    """Whether the name is that of labels that are no image: HDF5, or selections."""
    suffix = path.suffix.lower()
    return suffix in (*hdf5.SUFFIXES, rois.SUFFIX, rois.ZIP) and not images.is_junk(path)


def plain_name(path: Path) -> str:
    """The file's name without suffix and without what labelling tools append."""
    name = images.stem(path)
    return _SUFFIX.sub("", name) or name


def read(path: Path, shape: tuple[int, int], connected: Collection[int], warn: Callable[[str], None]) -> Ids:
    """The labels of an image of shape (H, W), as (H, W) int32, 0 is background.

    Args:
        path: a label image, HDF5, a zip or a folder of selections, or a single one.
        shape: of the image they belong to; selections need it.
        connected: numbers of classes whose separate regions are the cells, where the file holds classes of pixels.
        warn: is told what should be known.

    Raises:
        BrightfieldError: for damaged files, and for classes of pixels where ``connected`` names none.
    """
    if path.is_dir() or path.suffix.lower() in (rois.SUFFIX, rois.ZIP):
        return rois.read_labels(path, shape, warn)
    ids = guarded.read_labels(path) if path.suffix.lower() in hdf5.SUFFIXES else images.read_labels(path)
    if connected:
        return _regions(path, ids, connected)
    _check_instances(path, ids)
    return ids


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


def _check_instances(path: Path, ids: Ids) -> None:
    """Refuse classes of pixels: by the name that ilastik gives them, or because a few numbers are in many pieces each, or
    every pixel has one."""
    from scipy import ndimage

    found = np.unique(ids[ids > 0])
    pieces = 0
    if 2 <= len(found) <= _MAX_CLASSES:  # a single one is a mask
        pieces = sum(int(ndimage.label(ids == number, structure=_CONNECTED)[1]) for number in found)
    everywhere = 0 < len(found) <= _MAX_CLASSES and ids.size > 1 and not (ids == 0).any()  # class 1 is the background
    if _CLASSES.search(images.stem(path)) or everywhere or pieces > _PIECES * len(found):
        raise BrightfieldError(
            f"{path} holds classes of pixels ({', '.join(map(str, np.unique(ids)[:10]))}), expected a number for each "
            "cell. Export 'Object Identities' from ilastik's object classification, or say which class the cells are: "
            "with --connected 2, each separate region of class 2 becomes a cell."
        )
