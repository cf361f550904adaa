"""Activated outputs on disk, written and read an array at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from brightfield.errors import BrightfieldError
from brightfield.evaluation.activation_files import ActivationWriter, read_activation, read_activations


def write(folder: Path, arrays: dict[str, np.ndarray], *, half: bool = False) -> list[np.ndarray]:
    with ActivationWriter(folder, "test", list(arrays), half=half) as writer:
        return [writer.append(name, array) for name, array in arrays.items()]


def some(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.random((3, height, 4)).astype(np.float32) for name, height in (("b", 2), ("a", 5), ("c.1", 1))}


@pytest.mark.parametrize("in_memory", [10**9, 100, 0])
def test_activations_come_back_in_the_order_asked(tmp_path: Path, in_memory: int) -> None:
    arrays = some(np.random.default_rng(0))
    write(tmp_path, arrays)
    assert [file.name for file in tmp_path.iterdir()] == ["test.safetensors"]
    for order in (["a", "b", "c.1"], ["c.1", "a"], []):
        read = read_activations(tmp_path, "test", order, in_memory)
        assert len(read) == len(order)
        for name, array in zip(order, read, strict=True):
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, arrays[name])


def test_the_file_is_one_that_the_library_reads(tmp_path: Path) -> None:
    arrays = some(np.random.default_rng(1))
    write(tmp_path, arrays)
    read = safetensors.numpy.load_file(tmp_path / "test.safetensors")
    assert read.keys() == arrays.keys()
    assert all(np.array_equal(read[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("in_memory", [10**9, 0])
def test_in_half_precision_what_is_returned_is_what_will_be_read(tmp_path: Path, in_memory: int) -> None:
    arrays = some(np.random.default_rng(2))
    returned = write(tmp_path, arrays, half=True)
    read = read_activations(tmp_path, "test", arrays, in_memory)
    for given, kept, array in zip(arrays.values(), returned, read, strict=True):
        np.testing.assert_array_equal(kept, array)
        np.testing.assert_allclose(array, given, rtol=2**-11, atol=2**-25)
    assert (tmp_path / "test.safetensors").stat().st_size < 1000 + sum(array.size * 2 for array in arrays.values())


@pytest.mark.parametrize("half", [False, True])
def test_one_of_many_is_read_alone(tmp_path: Path, half: bool) -> None:
    arrays = some(np.random.default_rng(3))
    returned = dict(zip(arrays, write(tmp_path, arrays, half=half), strict=True))
    for name, array in returned.items():
        read = read_activation(tmp_path, "test", name)
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, array)


def test_one_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, some(np.random.default_rng(4)))
    with pytest.raises(BrightfieldError, match="lacks the answer to other.*brightfield evaluate"):
        read_activation(tmp_path, "test", "other")
    with pytest.raises(BrightfieldError, match="lacks the answer to a"):
        read_activation(tmp_path, "focus", "a")
    (tmp_path / "test.safetensors").write_bytes(b"\xff" * 30)
    with pytest.raises(BrightfieldError, match="lacks the answer to a"):
        read_activation(tmp_path, "test", "a")


def test_numbers_are_rounded_to_half_precision_as_numpy_does(tmp_path: Path) -> None:
    array = np.float32(10) ** np.linspace(-12, 4, 4000, dtype=np.float32).reshape(2, 40, 50)
    (kept,) = write(tmp_path, {"a": array}, half=True)
    np.testing.assert_array_equal(kept, array.astype(np.float16).astype(np.float32))


def test_a_view_is_stored_as_what_it_shows(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T[None, ::-1]
    write(tmp_path, {"a": array})
    np.testing.assert_array_equal(read_activations(tmp_path, "test", ["a"])[0], array)


def test_the_header_has_room_for_the_longest_names_and_the_largest_numbers(tmp_path: Path) -> None:
    names = ["x" * 200 + str(i) for i in range(30)]
    write(tmp_path, {name: np.zeros((1, 0, 2**20), np.float32) for name in names})
    assert len(safetensors.numpy.load_file(tmp_path / "test.safetensors")) == 30


def test_activations_that_are_not_there_are_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "rbc-convnet"
    folder.mkdir()
    with pytest.raises(
        BrightfieldError, match=r"lacks the answers to 2 of 2 images .*brightfield evaluate rbc-convnet"
    ):
        read_activations(folder, "test", ["a", "b"])
    write(folder, {"a": np.zeros((1, 1), np.float32)})
    with pytest.raises(BrightfieldError, match=r"lacks the answers to 1 of 2 images \(b, ...\)"):
        read_activations(folder, "test", ["a", "b"])
