"""One trial of a study: an entry is drawn, trained and told of; what was interrupted goes on in the middle."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import optuna
import torch
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.experiments import runs
from brightfield.training.resuming import Resumable
from brightfield.tuning import aims, sampling, studies
from brightfield.tuning.aims import Aims
from brightfield.tuning.claims import StudiesError
from brightfield.tuning.mirror import Mirror
from brightfield.tuning.storage import Place
from brightfield.tuning.trainings import Trainer, TrialFailedError

MOST_ATTEMPTS = 4  # of one epoch: a process that is killed so often in it has probably no memory for it


# what a setting may end in: too little memory (torch raises RuntimeError), numbers that are none, sizes that do not fit
FAILURES = (TrialFailedError, BrightfieldError, ArithmeticError, MemoryError, RuntimeError, ValueError)


class TakenOverError(Exception):
    """Another worker has the trial now."""


class Search:
    """The trials of a search.

    Args:
        trainer: of the model.
        place: where the study is.
        study: Optuna's.
        asked: the aims beside the objective.
        mirror: its runs in MLflow.
    """

    def __init__(self, trainer: Trainer, place: Place, study: optuna.Study, asked: Aims, mirror: Mirror) -> None:
        self.trainer, self.place, self.study, self.aims, self.mirror = trainer, place, study, asked, mirror

    def entry(self, trial: optuna.Trial | FrozenTrial) -> params.Model:
        """The entry of a trial: the model's own for the first, else with what is drawn."""
        known = optuna.trial.FixedTrial(trial.params) if isinstance(trial, FrozenTrial) else trial
        values = sampling.drawn(known, self.trainer.space, self.trainer.content)
        if trial.user_attrs.get(studies.AS_IT_IS):
            return self.trainer.model
        return self.trainer.entry(values, f"spaces.{self.trainer.name}, trial {trial.number}")

    def run(self, trial: optuna.Trial) -> None:
        """Train one trial, and tell Optuna and MLflow how it ended.

        Raises:
            TakenOverError: it is another worker's now.
            KeyboardInterrupt: Ctrl+C; the trial stays as it is, and another call goes on with it.
        """
        try:
            entry = self.entry(trial)
        except BrightfieldError as error:  # values that each by itself is good, and together are not
            trial.set_user_attr(studies.REASON, reason(error))
            self.study.tell(trial, None, TrialState.FAIL)
            self.mirror.end(self.study.get_trials(deepcopy=False)[trial.number], self.mirror.child(trial))
            return
        run = self.mirror.child(trial, entry)
        found = self.trainer.fingerprint(entry, self.trainer.splits)
        trial.set_user_attr(studies.FINGERPRINT, found)
        # who draws the same meanwhile waits, and takes over what comes out
        with self.place.claims.turn(f"training {found}"):
            to_its_end(self.place, self.study, trial, run, lambda: self._values(trial, entry, found, run))
            Resumable(layout.trial(found), found).remove()
        self.mirror.end(self.study.get_trials(deepcopy=False)[trial.number], run)

    def interrupted(self, trial: optuna.Trial) -> None:
        """End the run of a trial in the middle of which Ctrl+C came."""
        self.mirror.interrupted(trial.number)

    def _values(self, trial: optuna.Trial, entry: params.Model, found: str, run: runs.Run) -> list[float]:
        costs = self._costs(trial, entry)
        equal = studies.equal_training(self.place, found, trial._trial_id)
        if equal is not None:
            trial.set_user_attr(studies.SAME_AS, equal.number)
            return self._repeated(trial, equal, costs, run)
        resumable = None
        if not self.trainer.model.is_baseline:
            resumable = Resumable(layout.trial(found), found)
            self._count_attempt(trial, len(resumable.rows))

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            if not still_ours(self.place, self.study, trial):
                raise TakenOverError
            run.log_metrics(metrics, epoch)
            value = metrics[f"validation_{self.trainer.objective.metric}"]
            if len(self.study.directions) > 1 or not math.isfinite(value):
                return
            trial.report(value, epoch + 1)
            # after the last epoch nothing is left to save
            if epoch + 1 < _epochs(entry) and trial.should_prune():
                raise optuna.TrialPruned

        title = f"trial {trial.number}"
        fitted = self.trainer.train(entry, self.trainer.splits, title, on_epoch, resumable)
        return self.aims.values(self.trainer.value(entry, fitted), costs)

    def _costs(self, trial: optuna.Trial, entry: params.Model) -> dict[str, float]:
        """What an answer costs; a trial that costs too much is given up before it is trained."""
        if not self.aims.measured:
            return {}
        costs: dict[str, float] = trial.user_attrs.get(studies.COSTS) or aims.costs(self.trainer, entry)
        trial.set_user_attr(studies.COSTS, costs)
        violations = self.aims.violations(costs)
        for name, value in violations.items():  # by which the sampler learns where it may look
            trial.set_constraint(name, value)
        if any(each > 0 for each in violations.values()) and not trial.user_attrs.get(studies.AS_IT_IS):
            trial.set_user_attr(studies.REASON, self.aims.said(costs))
            raise optuna.TrialPruned
        return costs

    def _repeated(
        self, trial: optuna.Trial, equal: FrozenTrial, costs: Mapping[str, float], run: runs.Run
    ) -> list[float]:
        """What an equal training found, which is not done again."""
        for step, value in sorted(equal.intermediate_values.items()):
            if len(self.study.directions) == 1:
                trial.report(value, step)
            run.log_metrics({f"validation_{self.trainer.objective.metric}": value}, step - 1)
        if equal.state is TrialState.PRUNED:
            raise optuna.TrialPruned
        assert equal.values is not None
        return self.aims.values(equal.values[0], costs)

    def _count_attempt(self, trial: optuna.Trial, epochs: int) -> None:
        """Give up a trial whose process was killed again and again in one epoch.

        Raises:
            TrialFailedError: it was killed ``MOST_ATTEMPTS`` times.
        """
        before = trial.user_attrs.get(studies.ATTEMPTS, {})
        attempts = before.get("count", 0) + 1 if before.get("epochs") == epochs else 1
        if attempts > MOST_ATTEMPTS:
            raise TrialFailedError(
                f"its process was killed {attempts - 1} times in epoch {epochs + 1}, perhaps because memory ran out"
            )
        trial.set_user_attr(studies.ATTEMPTS, {"epochs": epochs, "count": attempts})


def _epochs(entry: params.Model) -> int:
    return 0 if entry.training is None else entry.training.epochs


def to_its_end(
    place: Place, study: optuna.Study, trial: optuna.Trial, run: runs.Run, values: Callable[[], list[float]]
) -> None:
    """Find what a trial reaches, and tell Optuna how it ended.

    Args:
        place: where the study is.
        study: Optuna's.
        trial: this worker's.
        run: its run in MLflow, which begins here; where the trial does not end, it is ended as what kept the trial from it.
        values: trains.

    Raises:
        TakenOverError: the trial is another worker's now, and so is its run.
        StudiesError: the study cannot be reached; the trial stays as it is, as after Ctrl+C.
    """
    found: list[float] | None = None
    state = TrialState.COMPLETE
    try:
        run.__enter__()
        found = values()
    except optuna.TrialPruned:
        state = TrialState.PRUNED
    except (TakenOverError, UpdateFinishedTrialError):
        raise TakenOverError from None
    except StudiesError as error:
        run.end_after(type(error))
        raise
    except FAILURES as error:  # of one setting: the study goes on
        state = TrialState.FAIL
        trial.set_user_attr(studies.REASON, reason(error))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    except BaseException as error:
        run.end_after(type(error))
        raise
    if not still_ours(place, study, trial):
        raise TakenOverError
    study.tell(trial, found, state)


def still_ours(place: Place, study: optuna.Study, trial: optuna.Trial) -> bool:
    """Whether no other worker took a trial over, or has ended it since."""
    held = place.claims.held(claim(study, trial.number))
    return held and place.storage.get_trial(trial._trial_id).state is TrialState.RUNNING


def claim(study: optuna.Study, number: int) -> str:
    """The name of the claim of a trial."""
    return f"{study.study_name} trial {number}"


def reason(error: BaseException) -> str:
    """Why a training came to nothing, in words."""
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, TrialFailedError | BrightfieldError) else f"{type(error).__name__}: {text}"
