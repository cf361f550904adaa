"""Processes of workers on this machine. Nothing here loads torch or Optuna: the processes do."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.system import processes

POLL_S = 0.5
MOST_RESTARTS = 5  # of all workers together
GRACE_S = 20.0  # after Ctrl+C, until workers are killed
SHOWN_LINES = 15  # of what a worker said before it died


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    said: Path
    file: IO[bytes]


def environment(threads: int) -> dict[str, str]:
    """That of a worker: linear algebra has as many threads as the rest, because more would compete for the same cores."""
    return os.environ | dict.fromkeys(processes.THREADS, str(threads))


def run(command: Sequence[str], number: int, threads: int, watch: Callable[[], None]) -> None:
    """Run workers in processes of their own until all have ended; one that is killed is started again.

    Args:
        command: of a worker.
        number: of workers.
        threads: of each.
        watch: called now and then, to show what there is.

    Raises:
        BrightfieldError: workers end with an error.
    """
    layout.TRIALS.mkdir(parents=True, exist_ok=True)
    left = MOST_RESTARTS
    workers: list[_Worker] = []

    def start(i: int) -> _Worker:
        said = layout.TRIALS / f"worker-{os.getpid()}-{i}.log"
        file = said.open("wb")
        process = subprocess.Popen(list(command), env=environment(threads), stdout=file, stderr=subprocess.STDOUT)
        return _Worker(process, said, file)

    try:
        for i in range(number):
            workers.append(start(i))
        while any(worker.process.poll() != 0 for worker in workers):
            time.sleep(POLL_S)
            watch()
            for i, worker in enumerate(workers):
                code = worker.process.poll()
                if code is None or code == 0:
                    continue
                worker.file.close()
                if code > 0 or left == 0:
                    raise failure(code, tail(worker.said))
                left -= 1
                workers[i] = start(i)
    except BaseException:
        end([worker.process for worker in workers])
        raise
    finally:
        for worker in workers:
            worker.file.close()
            worker.said.unlink(missing_ok=True)
    watch()


def failure(code: int, said: str, where: str = "") -> BrightfieldError:
    """What is raised when a worker ends with an error, or workers were killed too often.

    Args:
        code: with which it ended; below 0 the number of the signal.
        said: its last lines.
        where: on which machine, where there are several.
    """
    if code < 0:
        return BrightfieldError(
            f"Workers were killed {MOST_RESTARTS + 1} times, the last one{where} by signal {-code}, perhaps because memory ran "
            f"out. The same command goes on; fewer workers need less memory. It said:\n{said}"
        )
    return BrightfieldError(f"A worker{where} ended with an error:\n{said}")


def end(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes as Ctrl+C does; those that do not end so are killed."""
    deadline = time.monotonic() + GRACE_S
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    for worker in workers:
        try:
            worker.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def tail(path: Path) -> str:
    """The last lines of what a worker said."""
    lines = path.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
    return "\n".join([line for line in lines if line.strip()][-SHOWN_LINES:])
