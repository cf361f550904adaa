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

import pandas as pd

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
FEWEST_FOR_IMPORTANCES = 4  # complete trials
# of a table of trials; the others are parameters
COLUMNS = (
    *("number", "state", "value", "epochs", "duration_s", "reason", "note", "milliseconds", "megabytes"),
    *("started", "ended"),
)


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
    directions: list[Direction],
    sampler: Any = None,
    pruner: Any = None,
    end: str = "",
) -> optuna.Study:
    """Create a study, or go on with it.

    Args:
        place: where.
        identity: of the study.
        directions: of its aims.
        sampler, pruner: Optuna's.
        end: of its name, after that of the identity.
    """
    import optuna

    name = identity.study + end
    with place.claims.turn(f"begin {name}"):
        study = optuna.create_study(
            storage=place.storage,
            study_name=name,
            directions=directions,
            load_if_exists=True,
            sampler=sampler,
            pruner=pruner,
        )
        if BEGUN not in study.user_attrs:
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


def trials(model: str, name: str | None = None) -> pd.DataFrame:
    """One row per trial of a study, see :func:`table`; arguments as of :func:`existing`."""
    return table(existing(model, name))


def result(model: str) -> dict[str, Any]:
    """What the newest study of a model found, see :func:`brightfield.tuning.running.tune`; empty before it was confirmed."""
    found: dict[str, Any] = existing(model).user_attrs.get(RESULT, {})
    return found


def table(study: optuna.Study) -> pd.DataFrame:
    """One row per trial of a study.

    Returns:
        Columns number, state (complete, pruned, running, failed, waiting), value (of a pruned trial its last), epochs, duration_s,
        reason (why it failed, or was given up before it was trained), note (that it is the entry as it is, or the same as another),
        milliseconds (an image) and megabytes (where they were measured), started and ended (UTC), then the parameters; one that a
        trial did not draw is missing there.
    """
    rows = pd.DataFrame([_row(trial) for trial in study.get_trials(deepcopy=False)])
    for column in COLUMNS:
        if column not in rows:
            rows[column] = None
    return rows[[*COLUMNS, *(name for name in rows if name not in COLUMNS)]]


def parameters(trials: pd.DataFrame) -> list[str]:
    """The columns of a table of trials that are parameters."""
    return [str(name) for name in trials if name not in COLUMNS]


def _row(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    costs = trial.user_attrs.get(COSTS, {})
    return {
        "number": trial.number,
        "state": state(trial),
        "value": last_value(trial),
        "epochs": len(trial.intermediate_values),
        "duration_s": trial.duration.total_seconds() if trial.duration else None,
        "reason": trial.user_attrs.get(REASON),
        "note": _note(trial),
        "milliseconds": costs.get("milliseconds"),
        "megabytes": costs.get("megabytes"),
        "started": _moment(trial.datetime_start),
        "ended": _moment(trial.datetime_complete),
        **trial.params,
    }


def state(trial: optuna.trial.FrozenTrial) -> str:
    """In a word: complete, pruned, failed, running or waiting."""
    name = trial.state.name.lower()
    return "failed" if name == "fail" else name


def last_value(trial: optuna.trial.FrozenTrial) -> float | None:
    """The objective of a trial; while it has none, or was given up, that of its last epoch."""
    if trial.values:
        return float(trial.values[0])
    values = trial.intermediate_values
    return float(values[max(values)]) if values else None


def _note(trial: optuna.trial.FrozenTrial) -> str | None:
    if trial.user_attrs.get(AS_IT_IS):
        return "the entry as it is"
    return f"as trial {trial.user_attrs[SAME_AS]}" if SAME_AS in trial.user_attrs else None


def _moment(local: datetime | None) -> datetime | None:
    """Optuna notes the time of the clock on the wall, without its zone."""
    return None if local is None else local.astimezone(UTC)


def workers(trials: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Who tried what when: trials that overlap in time were run by different workers.

    Args:
        trials: columns number, state, started, ended, as :func:`table` has them.
        now: the end of a trial that still runs.

    Returns:
        The same rows in the order of their start, without those that never began; column worker counts from 1 and says that
        so many worked at once, not which process it was.
    """
    begun = trials[trials["started"].notna()].sort_values(["started", "number"])
    ends = begun["ended"].where(begun["ended"].notna(), now)
    free_at: list[datetime] = []
    numbers = []
    for start, end in zip(begun["started"], ends, strict=True):
        free = next((i for i, moment in enumerate(free_at) if moment <= start), len(free_at))
        if free == len(free_at):
            free_at.append(end)
        free_at[free] = end
        numbers.append(free + 1)
    return begun.assign(ended=ends, worker=numbers)


@dataclass(frozen=True)
class Epochs:
    """Epochs of a study.

    Attributes:
        trained: by all trials.
        saved_by_pruning: that trials had left when they were given up; fewer where they would have stopped by themselves.
        saved_by_bounds: of trials that were not trained because they break a bound.
        saved_by_repeats: of trials that are the same as an earlier one.
    """

    trained: int
    saved_by_pruning: int
    saved_by_bounds: int
    saved_by_repeats: int


def epochs(study: optuna.Study) -> Epochs | None:
    """Epochs that the trials of a study trained and saved; None of a baseline, and where epochs are not compared (a front)."""
    training = study.user_attrs.get(IDENTITY, {}).get("model", {}).get("training")
    if training is None or len(study.directions) > 1:
        return None
    found = {"trained": 0, "saved_by_pruning": 0, "saved_by_bounds": 0, "saved_by_repeats": 0}
    for trial in study.get_trials(deepcopy=False):
        done = len(trial.intermediate_values)
        if SAME_AS in trial.user_attrs:
            found["saved_by_repeats"] += done
            continue
        found["trained"] += done
        if trial.state.name == "PRUNED":
            whole = int(trial.params.get("training.epochs", training["epochs"]))
            found["saved_by_pruning" if done else "saved_by_bounds"] += max(0, whole - done)
    return Epochs(**found)


def importances(study: optuna.Study) -> dict[str, float]:
    """The share of each parameter in reaching the best tenth of the trials, largest first; empty before there are enough.

    Conditional PED-ANOVA (arXiv:2601.20800), which knows parameters that only some trials have.
    """
    import optuna

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < FEWEST_FOR_IMPORTANCES or len({trial.values[0] for trial in complete}) == 1:
        return {}
    # Optuna takes a target for an error, whatever the direction of the study is
    sign = -1 if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that low values are meant, which is so
            found = optuna.importance.get_param_importances(study, target=lambda trial: sign * trial.values[0])
    except (RuntimeError, ValueError):  # no trial differs in a parameter
        return {}
    return {key: float(value) for key, value in found.items()}


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
