"""Files that hang or crash the HDF5 library are refused, and the next one is read."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from brightfield.data.importing import guarded
from brightfield.errors import BrightfieldError


class Process:
    """One that was alive when last asked."""

    def is_alive(self) -> bool:
        return True

    def kill(self) -> None:
        pass

    join = kill


LABELS = np.arange(12, dtype=np.uint32).reshape(3, 4)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        file["exported_data"] = LABELS
    return tmp_path / "labels.h5"


def test_labels_arrive_whole_and_one_helper_serves_all(labels: Path) -> None:
    np.testing.assert_array_equal(guarded.read_labels(labels), LABELS)
    first = guarded._HELPER.process
    with pytest.raises(BrightfieldError, match="There is no file .*other.h5"):
        guarded.read_labels(labels.with_name("other.h5"))
    np.testing.assert_array_equal(guarded.read_labels(labels), LABELS)
    assert guarded._HELPER.process is first


def test_a_helper_that_hangs_is_replaced(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded.read_labels(labels)
    helper = guarded._HELPER.process
    assert helper is not None
    assert helper.pid is not None
    os.kill(helper.pid, signal.SIGSTOP)  # alive, and never answers
    monkeypatch.setattr(guarded, "SECONDS", 0.2)
    with pytest.raises(BrightfieldError, match="the library crashed on it or took more than 0.2 s"):
        guarded.read_labels(labels)
    assert guarded._HELPER.process is None
    monkeypatch.undo()
    np.testing.assert_array_equal(guarded.read_labels(labels), LABELS)


def test_a_helper_that_dies_costs_one_file(labels: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    theirs.close()  # as when the process at the other end is gone
    helper = guarded._Helper()
    helper.pipe, helper.process = ours, Process()
    assert helper.ask(labels) is None
    assert helper.process is None
