"""A study at work in one process: the search, the confirmation of its best, and the one look at the test split."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from brightfield import params
from brightfield.evaluation import scoring
from brightfield.inference.device import start_device
from brightfield.params import spaces
from brightfield.system import processes
from brightfield.training import sampling as batches
from brightfield.tuning import confirming, racing, sampling, stopping, storage, studies, workers
from brightfield.tuning.aims import Aims
from brightfield.tuning.confirming import Confirmed
from brightfield.tuning.mirror import Mirror
from brightfield.tuning.racing import Race
from brightfield.tuning.sampling import Pruning
from brightfield.tuning.trainings import Trainer
from brightfield.tuning.trials import FAILURES, Search

SEEDS_FOR_NOISE = 3
MOST_FAILED = 5  # trials, without any that ended well


@dataclass(frozen=True)
class Request:
    """What is asked of a study.

    Attributes:
        model: name of its entry.
        trials: number of trials that end complete or pruned, earlier calls included.
        seconds: for all of it; None: as long as it takes.
        workers: number of processes.
        cluster: whether they run on a cluster of Ray, which says how many there are; see :mod:`brightfield.tuning.ray_workers`.
        pruning: the pruner.
        at_most: bounds, see :meth:`Aims.read`.
        pareto: whether the time of an answer is an aim, too.
        stops: whether the search stops when it can expect nothing more.
        confirms: whether the best are trained again.
    """

    model: str
    trials: int = 40
    seconds: float | None = None
    workers: int = 1
    pruning: Pruning = "auto"
    at_most: Sequence[str] = ()
    pareto: bool = False
    stops: bool = True
    confirms: bool = True
    cluster: bool = False


class Session:
    """A study at work in this process.

    Args:
        request: what is asked.
        threads: of this process; None: those of ``params.yaml``.
    """

    def __init__(self, request: Request, threads: int | None = None) -> None:
        settings = params.load()
        self.request = request
        self.settings = settings if threads is None else _beside_others(settings, request, threads)
        self.trainer = Trainer(self.settings, request.model)
        self.place = storage.place()
        self.aims = Aims.read(request.at_most, request.pareto)
        content = self.trainer.identity() | ({"aims": self.aims.content()} if self.aims.measured else {})
        self.identity = studies.Identity(request.model, content)
        self.objective = self.trainer.objective
        self.earlier = studies.newest(self.place, request.model)  # None, the same, or one that asked something else
        self.study = self._begun()
        self._known_at, self._has_converged = 0, False  # at so many complete trials

    def _begun(self) -> optuna.Study:
        space = self.trainer.space
        study = studies.begin(
            self.place,
            self.identity,
            self.aims.directions(self.objective.metric, self.objective.direction),
            sampling.sampler(space, self.request.trials),
            sampling.pruner(self.request.pruning, 0 if self.aims.pareto else self.trainer.epochs, self.request.trials),
        )
        with self.place.claims.turn(f"next of {study.study_name}"):
            if not study.get_trials(deepcopy=False):  # the entry as it is comes first: a search can only improve on it
                own = spaces.default_values(space, self.trainer.model, self.trainer.task.settings)
                values = {
                    path: value if space[path].choices is None else spaces.label(value) for path, value in own.items()
                }
                study.enqueue_trial(values, user_attrs={studies.AS_IT_IS: True})
        return study

    def search(self, deadline: float | None, after_trial: Callable[[], None], parent: int | None = None) -> None:
        """Run trials of the search until there are enough, the time is over, or nothing more is to be expected.

        Args:
            deadline: in seconds of the clock, after which no trial begins.
            after_trial: called after each.
            parent: the process that started this worker; when it is gone, no trial begins.
        """
        runner = Search(self.trainer, self.place, self.study, self.aims, self.mirror(self.study))

        def ended() -> None:
            self._measure_noise()
            after_trial()

        workers.work(self.place, self.study, runner, lambda: self._enough(deadline), ended, parent)

    def mirror(self, study: optuna.Study) -> Mirror:
        """The runs in MLflow of the search or of the confirmation."""
        title = "confirmation" if study.study_name.endswith(studies.CONFIRMED) else "study"
        return Mirror(self.trainer, self.place, study, f"{self.request.model} {title}")

    def _enough(self, deadline: float | None) -> bool:
        begun = workers.count(self.study, *workers.ENDED, TrialState.RUNNING)
        if begun >= self.request.trials or self._only_failures():
            return True
        if begun and deadline is not None and time.time() > deadline:
            return True
        return self.request.stops and self._converged()

    def _only_failures(self) -> bool:
        ended = [trial.state for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        return len(ended) >= MOST_FAILED and all(state is TrialState.FAIL for state in ended)

    def _converged(self) -> bool:
        """Whether a further trial is expected to gain less than another seed changes; says so in the study."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if studies.NOISE not in self.study.user_attrs:
            return False
        if self._known_at != len(complete):  # a worker that waits for others asks again and again
            self._known_at, self._has_converged = len(complete), self._has_converged_at(complete)
        return self._has_converged

    def _has_converged_at(self, complete: Sequence[FrozenTrial]) -> bool:
        noise = float(self.study.user_attrs[studies.NOISE]["deviation"])
        found = stopping.expected_improvement(self.trainer.space, complete, self.objective.direction, noise)
        if found is None or found >= noise:
            return False
        left = self.request.trials - workers.count(self.study, *workers.ENDED)
        said = stopping.said(found, noise, self.objective.metric, left, mean_seconds(self.study))
        self.study.set_user_attr(studies.STOPPED, {"trials": self.request.trials, "why": said})
        return True

    def _measure_noise(self) -> None:
        """Note the standard deviation of the objective over seeds, of the entry as it is; once, when there is use for it."""
        complete = workers.count(self.study, TrialState.COMPLETE)
        idle = not self.request.stops or self.aims.pareto or self.trainer.model.is_baseline
        if idle or complete < stopping.FEWEST or studies.NOISE in self.study.user_attrs:
            return
        name = f"noise of {self.study.study_name}"
        if not self.place.claims.take(name):  # another worker is at it
            return
        values = list(self.study.get_trials(deepcopy=False)[0].values or [])
        for seed in range(1, SEEDS_FOR_NOISE):
            entry = self.trainer.model.model_copy(update={"seed": self.trainer.model.seed + seed})
            with suppress(*FAILURES):  # a seed that comes to nothing ends no study
                fitted = self.trainer.train(entry, self.trainer.splits, f"the entry as it is, seed {entry.seed}")
                values.append(self.trainer.value(entry, fitted))
        # of fewer than two nothing is known: the search does not stop for it then
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        self.study.set_user_attr(studies.NOISE, {"values": values, "deviation": deviation})
        self.place.claims.release(name)

    # --- confirmation -------------------------------------------------------------------------------------------

    def confirmation(self, most: int = 0) -> optuna.Study:
        """The study that trains the best again, with so many settings lined up beside the entry as it is; with 0 as it is."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            pruner = optuna.pruners.WilcoxonPruner(p_threshold=confirming.GIVEN_UP_BELOW)
        directions = {self.objective.metric: self.objective.direction}
        study = studies.begin(self.place, self.identity, directions, pruner=pruner, end=studies.CONFIRMED)
        with self.place.claims.turn(f"next of {study.study_name}"):
            if most:
                Race.line_up(self.study, study, most)
        return study

    def race(
        self,
        study: optuna.Study,
        deadline: float | None,
        after_trial: Callable[[], None],
        parent: int | None = None,
    ) -> None:
        """Run the trials of the confirmation to their end, and further ones where it stays open; arguments as in :meth:`search`."""
        runner = Race(self.trainer, self.place, self.study, study, self.mirror(study))

        def enough() -> bool:
            return not workers.count(study, TrialState.WAITING) and not self.prolonged(study, deadline)

        workers.work(self.place, study, runner, enough, after_trial, parent)

    def prolonged(self, study: optuna.Study, deadline: float | None) -> bool:
        """Line up one more split where the confirmation is open and there is time for it; whether it did.

        Args:
            study: the confirmation.
            deadline: in seconds of the clock, after which no split begins that would not end before it.
        """

        def is_time(trials: Sequence[FrozenTrial]) -> bool:
            return deadline is None or time.time() + self._seconds_of_split(trials) <= deadline

        return racing.prolonged(self.place, self.study, study, lambda: self.confirmed(study), is_time)

    def _seconds_of_split(self, trials: Sequence[FrozenTrial]) -> float:
        """That the best and the entry as it is take for one more split."""
        taken = [
            trial.duration.total_seconds() / confirming.BLOCKS
            for trial in trials
            if trial.state is TrialState.COMPLETE and trial.duration and racing.SPLITS not in trial.user_attrs
        ]
        return float(np.mean(taken)) * 2 / min(2, self.request.workers) if taken else 0.0

    def confirmed(self, study: optuna.Study) -> Confirmed:
        """What the confirmation says."""
        return confirming.judge(
            racing.scores(study),
            "0",
            racing.searched(self.study),
            self.objective.metric,
            self.objective.direction,
            self.settings.evaluation.confidence,
        )

    def on_test(self, study: optuna.Study, found: Confirmed) -> dict[str, Any] | None:
        """The one look at the test split: the best setting against the entry as it is, over all their trainings.

        The networks are those of the confirmation. The answer decides nothing.
        """
        if found.best is None:
            return None
        standard, best = (self._tables(study, of, found.splits) for of in (0, int(found.best)))
        difference = scoring.difference(self.trainer.task, standard, best, self.settings.evaluation)
        return {**difference.as_dict(), "trainings": found.splits}

    def _tables(self, study: optuna.Study, of: int, splits: int) -> pd.DataFrame:
        """The scored answers to the test images of the trainings of one setting on so many splits, together."""
        tables = []
        for number, found in enumerate(racing.fingerprints(study, of)[:splits]):
            predictor = self.trainer.kept(found)
            if predictor is None:  # it was trained on another machine
                entry = racing.seeded(racing.entry_of(self.trainer, self.study, of), number)
                fitted = self.trainer.train(entry, self.trainer.reshuffled(entry.seed), "once more, for the test")
                predictor = self.trainer.predictor(entry, fitted)
            table = self.trainer.table_of_test(predictor)
            tables.append(table.assign(id=table["id"] + f" {number}"))
        return pd.concat(tables, ignore_index=True)


def _beside_others(settings: params.Params, request: Request, threads: int) -> params.Params:
    """Settings for one of several workers: its threads, and of the cores that are left its share for preparing batches."""
    settings = params.with_overrides(settings, "compute", {"threads": threads})
    on_processor = start_device(settings.compute).torch_device.type == "cpu"
    sharing = request.workers
    if request.cluster:  # as many workers as a machine has cores for
        sharing = max(1, len(processes.cores()) // threads)
    share = batches.workers_for(settings.compute, on_processor, sharing)
    return params.with_overrides(settings, "compute", {"workers": share})


def mean_seconds(study: optuna.Study) -> float:
    """That a whole trial took, in the mean; nan before one is complete."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    taken = [
        trial.duration.total_seconds()
        for trial in complete
        if trial.duration and studies.SAME_AS not in trial.user_attrs
    ]
    return float(np.mean(taken)) if taken else math.nan
