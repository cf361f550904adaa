"""Image sets on disk: a few files, however many images there are.

A set is one HDF5 file and an ``index.csv`` with one row per image. Arrays of one name, shape and type are stacked in one dataset,
``/<name>/<shape>_<type>`` of shape (N, ...), so Fiji, ilastik and napari can open crops of one size as a stack; the dataset of
the same name followed by ``_ids`` holds the ids of their images. A chunk is one array, compressed losslessly, so each image can be
read alone. No time stamps are stored, so the same records give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from brightfield import layout
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import canonical
from brightfield.system.files import write_json

IDS = "_ids"
ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]+\Z")  # not dots alone


def write_images(path: Path, records: Iterable[Record]) -> pd.DataFrame:
    """Write records into one HDF5 file and return their index: columns id, group, height, width, then those of the records."""
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    # built in memory and written by Python: HDF5 itself crashes the process when the disk is full
    with h5py.File(path.name, "w", libver="latest", driver="core", backing_store=False) as file:
        stacks = _Stacks(file)
        for record in records:
            if not ID.match(record.id) or record.id in seen:
                raise ValueError(
                    f"a record's id is unique and made of letters, digits, '.', '_' and '-', got {record.id!r}"
                )
            seen.add(record.id)
            for name, array in {"image": record.image, **record.fields}.items():
                stacks.append(name, record.id, np.asarray(array))
            height, width = record.image.shape[:2]
            rows.append({"id": record.id, "group": record.group, "height": height, "width": width, **record.row})
        stacks.close()
        file.flush()
        path.write_bytes(file.id.get_file_image())
    return pd.DataFrame(rows)


class _Stacks:
    """The datasets of a file that is being written."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file
        self.ids: dict[str, list[str]] = {}

    def append(self, name: str, identity: str, array: np.ndarray) -> None:
        """Append an array to the stack of its name, shape and type."""
        shape = "x".join(map(str, array.shape)) or "scalar"
        path = f"{name}/{shape}_{array.dtype.str.lstrip('<|').replace('>', 'big-endian-')}"
        ids = self.ids.setdefault(path, [])
        if not ids:
            # compression does not pay for a tiny array, and an empty one cannot be a chunk
            compression = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if array.size > 1024 else {}
            chunks = (1, *(max(1, side) for side in array.shape))
            limits = (None, *(side or None for side in array.shape))
            self.file.create_dataset(
                path, (0, *array.shape), array.dtype, maxshape=limits, chunks=chunks, track_times=False, **compression
            )
        stack = self.file[path]
        stack.resize(len(ids) + 1, axis=0)
        stack[len(ids)] = array
        ids.append(identity)

    def close(self) -> None:
        """Write the image ids of each stack."""
        for path, ids in self.ids.items():
            self.file.create_dataset(f"{path}{IDS}", data=np.array(ids, dtype="S"), track_times=False)


def write_index(folder: Path, index: pd.DataFrame) -> None:
    """Write ``index.csv`` with full precision and Unix line endings, so that the same table gives the same bytes."""
    index.to_csv(folder / layout.INDEX, index=False, lineterminator="\n")


def write_raw(folder: Path, records: Iterable[Record], about: Mapping[str, object]) -> None:
    """Fill ``data/raw/<dataset>``: images.h5, index.csv, and about.json, which states the origin of the images."""
    write_index(folder, write_images(folder / layout.IMAGES, records))
    write_json(folder / layout.ABOUT, about)


def write_prepared(folder: Path, raw: ImageSet, index: pd.DataFrame) -> None:
    """Fill ``data/prepared/<dataset>``: one file per split, and the index with its column ``split``."""
    for split in sorted(set(index["split"])):
        rows = [i for i, of_row in enumerate(index["split"]) if of_row == split]
        write_images(folder / layout.split_images(split), (raw[i] for i in rows))
    write_index(folder, index)


def read_index(path: Path) -> pd.DataFrame:
    """Read the ``index.csv`` of a folder, or a file of that form; ids and groups are text.

    Raises:
        BrightfieldError: it is missing or no table.
    """
    if path.is_dir():
        path = path / layout.INDEX
    if not path.is_file():
        raise BrightfieldError(
            f"There is no dataset in {path.parent if path.name == layout.INDEX else path}: {layout.INDEX} is missing. "
            "Run `dvc repro` (or `dvc pull`) to make it, or `brightfield import` to bring your own images."
        )
    text = {"id": str, "group": str, "split": str}
    table = canonical(path, ("id", "group"), text)  # a person may have saved it with another program
    return pd.read_csv(table, dtype=text, keep_default_na=False, na_values=[""], index_col=False)


class ImageSet:
    """The records of one HDF5 file, read one at a time; the file is opened on first use, once in each process."""

    def __init__(self, path: Path, index: pd.DataFrame) -> None:
        if not path.is_file():
            raise BrightfieldError(f"The images of a dataset are missing: {path}. Run `dvc repro` or `dvc pull`.")
        self.path = path
        self.index = index.reset_index(drop=True)
        self._rows = self.index.to_dict("records")
        self._arrays: _Arrays | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_arrays": None}  # an open HDF5 file does not survive a fork or a pickle

    def __iter__(self) -> Iterator[Record]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Record:
        row = {str(name): value for name, value in self._rows[i].items()}
        identity, group = str(row.pop("id")), str(row.pop("group"))
        try:
            if self._arrays is None:
                self._arrays = _Arrays(self.path)
            arrays = self._arrays.of(identity)
            return Record(identity, group, arrays.pop("image"), arrays, row)
        except (OSError, KeyError, ValueError) as error:
            raise BrightfieldError(
                f"{self.path} is damaged: image {identity} cannot be read ({error}). "
                "Remove it and run `dvc checkout`, `dvc pull` or `dvc repro`."
            ) from error

    @classmethod
    def raw(cls, folder: Path) -> ImageSet:
        """All images of ``data/raw/<dataset>``."""
        return cls(folder / layout.IMAGES, read_index(folder))

    @classmethod
    def prepared(cls, folder: Path, split: str, index: pd.DataFrame | None = None) -> ImageSet:
        """One split of ``data/prepared/<dataset>``, whose index is read unless it is given."""
        index = read_index(folder) if index is None else index
        names = sorted(set(index["split"]))
        if split not in names:
            raise BrightfieldError(f"{folder} has no split {split!r}; it has {', '.join(names)}.")
        return cls(folder / layout.split_images(split), index[index["split"] == split])


class Selection(ImageSet):
    """Some records of several image sets in an order of their own, such as another split of their groups.

    Args:
        parts: the image sets.
        chosen: of each record, the number of its part and its number there.
    """

    def __init__(self, parts: Sequence[ImageSet], chosen: Sequence[tuple[int, int]]) -> None:
        self.parts, self.chosen = list(parts), list(chosen)
        self.path = parts[0].path
        rows = [parts[part].index.iloc[[i]] for part, i in chosen]
        self.index = pd.concat(rows, ignore_index=True)

    def __len__(self) -> int:
        return len(self.chosen)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__  # the parts leave their files behind

    def __getitem__(self, i: int) -> Record:
        part, number = self.chosen[i]
        return self.parts[part][number]


class _Arrays:
    """The arrays of an open file, by image id."""

    def __init__(self, path: Path) -> None:
        file = h5py.File(path, "r")
        self.places: dict[str, list[tuple[str, h5py.Dataset, int]]] = {}
        for name, stacks in file.items():
            for key in stacks:
                if key.endswith(IDS):
                    stack = stacks[key.removesuffix(IDS)]
                    for i, identity in enumerate(stacks[key][()]):
                        self.places.setdefault(identity.decode(), []).append((name, stack, i))

    def of(self, identity: str) -> dict[str, np.ndarray]:
        """The image and the fields of one record."""
        return {name: stack[i] for name, stack, i in self.places[identity]}
