"""Optuna's studies on disk, one per model in ``studies/<model>.db``, and queries of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import Direction

if TYPE_CHECKING:
    import optuna

STUDIES = Path("studies")
HEARTBEAT_S = 30  # a trial without a heartbeat for twice this time counts as failed and is repeated
MOST_RETRIES = 2  # largest number of repetitions of a killed trial
FIRST_TRIALS = 4  # number of first trials that are never pruned, as there are too few to compare with
FIRST_EPOCHS = 1  # number of first epochs in which a trial is never pruned


def studies() -> list[str]:
    """Names of the models with a study."""
    return sorted(path.stem for path in STUDIES.glob("*.db"))


def trials(name: str) -> pd.DataFrame:
    """One row per trial: number, state (complete, pruned, running, failed, waiting), value, epochs, duration_s, parameters."""
    rows = [
        {
            "number": trial.number,
            "state": {"fail": "failed"}.get(trial.state.name.lower(), trial.state.name.lower()),
            "value": trial.value if trial.value is not None else _last(trial),
            "epochs": len(trial.intermediate_values),
            "duration_s": trial.duration.total_seconds() if trial.duration else None,
            **trial.params,
        }
        for trial in existing(name).trials
    ]
    return pd.DataFrame(rows)


def importances(name: str) -> dict[str, float]:
    """The share of each parameter in the variation of the objective (PED-ANOVA); empty before there are enough trials."""
    import optuna

    study = existing(name)
    if len([t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]) < FIRST_TRIALS:
        return {}
    try:
        return {key: float(value) for key, value in optuna.importance.get_param_importances(study).items()}
    except (RuntimeError, ValueError):  # all trials are equal
        return {}


def best(name: str) -> dict[str, Any]:
    """Number, value, direction and parameters of the best trial; empty before one is complete."""
    study = existing(name)
    try:
        trial = study.best_trial
    except ValueError:
        return {}
    return {"number": trial.number, "value": trial.value, "direction": study.direction.name.lower(), **trial.params}


def finished(study: optuna.Study) -> int:
    """Number of trials that are complete or pruned."""
    import optuna

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=ended))


def _last(trial: Any) -> float | None:
    values = trial.intermediate_values
    return values[max(values)] if values else None


# --- storage ----------------------------------------------------------------------------------------------------


def _storage(name: str) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the heartbeat is experimental, but nothing else detects a killed trial
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=MOST_RETRIES)
        return optuna.storages.RDBStorage(
            f"sqlite:///{STUDIES / f'{name}.db'}", heartbeat_interval=HEARTBEAT_S, heartbeat_stale_trial_callback=retry
        )


def start(name: str, identity: Mapping[str, Any], direction: Direction) -> optuna.Study:
    """Create the study of a model, or continue it.

    Raises:
        BrightfieldError: the study has another identity, so that its trials cannot be compared with new ones.
    """
    import optuna

    STUDIES.mkdir(exist_ok=True)
    storage = _storage(name)
    known = optuna.study.get_all_study_names(storage)
    done = len(storage.get_all_trials(storage.get_study_id_from_name(name))) if name in known else 0
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction=direction,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=done),  # a continued study must not repeat its first draws
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS, n_warmup_steps=FIRST_EPOCHS),
    )
    plain = json.loads(json.dumps(identity))
    before = study.user_attrs.get("identity")
    if before is not None and before != plain:
        changed = ", ".join(key for key in plain if plain[key] != before.get(key))
        raise BrightfieldError(
            f"The study of {name!r} in {STUDIES / f'{name}.db'} was made with another {changed}, "
            "so its trials cannot be compared with new ones. Move or delete that file to start a new study."
        )
    study.set_user_attr("identity", plain)
    return study


def existing(name: str) -> optuna.Study:
    """The study of a model; raises BrightfieldError if there is none."""
    import optuna

    if name not in studies():
        raise BrightfieldError(
            f"There is no study of {name!r}; known: {', '.join(studies()) or 'none'}. Run `make tune MODEL={name}`."
        )
    return optuna.load_study(study_name=name, storage=_storage(name))
