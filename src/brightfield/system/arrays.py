"""Sequences of arrays that may be larger than memory."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError
from brightfield.system.files import UNWRITABLE

Item = TypeVar("Item")
MAPPED_FROM = 2**20  # bytes; a map keeps a descriptor open, and a batch may have hundreds of small arrays
IN_MEMORY = 2**28  # bytes that a store keeps in memory before it writes to the disk, and a sequence remembers
FOLDER = Path(".brightfield")  # of the files; on the disk of the project, because that of /tmp is often memory


class ArrayStore:
    """Arrays that are written once and read often: in memory up to a limit, then in a file.

    An array of the file is mapped into memory only while somebody holds it, so the process does not grow with what it reads. The
    file has no name, so the system deletes it when the process ends, in whatever way. A process that forks off can read as well.

    Args:
        in_memory: largest number of bytes kept in memory.
        folder: where the file is made, when there is more.
    """

    def __init__(self, in_memory: int = IN_MEMORY, folder: Path = FOLDER) -> None:
        self.left, self.folder = in_memory, folder
        self.nbytes = 0  # of all that was appended
        self._file: IO[bytes] | None = None
        self._arrays: list[npt.NDArray[Any] | tuple[int, tuple[int, ...], np.dtype[Any]]] = []

    def __len__(self) -> int:
        return len(self._arrays)

    def append(self, array: npt.NDArray[Any]) -> int:
        """Keep an array and return its number.

        Raises:
            BrightfieldError: the disk is full or not writable.
        """
        self.nbytes += array.nbytes
        if array.nbytes <= self.left or array.size == 0:
            self.left -= array.nbytes
            self._arrays.append(array)
        else:
            self._arrays.append((self._write(array), array.shape, array.dtype))
        return len(self) - 1

    def __getitem__(self, number: int) -> npt.NDArray[Any]:
        """The array; it may be changed without changing what is kept."""
        found = self._arrays[number]
        if isinstance(found, np.ndarray):
            return found
        assert self._file is not None
        offset, shape, dtype = found
        size = dtype.itemsize * math.prod(shape)
        if size < MAPPED_FROM and hasattr(os, "pread"):
            read = os.pread(self._file.fileno(), size, offset)
            return np.frombuffer(bytearray(read), dtype).reshape(shape)
        return np.asarray(np.memmap(self._file, dtype, "c", offset, shape))

    def _write(self, array: npt.NDArray[Any]) -> int:
        try:
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115  # open as long as self
            offset = self._file.seek(0, 2)
            left = np.ascontiguousarray(array).data.cast("B")
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            raise BrightfieldError(
                f"The images do not fit into memory, and could not be written to {self.folder.resolve()}: "
                f"{error.strerror or error}. Free some space, or learn from fewer images."
            ) from error
        return offset


class Lazy(Sequence[Item], Generic[Item]):
    """Items that are made when they are asked for, and remembered as long as they fit into memory.

    Args:
        count: number of items.
        make: of an index; the same index gives the same item.
        in_memory: largest number of bytes of arrays remembered; by default nothing is, but for the last item.
        last: whether the last item is remembered: two sequences that go hand in hand ask for each item twice.
    """

    def __init__(self, count: int, make: Callable[[int], Item], in_memory: int = 0, *, last: bool = True) -> None:
        self._count, self._make, self._left = count, make, in_memory
        self._known: dict[int, Item] = {}
        self._last: tuple[int, Item] | None = None
        self._remembers_last = last

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, i: int) -> Item: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Item]: ...
    def __getitem__(self, i: int | slice) -> Item | Sequence[Item]:
        if isinstance(i, slice):
            return [self[number] for number in range(*i.indices(self._count))]
        number = range(self._count)[i]  # an index from the end, and IndexError beyond it
        if number in self._known:
            return self._known[number]
        if self._last is not None and self._last[0] == number:
            return self._last[1]
        item = self._make(number)
        if self._remembers_last:
            self._last = number, item
        if self._left > 0 and (size := nbytes(item)) <= self._left:
            self._left -= size
            self._known[number] = item
        return item

    def __iter__(self) -> Iterator[Item]:
        return (self[number] for number in range(self._count))


def nbytes(item: object) -> int:
    """Bytes of the arrays and tensors in an item: itself, its attributes, or those of a list or tuple."""
    known = getattr(item, "nbytes", None)
    if isinstance(known, int):
        return known
    if isinstance(item, list | tuple):
        return sum(nbytes(part) for part in item)
    return sum(nbytes(part) for part in vars(item).values()) if hasattr(item, "__dict__") else 0
