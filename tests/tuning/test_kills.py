"""A study whose workers and whose command are killed: nothing is lost but the epochs that were not saved."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

import tunable
from brightfield.experiments import runs
from brightfield.tuning import running, storage, studies
from brightfield.tuning.claims import StudiesError
from brightfield.tuning.session import Request
from tunable import EPOCHS, MODEL

pytestmark = [pytest.mark.slow, tunable.needs_linux]
TRIALS = 5  # fewer than are drawn before a sampler learns from others: what is drawn depends on the number alone


@pytest.fixture
def project_of_a_study(tracked_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a project with data, and nothing tuned yet."""
    monkeypatch.delenv(storage.VARIABLE, raising=False)
    tunable.write_project()
    return tracked_project


def values_of_an_uninterrupted_study(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The value of each trial, by its number; one worker, in a project in which nothing was tuned yet."""
    with monkeypatch.context() as patch:
        patch.chdir(project)
        assert not tunable.is_begun()
        request = Request(MODEL, TRIALS, workers=1, pruning="none", stops=False, confirms=False)
        running.tune(request, lambda line: None)
        return [trial.value for trial in tunable.study().trials]  # type: ignore[misc]


def test_workers_and_their_command_are_killed(
    project_of_a_study: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = tmp_path_factory.mktemp("undisturbed") / "project"
    shutil.copytree(project_of_a_study, undisturbed)
    process = tunable.started(tunable.command(TRIALS, 4))
    victims: list[tunable.AtWork] = []
    try:
        while len(victims) < 3:  # each is held in the middle of an epoch, so that the others have trials of their own
            victims.append(tunable.wait_for(tunable.stopped, process))
        workers = tunable.wait_for(lambda: tunable.children(process.pid))
        assert {victim.pid for victim in victims} < set(workers)
        os.kill(process.pid, signal.SIGKILL)  # first, or it would start workers anew
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)
        for worker in workers:  # the last one ends after its trial
            tunable.wait_for(lambda pid=worker: tunable.is_gone(pid))
    finally:
        tunable.kill_all(process)
    left = tunable.study().trials
    assert {trial.number for trial in left if trial.state is TrialState.RUNNING} == {each.trial for each in victims}

    done = subprocess.run(tunable.command(TRIALS, 4), capture_output=True, text=True, check=True)
    trials = tunable.study().trials
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert f"{MODEL}: {TRIALS} trials complete, 0 given up, 0 failed" in done.stdout
    for victim in victims:  # went on with what was saved
        assert trials[victim.trial].user_attrs[studies.ATTEMPTS] == {"epochs": victim.epochs, "count": 1}
        assert list(trials[victim.trial].intermediate_values) == list(range(1, EPOCHS + 1))
    tunable.assert_mlflow_agrees()
    expected = values_of_an_uninterrupted_study(undisturbed, monkeypatch)
    assert [trial.value for trial in trials] == expected  # to the last bit

    subprocess.run(tunable.command(TRIALS, 1), capture_output=True, check=True)  # nothing is left to do
    assert len(tunable.study().trials) == TRIALS


@pytest.mark.usefixtures("project_of_a_study", "interruptible")
def test_ctrl_c_ends_a_command_with_its_workers() -> None:
    process = tunable.started(tunable.command(2, 2))
    try:
        tunable.wait_for(lambda: list(tunable.at_work()), process)
        workers = tunable.children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=tunable.PATIENCE_S)[0]
    finally:
        tunable.kill_all(process)
    assert process.returncode == 130, said  # as any command
    assert "Traceback" not in said
    assert all(tunable.is_gone(pid) for pid in workers)
    interrupted = {trial.number for trial in tunable.study().trials if trial.state is TrialState.RUNNING}
    assert interrupted
    table = runs.search(tunable.TASK, "trial")
    assert set(table["status"]) <= {"KILLED", "FINISHED"}
    subprocess.run(tunable.command(2, 2), capture_output=True, check=True)
    assert {trial.state for trial in tunable.study().trials} == {TrialState.COMPLETE}
    tunable.assert_mlflow_agrees()


@pytest.mark.usefixtures("project_of_a_study")
def test_a_full_disk_is_no_failure_of_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request(MODEL, 1, pruning="none", stops=False, confirms=False)
    append = JournalFileBackend.append_logs

    def full_after_an_epoch(self: JournalFileBackend, logs: list[dict[str, Any]]) -> None:
        if any(log["op_code"] == JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE for log in logs):
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, logs)

    with monkeypatch.context() as patch:
        patch.setattr(JournalFileBackend, "append_logs", full_after_an_epoch)
        with pytest.raises(StudiesError, match=r"No space left.*the same command"):
            running.tune(request, lambda line: None)
    assert tunable.study().trials[0].state is TrialState.RUNNING
    assert list(runs.search(tunable.TASK, "trial")["status"]) == ["FAILED"]
    running.tune(request, lambda line: None)
    assert [trial.state for trial in tunable.study().trials] == [TrialState.COMPLETE]
    tunable.assert_mlflow_agrees()
