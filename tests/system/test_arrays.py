"""Arrays in memory up to a limit, then on the disk; items that are made when asked for."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from brightfield.errors import BrightfieldError
from brightfield.system.arrays import ArrayStore, Lazy, nbytes


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        arrays_of.arrays(
            st.sampled_from([np.uint8, np.int64, np.float32, np.bool_]), arrays_of.array_shapes(min_dims=0, min_side=0)
        ),
        max_size=6,
    ),
    st.integers(0, 200),
)
def test_what_comes_back_is_what_was_kept(tmp_path_factory: pytest.TempPathFactory, kept: list, limit: int) -> None:
    store = ArrayStore(limit, tmp_path_factory.getbasetemp())
    assert [store.append(array) for array in kept] == list(range(len(kept)))
    for number, array in reversed(list(enumerate(kept))):
        found = store[number]
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_only_what_does_not_fit_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "made when needed"
    store = ArrayStore(100, folder)
    store.append(np.zeros(100, np.uint8))
    assert not folder.exists()
    store.append(np.ones(1, np.uint8))
    assert folder.exists()
    assert list(folder.iterdir()) == []  # the file has no name


def test_a_reader_may_change_what_it_got(tmp_path: Path) -> None:
    store = ArrayStore(0, tmp_path)
    store.append(np.zeros((3, 4), np.float32))
    torch.from_numpy(store[0]).add_(1)
    assert not store[0].any()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
def test_a_process_does_not_grow_with_what_it_reads(tmp_path: Path) -> None:
    """100 arrays of 8 MB are read whole; a store that kept them mapped would hold 800 MB."""
    code = """
import sys, numpy as np
from pathlib import Path
from brightfield.system.arrays import ArrayStore
store = ArrayStore(0, Path(sys.argv[1]))
for i in range(100):
    store.append(np.full(2**20, i))
assert [int(store[i].sum()) >> 20 for i in range(100)] == list(range(100))
(most,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(most)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200_000  # kB


def test_a_full_disk_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("brightfield.system.arrays.tempfile.TemporaryFile", full)
    with pytest.raises(BrightfieldError, match=r"do not fit into memory.*No space left on device. Free some space"):
        ArrayStore(0, tmp_path).append(np.zeros(3))


def test_items_are_made_when_asked_for_and_remembered_as_long_as_they_fit() -> None:
    made: list[int] = []

    def make(i: int) -> np.ndarray:
        made.append(i)
        return np.full(10, i, np.uint8)

    items = Lazy(4, make, in_memory=25)
    assert len(items) == 4
    assert made == []
    for _ in range(2):
        assert [int(item[0]) for item in items] == [0, 1, 2, 3]
    assert made == [0, 1, 2, 3, 2, 3]
    assert int(items[-1][0]) == 3
    assert [int(item[0]) for item in items[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        items[4]


def test_bytes_of_an_item_are_those_of_its_arrays() -> None:
    array, tensor = np.zeros(3, np.float32), torch.zeros(2)
    assert nbytes(array) == 12
    assert nbytes((array, [tensor, "text"])) == 20
    assert nbytes(SimpleNamespace(a=array, b=tensor, c=7)) == 20
    assert nbytes(3) == 0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors as Linux shows them")
def test_a_batch_of_many_small_arrays_opens_no_file_for_each(tmp_path: Path) -> None:
    store = ArrayStore(in_memory=0, folder=tmp_path)
    small = [np.full((3, 85, 85), i, np.float32) for i in range(50)]
    numbers = [store.append(array) for array in small]
    before = len(list(Path("/proc/self/fd").iterdir()))
    batch = [store[number] for number in numbers]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert all((found == array).all() for found, array in zip(batch, small, strict=True))
    batch[0][:] = -1  # changes nothing that is kept
    assert (store[numbers[0]] == small[0]).all()
