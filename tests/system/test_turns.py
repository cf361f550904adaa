"""Turns on cores, taken by real processes."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from brightfield.system.turns import Turns
from tiny import REPOSITORY

# Takes turns and prints when each began and ended, on the clock that all processes share.
PROCESS = """
import json, sys, time
from pathlib import Path
from brightfield.system.turns import Turns
folder, cores, threads, count, length, patience = json.loads(sys.argv[1])
turns = Turns(Path(folder), cores, patience_s=patience)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(count):
    with turns.take(threads):
        print(time.monotonic(), flush=True)
        time.sleep(length)
        print(time.monotonic(), flush=True)
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that is ready and waits for a line before it takes turns."""
    running: list[subprocess.Popen[str]] = []

    def started(
        cores: Sequence[int], threads: int, count: int = 5, length: float = 0.05, patience: float = 60.0
    ) -> subprocess.Popen[str]:
        said = json.dumps([str(tmp_path / "turns"), list(cores), threads, count, length, patience])
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, said],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield started
    for process in running:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def spans(process: subprocess.Popen[str]) -> list[tuple[float, float]]:
    """When each turn began and ended."""
    assert process.stdout is not None
    times = [float(line) for line in process.stdout]
    return list(zip(times[::2], times[1::2], strict=True))


def go_and_hold(process: subprocess.Popen[str]) -> None:
    """Return when the process has its first turn."""
    go(process)
    assert process.stdout is not None
    float(process.stdout.readline())


def overlaps(first: Sequence[tuple[float, float]], second: Sequence[tuple[float, float]]) -> int:
    return sum(a[0] < b[1] and b[0] < a[1] for a in first for b in second)


def test_two_processes_that_need_the_same_cores_alternate(start: Start) -> None:
    processes = [start([0, 1], 2, count=8) for _ in range(2)]
    go(*processes)
    first, second = map(spans, processes)
    assert len(first) == len(second) == 8
    assert overlaps(first, second) == 0
    begun, ended = max(first[0][0], second[0][0]), min(first[-1][1], second[-1][1])  # while both took part
    order = [
        who for turn, who in sorted([(s, "a") for s in first] + [(s, "b") for s in second]) if begun <= turn[0] < ended
    ]
    assert all(one != next_one for one, next_one in pairwise(order)), order


def test_processes_for_which_there_are_cores_compute_at_once(start: Start) -> None:
    processes = [start([0, 1, 2, 3], 2, count=1, length=1.0) for _ in range(2)]
    go(*processes)
    assert overlaps(*map(spans, processes)) == 1


def test_processes_on_different_cores_do_not_wait_for_each_other(start: Start) -> None:
    processes = [start(cores, 2, count=1, length=1.0) for cores in ([0, 1], [2, 3])]
    go(*processes)
    assert overlaps(*map(spans, processes)) == 1


def test_one_that_needs_all_cores_is_not_overtaken_by_those_that_need_few(start: Start) -> None:
    few = [start(range(4), 2, count=30, length=0.03) for _ in range(2)]
    go(*few)
    time.sleep(0.2)
    large = start(range(4), 4, count=1)
    go(large)
    (turn,) = spans(large)
    taken = [span for process in few for span in spans(process)]
    assert overlaps([turn], taken) == 0
    assert any(span[0] > turn[1] for span in taken), "it came last"


def test_one_thread_needs_no_turn(start: Start) -> None:
    processes = [start([0], threads, count=1, length=1.0) for threads in (2, 1)]
    go(*processes)
    assert overlaps(*map(spans, processes)) == 1


def test_a_killed_process_leaves_its_cores(start: Start) -> None:
    holder = start([0, 1], 2, length=60)
    go_and_hold(holder)
    other = start([0, 1], 2, count=1)
    go(other)
    holder.kill()
    assert len(spans(other)) == 1


def test_behind_a_process_that_was_stopped_one_computes_without_a_turn(start: Start, tmp_path: Path) -> None:
    holder = start([0, 1], 2, length=60)
    go_and_hold(holder)
    holder.send_signal(signal.SIGSTOP)
    turns = Turns(tmp_path / "turns", [0, 1], patience_s=0.1)
    with turns.take(2) as held:
        assert not held
    turns.patience_s = 10_000  # it does not ask again soon
    with turns.take(2) as held:
        assert not held


def test_ctrl_c_while_waiting_gives_up_the_place_in_the_queue(start: Start) -> None:
    holder = start([0, 1], 2, count=1, length=2.0)
    go_and_hold(holder)
    waiting = start([0, 1], 2, count=1)
    go(waiting)
    time.sleep(0.3)
    waiting.send_signal(signal.SIGINT)
    waiting.wait()
    last = start([0, 1], 2, count=1)
    go(last)
    assert len(spans(last)) == 1


def test_a_turn_inside_a_turn_is_part_of_it(start: Start, tmp_path: Path) -> None:
    turns = Turns(tmp_path / "turns", [0, 1])
    other = start([0, 1], 2, count=1, length=0.0)
    with turns.take(2) as held:
        assert held
        with turns.take(2) as held_inside:
            assert held_inside
        go(other)
        ended = time.monotonic()
    ((begun, _),) = spans(other)
    assert begun >= ended, "the inner turn's end did not free the cores"


def test_who_waits_behind_many_others_keeps_waiting(start: Start) -> None:
    """Three times as long as one alone may take."""
    processes = [start([0, 1], 2, count=3, length=0.1, patience=0.25) for _ in range(6)]
    go(*processes)
    taken = [spans(process) for process in processes]
    assert sum(overlaps(one, other) for i, one in enumerate(taken) for other in taken[:i]) == 0


def test_a_file_system_without_locks_costs_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refused)
    turns = Turns(tmp_path / "turns", [0, 1], patience_s=10_000)
    for _ in range(2):
        with turns.take(2) as held:
            assert not held


def test_without_a_temporary_folder_there_are_no_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "gettempdir", none)
    with Turns(numbers=[0, 1]).take(2) as held:
        assert not held
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))  # the current folder, the last that Python tries
    with Turns(numbers=[0, 1]).take(2) as held:
        assert not held
    assert not list(tmp_path.iterdir())


def test_a_fork_takes_turns_of_its_own(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "turns", [0, 1], patience_s=0.1)
    with turns.take(2) as held:
        assert held
        child = os.fork()
        if child == 0:
            with turns.take(2) as held_by_child:
                os._exit(int(held_by_child))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the parent holds the cores"


@pytest.mark.parametrize("obstacle", ["a link", "a file"])
def test_without_a_folder_of_its_own_a_process_computes_without_turns(tmp_path: Path, obstacle: str) -> None:
    place = tmp_path / "turns"
    if obstacle == "a link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.write_text("")
    with Turns(place, [0, 1]).take(2) as held:
        assert not held
    assert not any((tmp_path / "elsewhere").glob("*"))


def test_where_there_are_fewer_cores_than_threads_a_turn_takes_them_all(tmp_path: Path) -> None:
    with Turns(tmp_path / "turns", [0], patience_s=0.1).take(8) as held:
        assert held
