"""What the trials of a study did: a row each, epochs that were saved, and which parameters mattered."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from brightfield.tuning import studies
from brightfield.tuning.studies import AS_IT_IS, COSTS, IDENTITY, REASON, SAME_AS

if TYPE_CHECKING:
    import optuna

FEWEST_FOR_IMPORTANCES = 4  # complete trials
# of a table of trials; the others are parameters
COLUMNS = (
    *("number", "state", "value", "epochs", "duration_s", "reason", "note", "milliseconds", "megabytes"),
    *("started", "ended"),
)


def trials(model: str, name: str | None = None) -> pd.DataFrame:
    """One row per trial of a study, see :func:`table`; arguments as of :func:`brightfield.tuning.studies.existing`."""
    return table(studies.existing(model, name))


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
