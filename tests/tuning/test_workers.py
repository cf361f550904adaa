"""Who takes which trial, and processes of workers that are killed or end with an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.tuning import storage, worker_processes, workers
from brightfield.tuning.claims import FileClaims, StudiesError
from brightfield.tuning.storage import Place
from brightfield.tuning.trials import TakenOverError, claim, still_ours


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Studies in the current folder."""
    monkeypatch.delenv(storage.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return storage.place()


@pytest.fixture
def study(place: Place) -> optuna.Study:
    return optuna.create_study(study_name="study", storage=place.storage)


@pytest.fixture
def other(place: Place) -> subprocess.Popen[str]:
    """A process that claims what is asked of it, a name a line."""
    del place
    code = (
        "import sys\nfrom brightfield import layout\nfrom brightfield.tuning import claims\n"
        "for line in sys.stdin: print(claims.of_file(layout.CLAIMS).take(line.strip()), flush=True)"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def claims_for(other: subprocess.Popen[str], name: str) -> str:
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write(f"{name}\n")
    other.stdin.flush()
    return other.stdout.readline().strip()


class Runner:
    """Ends trials by what it is given."""

    def __init__(self, study: optuna.Study, run: Callable[[optuna.Trial], None] | None = None) -> None:
        self.study, self.ran = study, list[int]()
        self._run = run or (lambda trial: self.study.tell(trial, 1.0) and None)

    def run(self, trial: optuna.Trial) -> None:
        self.ran.append(trial.number)
        self._run(trial)

    def interrupted(self, trial: optuna.Trial) -> None:
        raise AssertionError(f"trial {trial.number} was not interrupted")


def enough(study: optuna.Study, trials: int) -> Callable[[], bool]:
    return lambda: workers.count(study, *workers.ENDED, TrialState.RUNNING) >= trials


def test_trials_are_run_until_there_are_enough(place: Place, study: optuna.Study) -> None:
    ended: list[int] = []
    runner = Runner(study)
    workers.work(place, study, runner, enough(study, 3), lambda: ended.append(len(study.trials)))
    assert runner.ran == [0, 1, 2]
    assert ended == [1, 2, 3]
    workers.work(place, study, runner, enough(study, 3), lambda: None)
    assert runner.ran == [0, 1, 2]


def test_what_nobody_works_on_is_gone_on_with_first(
    place: Place, study: optuna.Study, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    abandoned, of_another = study.ask(), study.ask()
    assert claims_for(other, claim(study, of_another.number)) == "True"
    runner = Runner(study)

    def other_is_killed(seconds: float) -> None:
        assert seconds == workers.POLL_S
        assert runner.ran == [abandoned.number, 2]  # and no more: the other one's counts
        other.kill()
        other.communicate()

    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", other_is_killed)  # while this one waits for it
        workers.work(place, study, runner, enough(study, 3), lambda: None)
    assert runner.ran == [abandoned.number, 2, of_another.number]
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3


def test_a_worker_that_waits_takes_what_is_lined_up_meanwhile(
    place: Place, study: optuna.Study, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the others' last trial leaves a confirmation open."""
    of_another = study.ask()
    assert claims_for(other, claim(study, of_another.number)) == "True"
    runner = Runner(study)

    def other_lines_up(seconds: float) -> None:
        assert runner.ran == []
        study.tell(of_another, 1.0)
        study.enqueue_trial({"rate": 0.5})
        assert claims_for(other, claim(study, study.ask().number)) == "True"  # and begins one of two
        study.enqueue_trial({"rate": 0.6})

    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", other_lines_up)
        patch.setattr(workers, "is_orphan", lambda _: runner.ran == [2])  # nobody else ends the other's
        workers.work(place, study, runner, lambda: not workers.count(study, TrialState.WAITING), lambda: None)
    assert runner.ran == [2]
    other.kill()
    other.communicate()


def test_a_worker_waits_until_the_trials_of_others_have_ended(
    place: Place, study: optuna.Study, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_another = study.ask()
    assert claims_for(other, claim(study, of_another.number)) == "True"
    runner, looks = Runner(study), list[float]()

    def other_ends_it(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            study.tell(of_another, 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", other_ends_it)
        workers.work(place, study, runner, enough(study, 2), lambda: None)
    assert (runner.ran, len(looks)) == ([1], 3)
    other.kill()
    other.communicate()


def test_a_failed_trial_is_replaced(place: Place, study: optuna.Study) -> None:
    def first_fails(trial: optuna.Trial) -> None:
        study.tell(trial, *((None, TrialState.FAIL) if trial.number == 0 else (1.0,)))

    workers.work(place, study, Runner(study, first_fails), enough(study, 2), lambda: None)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]


def test_a_trial_that_another_worker_took_over_is_left_to_it(place: Place, study: optuna.Study) -> None:
    def loses_the_first(trial: optuna.Trial) -> None:
        study.tell(trial, 1.0)  # by the other one
        if trial.number == 0:
            assert not still_ours(place, study, trial)
            raise TakenOverError

    ended: list[int] = []
    runner = Runner(study, loses_the_first)
    workers.work(place, study, runner, enough(study, 2), lambda: ended.append(1))
    assert runner.ran == [0, 1]
    assert len(ended) == 1


def test_an_error_gives_the_claim_back_and_leaves_the_trial(place: Place, study: optuna.Study) -> None:
    def fails(trial: optuna.Trial) -> None:
        raise StudiesError("full")

    with pytest.raises(StudiesError):
        workers.work(place, study, Runner(study, fails), enough(study, 1), lambda: None)
    assert study.trials[0].state is TrialState.RUNNING
    runner = Runner(study)
    workers.work(place, study, runner, enough(study, 1), lambda: None)
    assert runner.ran == [0]


def test_a_worker_whose_command_is_gone_begins_nothing_and_takes_nothing_over(
    place: Place, study: optuna.Study
) -> None:
    study.ask()
    runner = Runner(study)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    workers.work(place, study, runner, enough(study, 9), lambda: None, parent=gone.pid)
    assert runner.ran == []
    workers.work(place, study, runner, enough(study, 2), lambda: None, parent=os.getppid())
    assert runner.ran == [0, 1]


def test_another_object_in_this_process_is_no_other_worker(place: Place) -> None:
    """Locks of a file are a process's: so there is one object for each file."""
    assert isinstance(place.claims, FileClaims)
    assert storage.place().claims is place.claims


# --- processes ------------------------------------------------------------------------------------------------------------

COUNTED = "open('begun', 'a').write('x'); import os, signal, sys, time; begun = len(open('begun').read()); "


def run(code: str, number: int = 1) -> None:
    worker_processes.run([sys.executable, "-c", COUNTED + code], number, 3, lambda: None)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "POLL_S", 0.01)


@pytest.mark.usefixtures("place")
def test_workers_have_as_many_threads_of_linear_algebra() -> None:
    run("open('threads', 'a').write(os.environ['OMP_NUM_THREADS'] + os.environ['OPENBLAS_NUM_THREADS'])", 2)
    assert Path("threads").read_text() == "3333"
    assert list(layout.TRIALS.iterdir()) == []  # what they said is gone with them


@pytest.mark.usefixtures("place")
def test_a_worker_that_is_killed_is_started_again() -> None:
    run("begun > 3 or os.kill(os.getpid(), signal.SIGKILL)")  # the only one: nobody else is left to go on
    assert Path("begun").read_text() == "xxxx"


@pytest.mark.usefixtures("place")
def test_workers_that_are_killed_again_and_again_end_with_advice() -> None:
    with pytest.raises(BrightfieldError, match=r"killed 6 times, the last one by signal 9.*fewer workers") as raised:
        run("print('trial 7', flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    assert str(raised.value).endswith("It said:\ntrial 7")
    assert Path("begun").read_text() == "x" * (worker_processes.MOST_RESTARTS + 1)


@pytest.mark.usefixtures("place")
def test_an_error_of_one_worker_ends_the_others_and_is_shown() -> None:
    code = """
try:
    os.close(os.open('first', os.O_CREAT | os.O_EXCL))
except FileExistsError:
    while not os.path.exists('pid'):
        time.sleep(0.01)
    print('error: no space\\r\\n\\n')
    sys.exit(1)
open('part', 'w').write(str(os.getpid()))
os.rename('part', 'pid')
time.sleep(600)
"""
    with pytest.raises(BrightfieldError, match="A worker ended with an error:\nerror: no space$"):
        run("\n" + code, 2)
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path("pid").read_text()), 0)


@pytest.mark.usefixtures("place")
def test_a_request_to_end_is_what_ctrl_c_is() -> None:
    code = (
        "import os, signal; from brightfield.tuning import workers; workers.end_as_on_ctrl_c()\n"
        "try: os.kill(os.getpid(), signal.SIGTERM); signal.pause()\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # here nothing changed


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("first", "second"), [("SIGINT", "SIGTERM"), ("SIGTERM", "SIGINT"), ("SIGTERM", "SIGTERM")])
def test_what_is_done_on_ctrl_c_is_not_interrupted(first: str, second: str) -> None:
    code = (
        "import os, signal; from brightfield.tuning import workers; workers.end_as_on_ctrl_c()\n"
        f"try: os.kill(os.getpid(), signal.{first}); signal.pause()\n"
        f"except KeyboardInterrupt: os.kill(os.getpid(), signal.{second}); print('run ended')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "run ended\n"
