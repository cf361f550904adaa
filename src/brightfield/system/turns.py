"""Turns on the processor's cores, taken by the processes of one user that compute with several threads.

The threads of one computation wait for each other hundreds of times a step. Where two such processes have their threads on the same
cores, each wait lasts until the scheduler brings the late thread back: both get five to ten times slower, not two. So they take
turns: who computes with n threads holds n cores meanwhile, and who comes later waits for its cores first.

A held core is a locked byte of a file: the kernel unlocks it when the process ends, however it ends.
"""

from __future__ import annotations

import os
import platform
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from brightfield.system import processes

if sys.platform != "win32":
    import fcntl

# Turns are shorter: who is next and waits for so long is behind a process that was stopped, and goes without.
PATIENCE_S = 10.0
QUEUES = 6  # before one is next it takes so many times longer, behind others that compute
PAUSE_S = 60.0  # who went without does not ask again before this time is over
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.0002, 0.002
QUEUE = 0  # the byte of the process that is next; the core numbered i is byte i + 1


class Turns:
    """The cores of this machine, as the processes of one user share them.

    Args:
        folder: where the file of locks is; by default a folder of the user's own among the temporary files.
        numbers: of the cores that this process may use; by default all that the system lets it use.
        patience_s: how long to wait for cores, as the next one, before computing without a turn.
    """

    def __init__(
        self, folder: Path | None = None, numbers: Sequence[int] | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self.folder, self.numbers, self.patience_s = folder, numbers, patience_s
        self._begin()
        if hasattr(os, "register_at_fork"):
            # a fork inherits no lock of the file, and those of threads as they are
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._state = threading.Lock()
        self._file: int | None = None
        self._tried = False
        self._inside = 0  # contexts that are open at the moment
        self._held: list[int] = []  # bytes
        self._ask_from = 0.0

    @contextmanager
    def take(self, threads: int) -> Iterator[bool]:
        """Hold ``threads`` cores inside the context, after waiting until they are free.

        One thread needs no turn, since it waits for no other. A turn inside a turn, or beside one in another thread of the process,
        is part of it. Where locks are not to be had, and after ``patience_s`` seconds as the next one or ``QUEUES`` times as long
        behind others, the context begins without a turn: turns make computations faster, they never prevent one. The context's
        value says whether the process holds cores.
        """
        with self._state:
            if self._inside == 0 and threads > 1:
                self._acquire(threads)
            self._inside += 1
        try:
            yield bool(self._held)
        finally:
            with self._state:
                self._inside -= 1
                if self._inside == 0:
                    self._release(self._held)

    def _acquire(self, threads: int) -> None:
        if time.monotonic() < self._ask_from or not self._open():
            return
        self._release(self._held)  # of a turn that Ctrl+C ended before it began
        numbers = processes.cores() if self.numbers is None else self.numbers
        try:
            # who is next keeps that place until enough cores are free, so that nobody overtakes
            if not (
                self._wait_for([QUEUE], 1, QUEUES * self.patience_s)
                and self._wait_for([number + 1 for number in numbers], min(threads, len(numbers)), self.patience_s)
            ):
                self._release(self._held)
                self._ask_from = time.monotonic() + PAUSE_S
            self._release([QUEUE])
        except BaseException:  # Ctrl+C while waiting
            self._release(self._held)
            raise

    def _wait_for(self, places: Sequence[int], count: int, seconds: float) -> bool:
        """Lock ``count`` of the bytes, as they become free; False if time is over before, or if nothing can be locked."""
        wait, deadline = SHORTEST_WAIT_S, time.monotonic() + seconds
        locked = 0
        while True:
            for place in places:
                if locked < count and place not in self._held and self._try_lock(place):
                    self._held.append(place)
                    locked += 1
            if locked == count:
                return True
            if self._file is None:
                return False
            if time.monotonic() > deadline:
                return False
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _open(self) -> bool:
        """Open the file once; whether there is one."""
        if not self._tried:
            self._tried = True
            self._file = _opened(self.folder)
        return self._file is not None

    def _try_lock(self, place: int) -> bool:
        if sys.platform == "win32" or self._file is None:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):  # the two answers of systems where somebody holds it
            return False
        except OSError:  # a file system without locks, now and later
            self._file = None
            return False
        return True

    def _release(self, places: Sequence[int]) -> None:
        for place in list(places):
            if place in self._held:
                self._held.remove(place)
                if sys.platform != "win32" and self._file is not None:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


def _opened(folder: Path | None) -> int | None:
    """The file of locks, open; None where there are no such locks, or where somebody else owns the folder."""
    if sys.platform == "win32":
        return None
    try:
        if folder is None:
            temporary = Path(tempfile.gettempdir())
            if temporary.samefile(Path.cwd()):  # what Python falls back on
                return None
            folder = temporary / f"brightfield-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return None
        # named after the machine, because the folder may be shared by several
        file = folder / f"cores-{platform.node()}"
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


_OF_THIS_PROCESS = Turns()  # opens nothing before the first turn


def of_this_process() -> Turns:
    """The turns that all computations of this process take."""
    return _OF_THIS_PROCESS
