"""Studies: begun, gone on with, and asked. One belongs to a model, a space, a task and data: with others it is another study."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import Direction
from brightfield.tuning import storage
from brightfield.tuning.storage import Place

if TYPE_CHECKING:
    import optuna

# user attributes of a study
MODEL, IDENTITY, BEGUN, RUN, AIMS, NOISE, STOPPED, RESULT = (
    "model",
    "identity",
    "begun",
    "run_id",
    "aims",
    "noise",
    "stopped",
    "result",
)
# user attributes of a trial
FINGERPRINT, SAME_AS, REASON, ATTEMPTS, COSTS, AS_IT_IS = (
    "fingerprint",
    "same_as",
    "reason",
    "attempts",
    "costs",
    "as_it_is",
)
DIGITS = 8  # of the hash in the name of a study
CONFIRMED = " confirmed"  # end of the name of the study that trains the best of another one again
BEGINNING = 256  # bytes of a journal


@dataclass(frozen=True)
class Identity:
    """What the trials of a study have in common: only such trials are comparable.

    Attributes:
        model: name of the entry.
        content: plain values: entry, space, settings of the task, data, aims.
    """

    model: str
    content: Mapping[str, Any]

    @property
    def study(self) -> str:
        """The name of the study."""
        found = hashlib.sha256(json.dumps(self.content, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.model}@{found[:DIGITS]}"

    def changed_since(self, study: optuna.Study) -> list[str]:
        """What is unlike an earlier study of the model."""
        before = study.user_attrs.get(IDENTITY, {})
        now = json.loads(json.dumps(self.content, default=str))
        return [key for key in now if now[key] != before.get(key)]


def begin(
    place: Place,
    identity: Identity,
    directions: Mapping[str, Direction],
    sampler: Any = None,
    pruner: Any = None,
    end: str = "",
) -> optuna.Study:
    """Create a study, or go on with it.

    Args:
        place: where.
        identity: of the study.
        directions: of its aims, by the names of what they measure.
        sampler, pruner: Optuna's.
        end: of its name, after that of the identity.
    """
    import optuna

    name = identity.study + end
    with place.claims.turn(f"begin {name}"):
        study = optuna.create_study(
            storage=place.storage,
            study_name=name,
            directions=list(directions.values()),
            load_if_exists=True,
            sampler=sampler,
            pruner=pruner,
        )
        if BEGUN not in study.user_attrs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(directions))  # which Optuna's dashboard shows
            study.set_user_attr(MODEL, identity.model)
            study.set_user_attr(IDENTITY, json.loads(json.dumps(identity.content, default=str)))
            study.set_user_attr(BEGUN, time.time())
    return study


def newest(place: Place, model: str, end: str = "") -> optuna.Study | None:
    """The study of a model that was begun last; None without any."""
    import optuna

    found = [
        summary
        for summary in optuna.get_all_study_summaries(place.storage, include_best_trial=False)
        if summary.user_attrs.get(MODEL) == model
        and summary.study_name.endswith(CONFIRMED) == (end == CONFIRMED)
        and BEGUN in summary.user_attrs
    ]
    if not found:
        return None
    latest = max(found, key=lambda summary: summary.user_attrs[BEGUN])
    return optuna.load_study(study_name=latest.study_name, storage=place.storage)


def confirmation(place: Place, study: optuna.Study) -> optuna.Study | None:
    """The study that trains the best of a study again; None before it was begun."""
    import optuna

    try:
        return optuna.load_study(study_name=study.study_name + CONFIRMED, storage=place.storage)
    except KeyError:
        return None


def here() -> Place:
    """Where studies are, opened once in a process: of a journal only what is new is read when it is asked again."""
    journal = layout.JOURNAL.absolute()
    begins = b""
    if journal.is_file():
        with journal.open("rb") as file:
            begins = file.read(BEGINNING)  # it names who began it: another file in its place begins otherwise
    return _opened(os.environ.get(storage.VARIABLE, ""), str(journal), begins)


@lru_cache(maxsize=2)
def _opened(address: str, journal: str, begins: bytes) -> Place:
    del address, journal, begins  # by which it is known again
    return storage.place()


def _begun() -> list[optuna.study.StudySummary]:
    """All searches, the one that was begun last first; no confirmations."""
    import optuna

    if not storage.is_there():
        return []
    found = optuna.get_all_study_summaries(here().storage, include_best_trial=False)
    searches = [each for each in found if BEGUN in each.user_attrs and not each.study_name.endswith(CONFIRMED)]
    return sorted(searches, key=lambda each: float(each.user_attrs[BEGUN]), reverse=True)


def names() -> list[str]:
    """Names of the models with a study."""
    return sorted({str(found.user_attrs[MODEL]) for found in _begun()})


@dataclass(frozen=True)
class Known:
    """A study of a model.

    Attributes:
        name: of the study.
        begun: when, UTC.
        trials: number of them.
        changed: what is unlike the study before it: model, space, task, data, aims; empty for the first.
    """

    name: str
    begun: datetime
    trials: int
    changed: tuple[str, ...]


def of_model(model: str) -> list[Known]:
    """The studies of a model, the newest first: one for each entry, space, task and data that it was tuned with."""
    found = [each for each in _begun() if each.user_attrs[MODEL] == model]
    contents = [each.user_attrs.get(IDENTITY, {}) for each in found]
    known = []
    for i, each in enumerate(found):
        before = contents[i + 1] if i + 1 < len(found) else contents[i]
        changed = tuple(key for key in {**before, **contents[i]} if before.get(key) != contents[i].get(key))
        begun = datetime.fromtimestamp(float(each.user_attrs[BEGUN]), UTC)
        known.append(Known(each.study_name, begun, each.n_trials, changed))
    return known


def existing(model: str, name: str | None = None) -> optuna.Study:
    """A study of a model.

    Args:
        model: its name.
        name: of the study; by default the newest.

    Raises:
        BrightfieldError: there is none.
    """
    import optuna

    known = [each.name for each in of_model(model)]
    if not known:
        raise BrightfieldError(
            f"There is no study of {model!r}; known: {', '.join(names()) or 'none'}. Run `make tune MODEL={model}`."
        )
    if name is not None and name not in known:
        raise BrightfieldError(f"There is no study {name!r} of {model!r}; known: {', '.join(known)}.")
    return optuna.load_study(study_name=name or known[0], storage=here().storage)


def result(model: str) -> dict[str, Any]:
    """What the newest study of a model found, see :func:`brightfield.tuning.running.tune`; empty before it was confirmed."""
    found: dict[str, Any] = existing(model).user_attrs.get(RESULT, {})
    return found


def ended(study: optuna.Study) -> int:
    """Number of trials that are complete or pruned."""
    import optuna

    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=states))


def best(study: optuna.Study, count: int = 1) -> list[optuna.trial.FrozenTrial]:
    """The best complete trials that keep all constraints, best first; of equal trainings the first."""
    import optuna

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    first: dict[object, optuna.trial.FrozenTrial] = {}
    for trial in complete:
        first.setdefault(trial.user_attrs.get(FINGERPRINT, trial.number), trial)
    able = [trial for trial in first.values() if not _violates(trial)]
    sign = -1 if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else 1
    return sorted(able, key=lambda trial: (sign * trial.values[0], trial.number))[:count]


def _violates(trial: optuna.trial.FrozenTrial) -> bool:
    return any(value > 0 for value in trial.constraints.values())


def equal_training(place: Place, fingerprint: str, other_than: int) -> optuna.trial.FrozenTrial | None:
    """A trial of any study that ended after the same training; None without one.

    Args:
        place: where to look.
        fingerprint: of the training.
        other_than: Optuna's id of the trial that asks.
    """
    import optuna

    done = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    for known in place.storage.get_all_studies():
        trials: list[optuna.trial.FrozenTrial] = place.storage.get_all_trials(known._study_id, False, done)
        for trial in trials:
            if trial.user_attrs.get(FINGERPRINT) == fingerprint and trial._trial_id != other_than:
                return trial
    return None
