"""The study that confirms another one: a trial is a setting, a step a group of images of one of the splits.

Where it stays open whether the best is better, a further trial of it has one split more; the earlier ones are not trained again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from brightfield import layout, params
from brightfield.experiments import runs
from brightfield.training.resuming import Resumable
from brightfield.tuning import confirming, sampling, studies
from brightfield.tuning.confirming import Confirmed
from brightfield.tuning.mirror import Mirror
from brightfield.tuning.storage import Place
from brightfield.tuning.trainings import Trainer, TrialFailedError
from brightfield.tuning.trials import TakenOverError, still_ours, to_its_end

OF = "of"  # user attribute: number of the trial of the search whose setting it is
BLOCK = "block "  # user attribute, with the number of a split after it: what came out there
SPLITS = "splits"  # user attribute: on how many a further trial of a setting is trained; the first one has BLOCKS


class Race:
    """The trials of a confirmation.

    Args:
        trainer: of the model.
        place: where the studies are.
        search: Optuna's study whose best are trained again.
        study: Optuna's, of the confirmation.
        mirror: its runs in MLflow.
    """

    def __init__(
        self, trainer: Trainer, place: Place, search: optuna.Study, study: optuna.Study, mirror: Mirror
    ) -> None:
        self.trainer, self.place, self.search, self.study, self.mirror = trainer, place, search, study, mirror

    @staticmethod
    def line_up(search: optuna.Study, study: optuna.Study, most: int) -> None:
        """Put the entry as it is and the best settings of the search at the start, those that are not there yet."""
        known = {trial.user_attrs[OF] for trial in study.get_trials(deepcopy=False)}
        first = search.get_trials(deepcopy=False)[0]
        best = [trial for trial in studies.best(search, most + 1) if trial.number != first.number][:most]
        for trial in [first, *best]:
            if trial.number not in known:
                attributes = {OF: trial.number, studies.AS_IT_IS: trial.number == first.number}
                study.enqueue_trial(trial.params, user_attrs=attributes)

    def entry(self, trial: optuna.Trial | FrozenTrial) -> params.Model:
        """The setting of a trial, with the seed of the model."""
        return entry_of(self.trainer, self.search, trial.user_attrs[OF])

    def run(self, trial: optuna.Trial) -> None:
        """Train one setting on every split, unless it is given up before.

        Raises:
            TakenOverError: it is another worker's now.
            KeyboardInterrupt: Ctrl+C; the trial stays as it is, and another call goes on with it.
        """
        entry = self.entry(trial)
        run = self.mirror.child(trial, entry)

        def values() -> list[float]:
            found = [self._block(trial, entry, number, run) for number in range(_splits(trial))]
            return [sum(found) / len(found)]

        to_its_end(self.place, self.study, trial, run, values)
        self.mirror.end(self.study.get_trials(deepcopy=False)[trial.number], run)

    def interrupted(self, trial: optuna.Trial) -> None:
        """End the run of a trial in the middle of which Ctrl+C came."""
        self.mirror.interrupted(trial.number)

    def _block(self, trial: optuna.Trial, entry: params.Model, number: int, run: runs.Run) -> float:
        """Train on one split, unless that is done, and compare with the best so far."""
        known = trial.user_attrs.get(f"{BLOCK}{number}")
        if known is None:
            known = self._trained(trial, entry, number)
            trial.set_user_attr(f"{BLOCK}{number}", known)
        return self._compared(trial, known, number, run)

    def _compared(self, trial: optuna.Trial, known: Mapping[str, Any], number: int, run: runs.Run) -> float:
        """Tell what came out on a split, unless the setting is given up for it."""
        run.log_metrics({"score": known["value"]}, number)
        for place, value in enumerate(known["groups"]):
            if value is not None:
                trial.report(value, number * len(known["groups"]) + place)
        races = SPLITS not in trial.user_attrs and confirming.FEWEST <= number + 1 < confirming.BLOCKS
        if races and trial.should_prune():
            trial.set_user_attr(
                studies.REASON, f"worse than the best on the groups of {number + 1} of {confirming.BLOCKS} splits"
            )
            raise optuna.TrialPruned
        return float(known["value"])

    def _trained(self, trial: optuna.Trial, entry: params.Model, number: int) -> dict[str, Any]:
        entry = seeded(entry, number)
        splits = self.trainer.reshuffled(entry.seed)
        found = self.trainer.fingerprint(entry, splits)
        with self.place.claims.turn(f"training {found}"):
            equal = equal_block(self.place, found)
            if equal is not None:
                return equal
            resumable = None if self.trainer.model.is_baseline else Resumable(layout.trial(found), found)

            def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
                del epoch, metrics
                if not still_ours(self.place, self.study, trial):
                    raise TakenOverError

            title = f"{_called(trial)}, split {number + 1} of {_splits(trial)}"
            fitted = self.trainer.train(entry, splits, title, on_epoch, resumable)
            table = self.trainer.table_of_validation(entry, fitted, splits)
            by_group = self.trainer.by_group(table)
            value = self.trainer.pooled(table)
            if not math.isfinite(value):
                raise TrialFailedError(f"its {self.trainer.objective.metric} on split {number + 1} is nan")
            self.trainer.keep(entry, fitted, found)
            if resumable is not None:
                resumable.remove()
        of_groups = [score if math.isfinite(score) else None for score in by_group.values()]
        return {studies.FINGERPRINT: found, "value": value, "groups": of_groups, "seed": entry.seed}


def prolonged(
    place: Place,
    search: optuna.Study,
    study: optuna.Study,
    judged: Callable[[], Confirmed],
    is_time: Callable[[Sequence[FrozenTrial]], bool],
) -> bool:
    """Put the entry as it is and the best at the end once more, with one split more, where it is open which is better.

    Args:
        place: where the studies are.
        search, study: Optuna's, of the search and of its confirmation.
        judged: what the confirmation says so far.
        is_time: whether there is time for one more split, by the trials so far.

    Returns:
        Whether it did.
    """
    with place.claims.turn(f"further splits of {study.study_name}"):
        trials = study.get_trials(deepcopy=False)
        if any(not trial.state.is_finished() for trial in trials):  # it may change what is known
            return False
        came_to_nothing = any(trial.state is TrialState.FAIL and SPLITS in trial.user_attrs for trial in trials)
        if came_to_nothing or not is_time(trials):
            return False
        found = judged()
        if found.best is None or not found.is_open:
            return False
        known = {of: blocks(trial) for of, trial in longest(study).items()}
        for of in (0, int(found.best)):
            done = {f"{BLOCK}{number}": block for number, block in enumerate(known[of])}
            attributes = {OF: of, studies.AS_IT_IS: of == 0, SPLITS: len(known[0]) + 1, **done}
            study.enqueue_trial(search.get_trials(deepcopy=False)[of].params, user_attrs=attributes)
        return True


def entry_of(trainer: Trainer, search: optuna.Study, of: int) -> params.Model:
    """The setting of a trial of the search, with the seed of the model."""
    trial = search.get_trials(deepcopy=False)[of]
    if trial.user_attrs.get(studies.AS_IT_IS):
        return trainer.model
    values = sampling.drawn(optuna.trial.FixedTrial(trial.params), trainer.space, trainer.content)
    return trainer.entry(values, f"trial {of} of {trainer.name}")


def seeded(entry: params.Model, number: int) -> params.Model:
    """An entry with the seed that belongs to a split; none has the seed of the search."""
    return entry.model_copy(update={"seed": entry.seed + 1 + number})


def _splits(trial: optuna.Trial) -> int:
    """On how many a trial is trained."""
    return int(trial.user_attrs.get(SPLITS, confirming.BLOCKS))


def _called(trial: optuna.Trial) -> str:
    return "the entry as it is" if trial.user_attrs.get(studies.AS_IT_IS) else f"trial {trial.user_attrs[OF]} again"


def equal_block(place: Place, fingerprint: str) -> dict[str, Any] | None:
    """What an equal training of any confirmation found; None without one."""
    for study in place.storage.get_all_studies():
        if not study.study_name.endswith(studies.CONFIRMED):
            continue
        for trial in place.storage.get_all_trials(study._study_id, deepcopy=False):
            for key, value in trial.user_attrs.items():
                if key.startswith(BLOCK) and value[studies.FINGERPRINT] == fingerprint:
                    return dict(value)
    return None


def settings(study: optuna.Study) -> set[int]:
    """Those that are trained again, by the numbers of their trials in the search; the entry as it is among them."""
    return {trial.user_attrs[OF] for trial in study.get_trials(deepcopy=False)}


def longest(study: optuna.Study) -> dict[int, FrozenTrial]:
    """Of each setting the trial with the most splits, by the number of its trial in the search; those that failed are left out."""
    found: dict[int, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        number = trial.user_attrs[OF]
        if trial.state is TrialState.FAIL:
            continue
        if number not in found or len(blocks(trial)) > len(blocks(found[number])):
            found[number] = trial
    return found


def blocks(trial: FrozenTrial) -> list[dict[str, Any]]:
    """What came out on each split so far."""
    found: list[dict[str, Any]] = []
    while (known := trial.user_attrs.get(f"{BLOCK}{len(found)}")) is not None:
        found.append(known)
    return found


def scores(study: optuna.Study) -> pd.DataFrame:
    """What came out: a row a setting by the number of its trial in the search, a column a split; nan where it was given up."""
    rows = {str(of): [block["value"] for block in blocks(trial)] for of, trial in longest(study).items()}
    count = max(confirming.BLOCKS, *map(len, rows.values())) if rows else confirming.BLOCKS
    filled = {of: [*row, *[float("nan")] * (count - len(row))] for of, row in rows.items() if row}
    return pd.DataFrame.from_dict(filled, orient="index", columns=[f"split {i + 1}" for i in range(count)])


def searched(search: optuna.Study) -> Mapping[str, float]:
    """What each trial of the search reached, by its number."""
    return {str(trial.number): trial.values[0] for trial in search.get_trials(deepcopy=False) if trial.values}


def fingerprints(study: optuna.Study, of: int) -> Sequence[str]:
    """Of the trainings of one setting, in the order of splits."""
    found = longest(study).get(of)
    return [] if found is None else [block[studies.FINGERPRINT] for block in blocks(found)]
