"""Studies in a journal: cut off, damaged, written by others, on disks that take nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from optuna.storages.journal import JournalFileBackend

from brightfield import layout
from brightfield.tuning import journal, storage, studies
from brightfield.tuning.claims import StudiesError
from brightfield.tuning.journal import JournalLock

# Writes trials of one study until it is killed.
WRITER = """
import optuna, sys
from brightfield.tuning import storage
study = optuna.create_study(study_name="study", storage=storage.place().storage, load_if_exists=True)
while True:
    trial = study.ask()
    trial.set_user_attr("long", "x" * 20000)
    study.tell(trial, float(trial.number))
    print(trial.number, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the studies in a journal."""
    monkeypatch.delenv(storage.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(trials: int = 2) -> optuna.Study:
    study = optuna.create_study(study_name="study", storage=storage.place().storage, load_if_exists=True)
    for _ in range(trials):
        study.tell(study.ask(), 1.0)
    return study


def numbers() -> list[int]:
    """Of the trials that a process finds that comes later."""
    return [trial.number for trial in optuna.load_study(study_name="study", storage=storage.place().storage).trials]


@pytest.mark.usefixtures("folder")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400), rubbish=st.binary(max_size=60))
@example(cut=0, rubbish=b"\0" * 4096)  # what a file system leaves of blocks that were not written
@example(cut=1, rubbish=b"\n\n\xff{}\n[]\n")
@example(cut=1, rubbish=b'{"op_code"\n')
@example(cut=0, rubbish=b'5\n"text"\n{}\n')
def test_what_a_kill_or_a_power_cut_left_at_the_end_is_taken_away(cut: int, rubbish: bytes) -> None:
    layout.JOURNAL.unlink(missing_ok=True)
    begun()
    whole = layout.JOURNAL.read_bytes()
    left = whole[: len(whole) - cut]
    layout.JOURNAL.write_bytes(left + rubbish)
    reader = storage.place().storage  # one that was there before
    begun(1)
    assert begun(0).trials[-1].state is optuna.trial.TrialState.COMPLETE
    content = layout.JOURNAL.read_bytes()
    assert content.startswith(whole[: left.rfind(b"\n") + 1])
    assert numbers() == list(range(len(numbers())))
    assert [trial.number for trial in reader.get_all_trials(0)] == numbers()


@pytest.mark.usefixtures("folder")
def test_a_line_that_is_longer_than_what_is_read_at_once_is_whole() -> None:
    begun().set_user_attr("long", "x" * (3 * journal.BLOCK))
    before = layout.JOURNAL.read_bytes()
    lock = JournalLock(layout.JOURNAL)
    lock.acquire()
    lock.release()
    assert layout.JOURNAL.read_bytes() == before
    layout.JOURNAL.write_bytes(before[:-2])
    begun(1)
    assert numbers() == [0, 1, 2]


@pytest.mark.usefixtures("folder")
def test_several_processes_write_and_are_killed_while_others_read() -> None:
    begun(0)
    reader = storage.place().storage
    for _ in range(2):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        for writer in writers:
            assert writer.stdout is not None
            for _ in range(5):
                assert writer.stdout.readline()
                reader.get_all_trials(0)
        for writer in writers:
            writer.kill()  # somewhere: most of its time it writes
        for writer in writers:
            writer.communicate()
    begun(1)
    assert numbers() == list(range(len(numbers())))
    assert len(numbers()) >= 31
    assert [trial.number for trial in reader.get_all_trials(0)] == numbers()
    lines = layout.JOURNAL.read_bytes().splitlines()
    assert all(journal._is_whole(line + b"\n") for line in lines)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no line of it is an entry"),
        (b"notes of the lab\nmore of them\n", "no line of it is an entry"),
        (b"[1]\n" * 3, "no line of it is an entry"),
        (b'{"op_code": 99, "worker_id": "a"}\n', "Should not reach"),  # of a later version
        (b'{"op_code": 0, "worker_id": "a"}\n', "study_name"),
        (b'half{"op_code": 0}\n{"op_code":0,"worker_id":"a","study_name":"s","directions":[1]}\n', "Expecting value"),
    ],
)
def test_what_is_no_journal_is_said_and_left_as_it_is(content: bytes, message: str) -> None:
    layout.STUDIES.mkdir()
    layout.JOURNAL.write_bytes(content)
    with pytest.raises(StudiesError, match=rf"studies/journal\.log is no journal.*{message}.*Move it away"):
        storage.place()
    assert layout.JOURNAL.read_bytes() == content


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("content", [b"", b'{"op_code":0,"worker', b"\0" * 100])
def test_a_journal_whose_first_line_was_cut_begins_anew(content: bytes) -> None:
    layout.STUDIES.mkdir()
    layout.JOURNAL.write_bytes(content)
    begun(1)
    assert numbers() == [0]


@pytest.mark.usefixtures("folder")
def test_rubbish_that_comes_while_a_process_reads_is_no_failure_of_a_trial() -> None:
    study = begun()
    with layout.JOURNAL.open("ab") as file:
        file.write(b'rubbish\n{"op_code":1,"worker_id":"","study_id":9}\n')
    with pytest.raises(StudiesError, match="no journal"):
        study.get_trials()


@pytest.mark.usefixtures("folder")
def test_a_full_disk_is_said_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    study = begun()

    def full(self: JournalFileBackend, logs: list[dict[str, Any]]) -> None:
        with layout.JOURNAL.open("ab") as file:
            file.write(b'{"op_code":4,"wor')  # what still had room
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(JournalFileBackend, "append_logs", full)
        with pytest.raises(StudiesError, match="journal.log cannot be written .No space left.*make room.*same command"):
            study.ask()
        assert numbers() == [0, 1]  # to look at studies needs no room
    begun(1)
    assert numbers() == [0, 1, 2]


def _refused(*_: object, **__: object) -> None:
    raise PermissionError(errno.EROFS, "Read-only file system")


@pytest.mark.usefixtures("folder")
def test_studies_in_a_folder_that_cannot_be_written_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    study = begun()
    open_file: Callable[..., int] = os.open

    def read_only(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            _refused()
        return open_file(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", read_only)  # root may write into any folder
    assert numbers() == [0, 1]
    with pytest.raises(StudiesError, match="cannot be written .Read-only"):
        study.ask()


@pytest.mark.usefixtures("folder")
def test_a_folder_in_which_no_journal_can_be_begun_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", _refused)
    with pytest.raises(StudiesError, match="cannot be read or begun .Read-only file system."):
        storage.place()


@pytest.mark.usefixtures("folder")
def test_looking_at_studies_leaves_no_file_open() -> None:
    begun()
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0  # noqa: PTH208
    places = [storage.place() for _ in range(20)]
    assert len(places) == 20
    assert before == 0 or len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


@pytest.mark.usefixtures("folder")
def test_studies_of_earlier_versions_are_left_alone() -> None:
    layout.STUDIES.mkdir()
    earlier = layout.STUDIES / "denoise-blind.db"
    earlier.write_bytes(b"SQLite format 3\0")
    assert not storage.is_there()
    assert studies.names() == []
    begun()
    assert earlier.read_bytes() == b"SQLite format 3\0"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://lab:secret@host/studies", "kind 'mysql'"),
        ("sqlite:///studies.db", "kind 'sqlite'"),
        ("lab:secret@host", "no database"),
    ],
)
def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch, address: str, message: str) -> None:
    monkeypatch.setenv(storage.VARIABLE, address)
    with pytest.raises(StudiesError, match=message) as raised:
        storage.place()
    assert "secret" not in str(raised.value)
    assert "expected postgresql://user:password@host/name" in str(raised.value)


@pytest.mark.usefixtures("folder")
def test_a_missing_driver_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(storage.VARIABLE, "postgresql://lab:secret@host/studies")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StudiesError, match="driver is missing.*psycopg"):
        storage.place()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "address", ["postgresql://lab:secret@127.0.0.1:1/s", "postgresql://lab:secret@127.0.0.1:99x/s"]
)
def test_a_server_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    monkeypatch.setenv(storage.VARIABLE, address)
    with pytest.raises(
        StudiesError, match=r"BRIGHTFIELD_STUDIES names cannot be reached.*Does its server run"
    ) as raised:
        storage.place()
    assert "secret" not in str(raised.value)
