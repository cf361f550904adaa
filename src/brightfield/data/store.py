"""Image sets on disk: a handful of files however many the images.

A set is one HDF5 file, ``/<id>/<name>`` for every array of a record (``image``, ``labels``, ...), beside an ``index.csv``
with a row an image. HDF5 holds images of different sizes and types side by side, and Fiji, ilastik and napari open it.
Chunks are compressed losslessly and no time stamp is kept, so the same records give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from brightfield.errors import BrightfieldError
from brightfield.files import write_json
from brightfield.records import Record

INDEX = "index.csv"
ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]+\Z")  # dots alone are no name


def write_images(path: Path, records: Iterable[Record]) -> pd.DataFrame:
    """Write records into one HDF5 file and return their index: columns id, group, height, width, then the records' own."""
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    # built in memory and written by Python: HDF5 itself crashes the process when the disk is full
    with h5py.File(path.name, "w", libver="latest", driver="core", backing_store=False) as file:
        for record in records:
            if not ID.match(record.id) or record.id in seen:
                raise ValueError(
                    f"a record's id is unique and made of letters, digits, '.', '_' and '-', got {record.id!r}"
                )
            seen.add(record.id)
            group = file.create_group(record.id, track_order=False)
            for name, array in {"image": record.image, **record.fields}.items():
                _write_array(group, name, np.asarray(array))
            height, width = record.image.shape[:2]
            rows.append({"id": record.id, "group": record.group, "height": height, "width": width, **record.row})
        file.flush()
        path.write_bytes(file.id.get_file_image())
    return pd.DataFrame(rows)


def _write_array(group: h5py.Group, name: str, array: np.ndarray) -> None:
    # an empty or tiny array cannot be chunked to advantage
    compression = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if array.size > 1024 else {}
    group.create_dataset(name, data=array, track_times=False, **compression)


def write_index(folder: Path, index: pd.DataFrame) -> None:
    """Write ``index.csv`` with full precision and Unix line ends, so that the same table gives the same bytes."""
    index.to_csv(folder / INDEX, index=False, lineterminator="\n")


def write_raw(folder: Path, records: Iterable[Record], about: Mapping[str, object]) -> None:
    """Fill ``data/raw/<dataset>``: images.h5, index.csv, and about.json, which says where the images come from."""
    write_index(folder, write_images(folder / "images.h5", records))
    write_json(folder / "about.json", about)


def write_prepared(folder: Path, raw: ImageSet, index: pd.DataFrame) -> None:
    """Fill ``data/prepared/<dataset>``: a file for each split, and the index with its column ``split``."""
    for split in sorted(set(index["split"])):
        rows = [i for i, of_row in enumerate(index["split"]) if of_row == split]
        write_images(folder / f"{split}.h5", (raw[i] for i in rows))
    write_index(folder, index)


def read_index(folder: Path) -> pd.DataFrame:
    """The rows of ``index.csv``; ids and groups are text."""
    path = folder / INDEX
    if not path.is_file():
        raise BrightfieldError(
            f"There is no dataset in {folder}: {INDEX} is missing. "
            "Run `dvc repro` (or `dvc pull`) to make it, or `brightfield import` to bring your own images."
        )
    return pd.read_csv(path, dtype={"id": str, "group": str, "split": str}, keep_default_na=False, na_values=[""])


class ImageSet:
    """The records of one HDF5 file, read one at a time; the file is opened on first use, once in each process."""

    def __init__(self, path: Path, index: pd.DataFrame) -> None:
        if not path.is_file():
            raise BrightfieldError(f"The images of a dataset are missing: {path}. Run `dvc repro` or `dvc pull`.")
        self.path = path
        self.index = index.reset_index(drop=True)
        self._file: h5py.File | None = None

    def __len__(self) -> int:
        return len(self.index)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_file": None}  # an open HDF5 file does not survive a fork or a pickle

    def __iter__(self) -> Iterator[Record]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Record:
        row = {str(name): value for name, value in self.index.iloc[i].items()}
        identity = str(row.pop("id"))
        try:
            if self._file is None:
                self._file = h5py.File(self.path, "r")
            arrays = {name: dataset[()] for name, dataset in self._file[identity].items()}
        except (OSError, KeyError) as error:
            raise BrightfieldError(
                f"{self.path} is damaged: image {identity} cannot be read ({error}). "
                "Remove it and run `dvc checkout`, `dvc pull` or `dvc repro`."
            ) from error
        return Record(identity, str(row.pop("group")), arrays.pop("image"), arrays, row)

    @classmethod
    def raw(cls, folder: Path) -> ImageSet:
        """All images of ``data/raw/<dataset>``."""
        return cls(folder / "images.h5", read_index(folder))

    @classmethod
    def prepared(cls, folder: Path, split: str) -> ImageSet:
        """One split of ``data/prepared/<dataset>``."""
        index = read_index(folder)
        names = sorted(set(index["split"]))
        if split not in names:
            raise BrightfieldError(f"{folder} has no split {split!r}; it has {', '.join(names)}.")
        return cls(folder / f"{split}.h5", index[index["split"] == split])
