"""A study of trainings that take a second, and what its workers are at: seen from outside, without a hook in them."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest

import tiny
from brightfield import layout, params
from brightfield.experiments import runs
from brightfield.tuning import storage, studies
from brightfield.tuning.claims import number
from brightfield.tuning.mirror import STATE_TAG, STATUS, TRIAL_TAG
from brightfield.tuning.trials import claim
from conftest import write_prepared

MODEL, TASK = "denoise-blind", "denoise"
EPOCHS = 6
PATIENCE_S = 240.0  # for anything that is waited for: machines of CI are slow
LOCK = struct.Struct("hhqqi4x")  # struct flock of Linux on 64 bits: type, whence, start, length, process


def write_project(epochs: int = EPOCHS) -> None:
    """Make the current folder a project in which a trial of ``MODEL`` takes about a second; its learning rate is tuned."""
    content = tiny.tiny_params()
    content["models"][MODEL]["training"].update(patch_px=32, epochs=epochs, steps_per_epoch=25)
    content["spaces"] = {MODEL: {"training.learning_rate": {"low": 0.001, "high": 0.01, "log": True}}}
    tiny.write_params(Path(params.PARAMS), content)
    write_prepared(layout.prepared(TASK), "restoration")


def command(trials: int, workers: int | str, *options: str) -> list[str]:
    """``brightfield tune`` to the end of the search, without what depends on the order in which trials end."""
    asked = ["--trials", str(trials), "--workers", str(workers), "--pruning", "none", "--no-stop", "--no-confirm"]
    return [sys.executable, "-m", "brightfield.cli", "tune", MODEL, *asked, *options]


def started(arguments: list[str]) -> subprocess.Popen[str]:
    """A command in a group of its own: Ctrl+C of a terminal reaches every process in it."""
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """What a condition gives as soon as it gives something; a process that ends meanwhile fails the test."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it does not get on"
        time.sleep(0.01)
    return found


def study() -> optuna.Study:
    """The study as it is now."""
    return studies.existing(MODEL)


def is_begun() -> bool:
    return storage.is_there() and MODEL in studies.names()


@dataclass(frozen=True)
class AtWork:
    """A worker in the middle of an epoch.

    Attributes:
        pid: of its process.
        trial: the number of its trial.
        epochs: that are saved.
    """

    pid: int
    trial: int
    epochs: int


def holder(name: str) -> int | None:
    """The process of this machine that holds a claim; None without one."""
    if os.environ.get(storage.VARIABLE):
        return _holder_in_database(name)
    try:
        with layout.CLAIMS.open("rb") as file:
            asked = LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number(name), 1, 0)
            kind, _, _, _, pid = LOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except FileNotFoundError:
        return None
    return None if kind == fcntl.F_UNLCK else pid


def _holder_in_database(name: str) -> int | None:
    import psutil
    import psycopg

    with psycopg.connect(os.environ[storage.VARIABLE]) as connection:
        found = connection.execute(
            "SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
            "AND (classid::bigint << 32) + objid::bigint = %s",
            (number(name),),
        ).fetchone()
    if found is None:
        return None
    ends = (end for end in psutil.net_connections("tcp") if end.laddr.port == found[0] and end.pid is not None)
    return next((end.pid for end in ends), None)


def saved(trial: optuna.trial.FrozenTrial) -> int:
    """How many epochs of a trial are saved."""
    found = trial.user_attrs.get(studies.FINGERPRINT)
    if found is None:
        return 0
    try:
        content = layout.trial(found).read_bytes()
    except FileNotFoundError:
        return 0
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return len(json.loads(header["__metadata__"]["plain"])["rows"])


def at_work(epochs: int = EPOCHS) -> Iterator[AtWork]:
    """Workers with an epoch saved and another one begun. Looking does not stop them."""
    if not is_begun():
        return
    found = study()
    for trial in found.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        pid, done = holder(claim(found, trial.number)), saved(trial)
        if pid is not None and 0 < done < epochs:
            yield AtWork(pid, trial.number, done)


def stopped(epochs: int = EPOCHS) -> AtWork | None:
    """A worker that was stopped (as by Ctrl+Z) in the middle of an epoch of its trial; None if there is none just now."""
    for worker in at_work(epochs):
        if _is_stopped(worker.pid):
            continue
        os.kill(worker.pid, signal.SIGSTOP)
        wait_for(lambda pid=worker.pid: _is_stopped(pid))
        again = next((each for each in at_work(epochs) if each.pid == worker.pid), None)
        if again is not None:
            return again
        os.kill(worker.pid, signal.SIGCONT)
    return None


def _state(pid: int) -> str:
    """Of a process: R, S, T (stopped), Z (ended, and nobody asked how); empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _is_stopped(pid: int) -> bool:
    return _state(pid) in ("T", "t")


def is_gone(pid: int) -> bool:
    return _state(pid) in ("", "Z", "X")


def children(pid: int) -> list[int]:
    """Processes that a process started and that still are."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def kill_all(process: subprocess.Popen[str]) -> None:
    """End a command and its workers, whatever state they are in."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def assert_mlflow_agrees() -> None:
    """One run for the study, and one for each trial, with its state."""
    table = runs.search(TASK)
    assert list(table["role"]).count("study") == 1
    children = table[table["role"] == "trial"]
    trials = study().trials
    assert sorted(children[f"tags.{TRIAL_TAG}"].astype(int)) == [trial.number for trial in trials]
    for _, run in children.iterrows():
        trial = trials[int(run[f"tags.{TRIAL_TAG}"])]
        assert run[f"tags.{STATE_TAG}"] == trial.state.name
        assert run["status"] == STATUS[trial.state.name]
        assert run["tags.mlflow.parentRunId"] == table.loc[table["role"] == "study", "run_id"].item()
        steps = list(runs.history(run["run_id"], "train_loss")["step"])
        assert sorted(set(steps)) == list(range(EPOCHS))


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
