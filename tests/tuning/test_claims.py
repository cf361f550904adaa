"""Claims of several real processes: killed while they hold, while they wait, forked, and on disks that do not lock."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from brightfield.tuning import claims
from brightfield.tuning.claims import FileClaims, StudiesError

# Answers each line of its input, "take NAME" for instance, with a line.
PROCESS = """
import os, sys
from pathlib import Path
from brightfield.tuning.claims import FileClaims
mine = FileClaims(Path(sys.argv[1]))
for line in sys.stdin:
    what, name = line.split()
    if what == "turn":
        context = mine.turn(name)
        print("waits", flush=True)
        context.__enter__()
        print("in", flush=True)
    elif what == "fork":  # a child that outlives this process, as one that prepares batches may
        if os.fork() == 0:
            print("forked" if not mine.held(name) else "holds", flush=True)
            os.read(int(sys.argv[2]), 1)
            os._exit(0)
    else:
        print(getattr(mine, what)(name), flush=True)
"""


class Process:
    """A process with claims of its own."""

    def __init__(self, path: Path, until: int) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path), str(until)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[until],
        )

    def tell(self, what: str, name: str = "trial") -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{what} {name}\n")
        self.popen.stdin.flush()

    def answer(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def ask(self, what: str, name: str = "trial") -> str:
        self.tell(what, name)
        return self.answer()

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()


Start = Callable[[], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process with claims in one and the same file."""
    begun: list[Process] = []
    until, end = os.pipe()

    def started() -> Process:
        begun.append(Process(tmp_path / "studies" / "claims", until))
        return begun[-1]

    yield started
    os.close(end)  # forked children end
    for process in begun:
        with suppress(ProcessLookupError):
            process.popen.kill()
        process.popen.communicate()
    os.close(until)


def test_a_claim_is_one_process_s_until_it_gives_it_back(start: Start) -> None:
    one, other = start(), start()
    assert one.ask("take") == "True"
    assert one.ask("take") == "False"  # it has it already
    assert other.ask("take") == "False"
    assert other.ask("take", "another") == "True"
    assert [one.ask("held"), other.ask("held")] == ["True", "False"]
    other.ask("release")  # what it does not hold
    assert other.ask("take") == "False"
    one.ask("release")
    assert other.ask("take") == "True"


def test_a_claim_ends_with_a_process_that_is_killed(start: Start) -> None:
    one, other = start(), start()
    assert one.ask("take") == "True"
    one.kill()
    assert other.ask("take") == "True"


def test_a_turn_ends_with_a_process_that_is_killed_in_it_or_waits_for_it(start: Start) -> None:
    inside, waiting, last = start(), start(), start()
    assert [inside.ask("turn"), inside.answer()] == ["waits", "in"]
    assert waiting.ask("turn") == "waits"
    assert last.ask("turn") == "waits"
    waiting.kill()
    assert last.popen.poll() is None
    inside.kill()
    assert last.answer() == "in"


def test_a_forked_child_has_no_claims_and_keeps_none(start: Start) -> None:
    one, other = start(), start()
    assert one.ask("take") == "True"
    assert one.ask("fork") == "forked"
    assert other.ask("take") == "False"
    one.kill()  # the child lives on, with the file open
    assert other.ask("take") == "True"


def test_a_turn_inside_itself_is_refused(tmp_path: Path) -> None:
    mine = FileClaims(tmp_path / "claims")
    with mine.turn("a"), mine.turn("b"):
        with pytest.raises(RuntimeError, match="already"), mine.turn("a"):
            pass
        assert mine.held("a")


def test_an_error_inside_ends_a_turn(tmp_path: Path, start: Start) -> None:
    mine = FileClaims(tmp_path / "studies" / "claims")
    with pytest.raises(ValueError, match="no"), mine.turn("trial"):
        raise ValueError("no")
    assert start().ask("take") == "True"


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_while_waiting_leaves_nothing_behind(start: Start) -> None:
    inside, waiting = start(), start()
    assert [inside.ask("turn"), inside.answer()] == ["waits", "in"]
    assert waiting.ask("turn") == "waits"
    waiting.popen.send_signal(signal.SIGINT)
    assert waiting.popen.wait(30) != 0
    inside.ask("release")
    assert start().ask("take") == "True"


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO, errno.ESTALE])
def test_a_disk_that_does_not_lock_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    mine = FileClaims(tmp_path / "claims")

    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "lockf", refused)
    for claim in (lambda: mine.take("a"), lambda: mine.turn("a").__enter__()):
        with pytest.raises(
            StudiesError, match=rf"claims cannot be locked \({os.strerror(code)}\).*BRIGHTFIELD_STUDIES"
        ):
            claim()
    assert not mine.held("a")


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EACCES])
def test_both_answers_of_a_lock_that_is_held_mean_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "lockf", refused)
    assert not FileClaims(tmp_path / "claims").take("a")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refused)  # root may write into any folder
    with pytest.raises(StudiesError, match="claims cannot be written .Read-only file system."):
        FileClaims(tmp_path / "claims").take("a")


@pytest.mark.parametrize("anew", [False, True])
def test_a_file_that_was_deleted_or_made_anew_ends_the_worker(tmp_path: Path, start: Start, anew: bool) -> None:
    path = tmp_path / "studies" / "claims"
    mine = FileClaims(path)
    assert mine.take("trial")
    path.unlink()
    if anew:
        assert start().ask("take") == "True"  # it cannot know
    with pytest.raises(StudiesError, match="was deleted.*give the command again"):
        mine.held("trial")
    with pytest.raises(StudiesError, match="was deleted"):
        mine.take("another")


def test_all_claims_of_a_process_in_a_file_are_one_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert claims.of_file(Path("claims")) is claims.of_file(tmp_path / "claims")
    assert not (tmp_path / "claims").exists()  # to look at studies takes no claim
