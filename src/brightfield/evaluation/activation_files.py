"""Activated outputs on disk, which ensembles combine: a file a split, in the format of safetensors.

A file is written and read an array at a time, because the outputs for a test split of camera images are larger than memory; the
library writes only what is in memory as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch
from safetensors import SafetensorError, safe_open

from brightfield.errors import BrightfieldError
from brightfield.system.arrays import IN_MEMORY, Lazy

FloatArray = npt.NDArray[np.float32]
Stored = npt.NDArray[np.floating[Any]]  # float16 or float32
AGAIN = "Evaluate the model first: `brightfield evaluate {}`, or `dvc repro`."
ENTRY = 160  # bytes of the header for an array, beside its name: more than type, shape and offsets need
TYPES = {np.dtype(np.float16): "F16", np.dtype(np.float32): "F32"}


class ActivationWriter:
    """Writes ``<split>.safetensors`` in a folder, an array for each image.

    Args:
        folder: where.
        split: name of the split.
        ids: of its images, all that will be written.
        half: whether arrays are stored in half precision.
    """

    def __init__(self, folder: Path, split: str, ids: Iterable[str], *, half: bool) -> None:
        self.path = folder / f"{split}.safetensors"
        self.dtype = np.dtype(np.float16 if half else np.float32)
        # the header comes first and may end in spaces, so its place is left free until all sizes are known
        self._reserved = -(-(sum(len(json.dumps(name)) + ENTRY for name in ids) + 2) // 8) * 8
        self._header: dict[str, Any] = {}
        self._written = 0
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        self._file = self.path.open("wb")
        self._file.write(bytes(8 + self._reserved))
        return self

    def append(self, identity: str, array: FloatArray) -> FloatArray:
        """Write the array of an image, and return what will be read: in half precision it is rounded."""
        stored = self._rounded(np.ascontiguousarray(array, dtype=np.float32))
        end = self._written + stored.nbytes
        self._header[identity] = {
            "dtype": TYPES[self.dtype],
            "shape": list(stored.shape),
            "data_offsets": [self._written, end],
        }
        self._file.write(stored.data)
        self._written = end
        return stored.astype(np.float32, copy=False)

    def _rounded(self, array: FloatArray) -> npt.NDArray[np.floating[Any]]:
        if self.dtype == np.float32:
            return array
        # numpy takes ten times as long for tiny numbers
        half: npt.NDArray[np.float16] = torch.from_numpy(array).half().numpy()
        return half

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._file:
            if kind is not None:
                return
            header = json.dumps(self._header, separators=(",", ":")).encode()
            self._file.seek(0)
            self._file.write(self._reserved.to_bytes(8, "little") + header.ljust(self._reserved))


def read_activation(folder: Path, split: str, identity: str) -> FloatArray:
    """The output for one image of those that an :class:`ActivationWriter` wrote.

    Raises:
        BrightfieldError: the model was not evaluated on this image, or the file is damaged.
    """
    path = folder / f"{split}.safetensors"
    try:
        with safe_open(path, "numpy") as file:
            array: Stored = np.array(file.get_tensor(identity))
    except (OSError, SafetensorError) as error:
        raise BrightfieldError(
            f"{path} lacks the answer to {identity}: {error}. {AGAIN.format(folder.name)}"
        ) from error
    return array.astype(np.float32, copy=False)


def read_activations(folder: Path, split: str, ids: Iterable[str], in_memory: int = IN_MEMORY) -> Sequence[Stored]:
    """What an :class:`ActivationWriter` wrote, in the order of ``ids``.

    What does not fit into memory is read when it is asked for, and stays in the precision in which it is stored.

    Raises:
        BrightfieldError: the model was not evaluated on these images.
    """
    path, ids = folder / f"{split}.safetensors", list(ids)
    known: set[str] = set()
    if path.is_file():
        with safe_open(path, "numpy") as file:
            known = set(file.keys())
    if missing := [identity for identity in ids if identity not in known]:
        raise BrightfieldError(
            f"{path} lacks the answers to {len(missing)} of {len(ids)} images ({missing[0]}, ...). "
            f"{AGAIN.format(folder.name)}"
        )
    if (
        2 * path.stat().st_size <= in_memory
    ):  # those in half precision become twice as large, and quicker to compute with
        arrays = safetensors.numpy.load_file(path)
        return [arrays[identity].astype(np.float32, copy=False) for identity in ids]

    def read(i: int) -> Stored:
        # opened each time: what was read of an open file stays mapped into memory
        with safe_open(path, "numpy") as file:
            array: Stored = np.array(file.get_tensor(ids[i]))
        return array

    return Lazy(len(ids), read, in_memory, last=False)  # nobody asks for the same one twice in a row
