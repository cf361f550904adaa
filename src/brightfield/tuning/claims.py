"""Who works on what: a claim holds while the process of the worker lives, and ends with it, however it ends.

Optuna keeps what was tried; it does not know whether the process that trains a trial is alive. A heartbeat would tell so a minute
late. So a worker holds a lock, which the kernel (or the server of the database) takes back the moment the worker is gone:

- studies in a file: a locked byte of the file beside it, as processes of one machine and a shared disk know it;
- studies in PostgreSQL: an advisory lock of a session of its own, see :mod:`brightfield.tuning.database`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brightfield.errors import BrightfieldError

if sys.platform != "win32":
    import fcntl

NUMBERS = 2**62  # of locks: names are hashed to one of them


class StudiesError(BrightfieldError):
    """Studies cannot be read or written. Nothing is wrong with what is tried: a trial that ends so goes on later."""


class Claims(ABC):
    """Claims of one worker. A process that is forked from it has none of them."""

    def __init__(self) -> None:
        self._mine: set[str] = set()
        _ALL.add(self)

    @abstractmethod
    def take(self, name: str) -> bool:
        """Claim something, unless another worker has; returns whether it is this worker's by this call."""

    @abstractmethod
    def release(self, name: str) -> None:
        """Give a claim back; one that is not held stays as it is."""

    @abstractmethod
    def held(self, name: str) -> bool:
        """Whether a claim that was taken still holds: the session of a database may have broken, and another worker come."""

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """A context that one worker at a time is in; waits for the others.

        Raises:
            RuntimeError: this process is in it already, and would wait for itself.
        """
        if name in self._mine:
            raise RuntimeError(f"this process holds {name!r} already")
        try:
            self._wait(name)
            yield
        finally:  # also after Ctrl+C while it waits
            self.release(name)

    @abstractmethod
    def _wait(self, name: str) -> None:
        """Claim something as soon as no other worker has it."""

    def in_child(self) -> None:
        """Called in a process that was forked from the one that claimed."""
        self._mine = set()


_ALL: weakref.WeakSet[Claims] = weakref.WeakSet()


def _in_child() -> None:
    for each in list(_ALL):
        each.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class FileClaims(Claims):
    """Locked bytes of one file, which stays empty; it is opened for the first claim.

    Locks of this kind belong to a process, so all claims of a process go through one object; see :func:`of_file`.

    Raises:
        StudiesError: the file cannot be written or locked, or was deleted meanwhile.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: int | None = None

    def take(self, name: str) -> bool:
        """See :meth:`Claims.take`."""
        if name in self._mine or not self._lock(name, wait=False):
            return False
        self._mine.add(name)
        return True

    def release(self, name: str) -> None:
        """See :meth:`Claims.release`."""
        self._mine.discard(name)
        if sys.platform != "win32" and self._file is not None:
            with suppress(OSError):  # what cannot be locked is not locked
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number(name))

    def held(self, name: str) -> bool:
        """As long as the process lives, and the file with it: another process would lock a new one, and know nothing of this."""
        if name in self._mine:
            self._check()
        return name in self._mine

    def _wait(self, name: str) -> None:
        self._lock(name, wait=True)
        self._mine.add(name)

    def _lock(self, name: str, wait: bool) -> bool:
        if sys.platform == "win32":
            return True
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise StudiesError(
                f"{self._path} cannot be written ({error.strerror or error}), so no worker can say what it works on. "
                "Make the folder writable."
            ) from error
        self._check()
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, number(name))
        except (BlockingIOError, PermissionError):  # the two answers of systems where somebody holds it
            return False
        except OSError as error:
            raise StudiesError(
                f"{self._path} cannot be locked ({error.strerror or error}): its file system has no locks, by which workers know "
                "of each other. Mount it with them, put the project on another disk, or keep studies in PostgreSQL "
                "(BRIGHTFIELD_STUDIES)."
            ) from error
        return True

    def _check(self) -> None:
        """Refuse to go on where the file is another one than at first."""
        if self._file is None:
            return
        try:
            here = os.stat(self._path)  # noqa: PTH116
        except FileNotFoundError:
            here = None
        except OSError as error:
            raise StudiesError(f"{self._path} cannot be read ({error.strerror or error}).") from error
        own = os.fstat(self._file)
        if here is None or (here.st_dev, here.st_ino) != (own.st_dev, own.st_ino):
            raise StudiesError(
                f"{self._path} was deleted while this process had claims in it, so others do not know of them. "
                "Stop all workers of the project, and give the command again."
            )


_OF_FILES: dict[Path, FileClaims] = {}


def of_file(path: Path) -> FileClaims:
    """The claims of this process in a file. It is opened once: to close it a second time would end all claims of the process."""
    key = path.absolute()
    if key not in _OF_FILES:
        _OF_FILES[key] = FileClaims(key)
    return _OF_FILES[key]


def number(name: str) -> int:
    """The number of the lock of a claim."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % NUMBERS
