"""Workers of a study: each takes the next trial until there are enough, and goes on with what another one left."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

import optuna
from optuna.trial import TrialState

from brightfield.tuning.storage import Place
from brightfield.tuning.trials import TakenOverError, claim

POLL_S = 1.0  # between looks at what other workers do
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class Runner(Protocol):
    """What runs the trials of a study: a search or a race."""

    def run(self, trial: optuna.Trial) -> None:
        """Run one trial to its end, and tell the study."""

    def interrupted(self, trial: optuna.Trial) -> None:
        """Tell MLflow that nobody is at a trial, wherever in it the interrupt came."""


def work(
    place: Place,
    study: optuna.Study,
    runner: Runner,
    enough: Callable[[], bool],
    after_trial: Callable[[], None],
    parent: int | None = None,
) -> None:
    """Run trials of a study until there are enough and all have ended, those that other workers began, too.

    So a trial whose worker is lost is gone on with as long as one worker is left, also where a server takes half a minute to know
    that a machine is gone.

    Args:
        place: where the study is.
        study: Optuna's.
        runner: of its trials.
        enough: whether no new trial is to begin; asked again while others are at their trials.
        after_trial: called after each.
        parent: the process that started this worker; when it is gone, no trial begins and none is taken over.
    """
    while not is_orphan(parent):
        trial = next_trial(place, study, enough)
        if trial is None:
            if not _is_more_to_do(place, study, enough, parent):
                return
            continue
        try:
            runner.run(trial)
        except TakenOverError:
            continue
        except KeyboardInterrupt:
            runner.interrupted(trial)
            raise
        finally:
            place.claims.release(claim(study, trial.number))
        after_trial()


def next_trial(place: Place, study: optuna.Study, enough: Callable[[], bool]) -> optuna.Trial | None:
    """A trial that is this worker's alone: one whose worker is gone, or a new one unless there are enough."""
    with place.claims.turn(f"next of {study.study_name}"):
        for begun in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            name = claim(study, begun.number)
            if place.claims.take(name):
                if place.storage.get_trial(begun._trial_id).state is TrialState.RUNNING:
                    return optuna.Trial(study, begun._trial_id)
                place.claims.release(name)
        if enough():
            return None
        trial = study.ask()
        place.claims.take(claim(study, trial.number))
        return trial


def _is_more_to_do(place: Place, study: optuna.Study, enough: Callable[[], bool], parent: int | None) -> bool:
    """Wait while other workers are at their trials: whether one of them is gone and left its trial, or there are not enough."""
    while not is_orphan(parent):
        begun = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in begun:
            name = claim(study, trial.number)
            if place.claims.take(name):
                place.claims.release(name)
                return True
        if not enough():
            return True
        if not begun:
            return False
        time.sleep(POLL_S)
    return False


def count(study: optuna.Study, *states: TrialState) -> int:
    """Number of trials in some states."""
    return len(study.get_trials(deepcopy=False, states=states))


def end_as_on_ctrl_c() -> None:
    """Let a request to end (SIGTERM) be what Ctrl+C is: the run of the trial in MLflow is ended, too.

    Ctrl+C of a terminal reaches a worker and the command that started it, which then asks the worker to end: of both only the
    first interrupts, or the second would break off what is done for the first.
    """
    if threading.current_thread() is not threading.main_thread():
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        signal.default_int_handler(number, frame)

    signals = (signal.SIGINT, signal.SIGTERM)
    for each in signals:
        signal.signal(each, interrupt)


def is_orphan(parent: int | None) -> bool:
    """Whether the command that started this worker is gone."""
    return parent is not None and sys.platform != "win32" and os.getppid() != parent
