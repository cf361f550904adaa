"""Read HDF5 of any origin in a separate process.

The HDF5 library trusts its input: damaged files can hang or crash the process, and no check in Python can prevent that. So one
helper process reads file after file; if it hangs or crashes, the file is refused and the next one gets a new helper. The two
processes exchange bytes, never pickles.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brightfield.data.importing import hdf5
from brightfield.errors import BrightfieldError

SECONDS = 60.0  # time limit for one file; the largest file that is accepted takes a few seconds
STARTING_SECONDS = 180.0  # time limit for the start of the helper, on a busy machine
MAX_BYTES = 4_000_000_000  # memory limit of the helper, where the system supports one
_READY, _FOUND, _REFUSED = b"R", b"A", b"E"


@dataclass
class _Helper:
    """The helper process and our end of the pipe; it is started on first use."""

    process: BaseProcess | None = None
    pipe: Connection | None = None
    context: multiprocessing.context.SpawnContext = field(default_factory=lambda: multiprocessing.get_context("spawn"))

    def ask(self, path: Path) -> bytes | None:
        """The helper's reply, or None if it hung or crashed."""
        if self.process is None or self.pipe is None or not self.process.is_alive():
            self._start()
        assert self.pipe is not None
        with contextlib.suppress(EOFError, OSError):
            self.pipe.send_bytes(str(path).encode())
            if self.pipe.poll(SECONDS):
                return self.pipe.recv_bytes()
        self.stop()
        return None

    def _start(self) -> None:
        self.stop()
        self.pipe, theirs = self.context.Pipe()
        self.process = self.context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        ready = False
        with contextlib.suppress(EOFError, OSError):
            ready = self.pipe.poll(STARTING_SECONDS) and self.pipe.recv_bytes() == _READY
        if not ready:
            self.stop()
            raise BrightfieldError(
                "The process that reads HDF5 files did not start. Try again when the machine is less busy."
            )

    def stop(self) -> None:
        """Kill the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
        if self.pipe is not None:
            self.pipe.close()
        self.process = self.pipe = None


_HELPER = _Helper()


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Like :func:`brightfield.data.importing.hdf5.read_labels`, but safe: a file that hangs or crashes HDF5 is refused."""
    answer = _HELPER.ask(path)
    if answer is None:
        raise BrightfieldError(
            f"{path} cannot be read as HDF5: the library crashed on it or took more than {SECONDS:g} s. It is damaged; "
            "export it again."
        )
    if answer[:1] == _REFUSED:
        raise BrightfieldError(answer[1:].decode())
    header, _, pixels = answer[1:].partition(b"\n")
    return np.frombuffer(pixels, dtype=np.int32).reshape(json.loads(header))


def _serve(pipe: Connection) -> None:
    """Handle requests until the other end is closed."""
    _limit_memory()
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        pipe.send_bytes(_READY)
        for path in _asked(pipe):
            try:
                labels = hdf5.read_labels(path)
            except BrightfieldError as error:
                pipe.send_bytes(_REFUSED + str(error).encode())
            else:
                pipe.send_bytes(_FOUND + json.dumps(labels.shape).encode() + b"\n" + labels.tobytes())


def _asked(pipe: Connection) -> Iterator[Path]:
    while True:
        yield Path(pipe.recv_bytes().decode())


def _limit_memory() -> None:
    # Windows has no such limit; a lower limit is left alone
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES if most < 0 else min(MAX_BYTES, most), most))
