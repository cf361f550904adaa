"""A study in MLflow: a parent run for the study, a child for each trial, with the states that Optuna knows.

A run is found by its tags and not by an id that a killed worker might not have noted: a trial has one run, whoever goes on with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from brightfield import params
from brightfield.experiments import runs
from brightfield.system import lineage
from brightfield.tuning import studies
from brightfield.tuning.storage import Place
from brightfield.tuning.trainings import Trainer

if TYPE_CHECKING:
    import optuna

STUDY_TAG, TRIAL_TAG, STATE_TAG, REASON_TAG = (
    "brightfield.study",
    "brightfield.trial",
    "brightfield.state",
    "brightfield.reason",
)
MOST_OF_A_REASON = 1000  # characters

# Optuna's state of a trial -> MLflow's status of its run. A trial that was given up is not a failure.
STATUS: Mapping[str, runs.Status] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED", "RUNNING": "RUNNING"}


class Mirror:
    """The runs of one study.

    Args:
        trainer: of the model.
        place: where the study is; a run is made by one worker at a time.
        study: Optuna's.
        title: what the study is called in MLflow.
    """

    def __init__(self, trainer: Trainer, place: Place, study: optuna.Study, title: str) -> None:
        self.trainer, self.place, self.study, self.title = trainer, place, study, title
        self.lineage = lineage.collect(device=trainer.device.name)
        self.parent = self._parent()

    def _parent(self) -> runs.Run:
        tags = {STUDY_TAG: self.study.study_name}
        with self._turn():
            found = runs.find(self.trainer.model.task, {**tags, "brightfield.role": "study"})
            return found or self._start(self.title, "study", {"space": self.trainer.identity()["space"]}, tags)

    def _turn(self) -> AbstractContextManager[None]:
        """Two workers that both find no run would both make one."""
        return self.place.claims.turn(f"runs of {self.study.study_name}")

    def child(self, trial: optuna.trial.FrozenTrial | optuna.Trial, entry: params.Model | None = None) -> runs.Run:
        """The run of a trial: the one that there is, or a new one; without an entry it has the values that were drawn."""
        tags = {STUDY_TAG: self.study.study_name, TRIAL_TAG: str(trial.number)}
        found = self._known(trial.number)
        if found is not None:
            return found
        parameters = {"drawn": trial.params} if entry is None else {"model": entry.model_dump(mode="json")}
        name = f"{self.trainer.name} trial {trial.number}"
        with self._turn():
            return self._known(trial.number) or self._start(name, "trial", parameters, tags, parent=self.parent.id)

    def interrupted(self, number: int) -> None:
        """End the run of a trial that somebody else will go on with; Ctrl+C may have come before there was one."""
        run = self._known(number)
        if run is not None:
            run.end_after(KeyboardInterrupt)

    def _known(self, number: int) -> runs.Run | None:
        tags = {STUDY_TAG: self.study.study_name, TRIAL_TAG: str(number), "brightfield.role": "trial"}
        return runs.find(self.trainer.model.task, tags)

    def _start(
        self,
        name: str,
        role: runs.Role,
        parameters: Mapping[str, Any],
        tags: Mapping[str, str],
        parent: str | None = None,
    ) -> runs.Run:
        model = self.trainer.model
        return runs.start(
            model.task,
            name,
            kind=model.kind,
            role=role,
            params=parameters,
            lineage=self.lineage,
            dataset=self.trainer.dataset,
            tags=tags,
            parent_run_id=parent,
        )

    def agree(self) -> None:
        """Bring all runs to the state of their trials: a worker may have been killed between telling one and the other."""
        of_study = {STUDY_TAG: self.study.study_name, "brightfield.role": "trial"}
        states = runs.states_of(self.trainer.model.task, of_study, TRIAL_TAG, STATE_TAG)
        for trial in self.study.get_trials(deepcopy=False):
            state = trial.state.name
            if state in ("RUNNING", "WAITING") or states.get(str(trial.number)) == state:
                continue
            self.end(trial, self.child(trial))
        best = studies.best(self.study)
        ended: dict[str, float] = {"trials": len(self.study.get_trials(deepcopy=False))}
        if best:
            ended[f"best_{self.trainer.objective.metric}"] = best[0].values[0]
        self.parent.log_metrics(ended, step=studies.ended(self.study))

    def end(self, trial: optuna.trial.FrozenTrial, run: runs.Run) -> None:
        """Give the run of a trial that ended its value and its state."""
        if trial.values is not None and math.isfinite(trial.values[0]):
            run.log_metrics({f"best_{self.trainer.objective.metric}": trial.values[0]})
        reason = trial.user_attrs.get(studies.REASON)
        tags = {STATE_TAG: trial.state.name}
        run.set_tags(tags if reason is None else {**tags, REASON_TAG: str(reason)[:MOST_OF_A_REASON]})
        run.end(STATUS[trial.state.name])
