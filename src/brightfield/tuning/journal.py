"""Studies in a file beside the project: Optuna's journal, with a lock that ends with its process and an end that mends."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from brightfield.tuning.claims import StudiesError

if sys.platform != "win32":
    import fcntl

BLOCK = 2**16  # bytes that are read for the last line, which is nearly always shorter
NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, AssertionError)  # of Optuna, reading what it did not write


def storage(path: Path) -> JournalStorage:
    """The studies of a journal; it is begun where there is none.

    Raises:
        StudiesError: it cannot be read or begun, or another program wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and not _ends_well(path):
            lock = JournalLock(path)
            lock.acquire()
            lock.release()
        return JournalStorage(Journal(path))
    except OSError as error:
        raise StudiesError(
            f"The studies in {path} cannot be read or begun ({error.strerror or error}). Make the folder readable and writable."
        ) from error
    except NOT_OURS as error:
        raise _not_ours(path, error) from error


class Journal(JournalFileBackend):
    """Optuna's journal, whose errors say what can be done.

    Raises:
        StudiesError: it cannot be written or read.
    """

    def __init__(self, path: Path) -> None:
        lock: Any = JournalLock(path)
        super().__init__(str(path), lock)
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """See Optuna."""
        try:
            super().append_logs(logs)
        except OSError as error:
            raise StudiesError(
                f"{self._path} cannot be written ({error.strerror or error}). Trials that were begun are not lost: make room, or "
                "make it writable, and give the same command again."
            ) from error

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """See Optuna."""
        try:
            yield from super().read_logs(log_number_from)
        except OSError as error:
            raise StudiesError(f"{self._path} cannot be read ({error.strerror or error}).") from error
        except ValueError as error:
            raise _not_ours(self._path, error) from error


class JournalLock:
    """The lock of Optuna's journal, which the kernel releases when the process ends.

    Optuna's own locks are files that a killed process leaves behind, for which the others wait half a minute.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._file: int | None = None

    def acquire(self) -> bool:
        """Wait for the lock, and take away a line that a kill or a full disk cut off: every later one would be unreadable.

        Raises:
            StudiesError: there is no journal in the file.
        """
        # opened each time: a process that is forked meanwhile would else hold the lock, too
        self._file = os.open(self._journal.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if sys.platform != "win32":
                fcntl.flock(self._file, fcntl.LOCK_EX)
            if self._journal.is_file() and not _ends_well(self._journal):
                _mend(self._journal)
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Release it."""
        if self._file is not None:
            os.close(self._file)  # the lock ends with it
            self._file = None


def _ends_well(path: Path) -> bool:
    """Whether the last line is whole."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        length = BLOCK
        while True:
            start = max(0, size - length)
            file.seek(start)
            end = file.read(size - start)
            last = end[:-1].rfind(b"\n")
            if last >= 0 or start == 0:
                return not size or _is_whole(end[last + 1 :])
            length *= 2


def _mend(path: Path) -> None:
    with path.open("rb+") as file:
        content = file.read()
        end = len(content)
        while end:
            start = content.rfind(b"\n", 0, end - 1) + 1
            if _is_whole(content[start:end]):
                break
            end = start
        if end == 0 and not content.startswith(b'{"op_code"') and content.strip(b"\0"):
            raise _not_ours(path, ValueError("no line of it is an entry"))
        file.truncate(end)


def _is_whole(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        found = json.loads(line)
    except ValueError:
        return False
    return isinstance(found, dict) and "op_code" in found


def _not_ours(path: Path, error: Exception) -> StudiesError:
    detail = str(error).strip() or type(error).__name__
    return StudiesError(
        f"{path} is no journal that this version of Optuna reads ({detail}). Move it away, and studies begin anew; a copy of "
        "before, or the version of Optuna that wrote it, still has those that are in it."
    )
