"""Images with instance labels: one folder per image, with ``image.tif``, its labels and, if there is one, ``fluorescence.tif``."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
import roifile
from scipy import ndimage

from brightfield import images, layout
from brightfield.data.outlines import trace
from brightfield.data.store import ImageSet
from brightfield.params import TaskSettings

Labels = npt.NDArray[np.int32]
_AXES = [("y", 2), ("x", 2), ("c", 1)]  # vigra's axis tags: 2 is space, 1 channels
_MOVE, _LINE, _CLOSE = 0, 1, 4  # segment types in a path of several outlines (java.awt.geom.PathIterator)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # time stamp of all files in a zip, so that the same labels give the same bytes
_MOST_IN_16_BITS = np.iinfo(np.uint16).max


def _write(
    save: Callable[[Path, Labels], None], records: ImageSet, folder: Path, settings: TaskSettings
) -> Iterator[tuple[str, str]]:
    species: list[dict[str, object]] = []
    for record in records:
        place = folder / record.id
        place.mkdir()
        for name in ("image", "fluorescence"):
            array = record.image if name == "image" else record.fields.get(name)
            if array is not None:
                images.write_tiff(place / f"{name}.tif", array, pixel_size_um=settings.pixel_size_um)
        labels = record.fields["labels"]
        save(place, labels)
        if "species" in record.fields:
            kinds = record.fields["species"]
            species += [
                {"image": record.id, "label": int(label), "species": int(kinds[label])}
                for label in np.unique(labels[labels > 0])
            ]
        yield f"{record.id}/image.tif", record.group
    if species:
        pd.DataFrame(species).to_csv(folder / "species.csv", index=False, lineterminator="\n")


def _save_tiff(place: Path, labels: Labels) -> None:
    kind = np.uint16 if labels.max(initial=0) <= _MOST_IN_16_BITS else np.uint32
    images.write_tiff(place / layout.INSTANCES, labels.astype(kind))


def _save_ilastik(place: Path, labels: Labels) -> None:
    """Write labels as ilastik exports object identities: (H, W, 1) uint32 with axis tags."""
    axes = [{"key": key, "typeFlags": flags, "resolution": 0, "description": ""} for key, flags in _AXES]
    with h5py.File(place / "labels.h5", "w") as file:
        stored = file.create_dataset(
            "exported_data", data=labels[..., None].astype(np.uint32), compression="gzip", track_times=False
        )
        stored.attrs["axistags"] = json.dumps({"axes": axes})


def _save_imagej(place: Path, labels: Labels) -> None:
    """Write labels as selections of ImageJ's ROI manager, with outlines on the edges of pixels: nothing is lost."""
    with zipfile.ZipFile(place / "RoiSet.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            if box is not None:
                name = f"{label:05d}.roi"
                file.writestr(zipfile.ZipInfo(name, _EPOCH), _selection(labels[box] == label, box, name))


def _selection(mask: npt.NDArray[np.bool_], box: tuple[slice, slice], name: str) -> bytes:
    """A traced selection, or a composite one for a region with holes or several parts."""
    outlines = [outline + np.array([box[1].start, box[0].start]) for outline in trace(mask)]
    roi = roifile.ImagejRoi.frompoints(np.concatenate(outlines), name=name.removesuffix(".roi"))
    roi.roitype = roifile.ROI_TYPE.TRACED
    if len(outlines) > 1:
        path: list[float] = []
        for outline in outlines:
            for i, (x, y) in enumerate(outline.tolist()):
                path += [_LINE if i else _MOVE, x, y]
            path.append(_CLOSE)
        roi.roitype, roi.integer_coordinates, roi.n_coordinates = roifile.ROI_TYPE.RECT, None, 0
        roi.multi_coordinates = np.array(path, dtype=np.float32)
        roi.shape_roi_size = len(path)
    roi.left, roi.top, roi.right, roi.bottom = box[1].start, box[0].start, box[1].stop, box[0].stop
    return roi.tobytes()


write_tiff = partial(_write, _save_tiff)
write_ilastik = partial(_write, _save_ilastik)
write_imagej = partial(_write, _save_imagej)
