"""Studies as a search leaves them, written down without any training: for tests of what is said of a study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from brightfield.tuning import confirming, racing, storage, studies
from brightfield.tuning.studies import Identity

MODEL, METRIC = "beads-unet", "capped_error_px"  # an objective that is to be small
TWO_AIMS: Mapping[str, Any] = {METRIC: "minimize", "milliseconds": "minimize"}
EPOCHS = 10
BEGUN = datetime(2026, 3, 1, 12)  # local time, as Optuna notes it
SPACE: Mapping[str, BaseDistribution] = {
    "training.learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
    "network.filters": IntDistribution(6, 16),
    "training.augment": CategoricalDistribution(["flips", "turns", "none"]),
    "training.turn_degrees": FloatDistribution(0, 180),  # only where augment is turns
}
REASON = "the loss was nan in epoch 3"
TOO_SLOW = "not trained: 61.2 ms for at most 50"


def identity(model: str = MODEL, epochs: int | None = EPOCHS, **content: Any) -> Identity:
    """Of a study; None of the epochs: of a baseline."""
    return Identity(model, {"model": {"training": None if epochs is None else {"epochs": epochs}}, **content})


def begin(of: Identity, directions: Mapping[str, Any] | None = None, end: str = "") -> optuna.Study:
    """A study without trials, in the folder of the project that is the current one."""
    return studies.begin(storage.place(), of, directions or {METRIC: "minimize"}, end=end)


def error(rate: float, filters: int, seed: int) -> float:
    """What a setting reaches: best at a rate of 0.002 and many filters."""
    noise = float(np.random.default_rng(seed).normal(0, 0.01))
    return 0.2 + 0.3 * (math.log10(rate) - math.log10(0.002)) ** 2 + 0.02 * (16 - filters) + noise


def trial(
    number: int,
    values: list[float] | None,
    state: TrialState = TrialState.COMPLETE,
    parameters: Mapping[str, Any] | None = None,
    epochs: int = EPOCHS,
    start_s: float = 0,
    took_s: float | None = 60,
    **attributes: Any,
) -> FrozenTrial:
    """One trial; its objective falls from epoch to epoch to the last value, or to 0.5 where it has none."""
    drawn = dict(parameters or {"training.learning_rate": 0.001, "network.filters": 8, "training.augment": "flips"})
    last = 0.5 if values is None else values[0]
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=None,
        values=values,
        params=drawn,
        distributions={name: SPACE[name] for name in drawn},
        intermediate_values={epoch: last + (epochs - epoch) / 50 for epoch in range(1, epochs + 1)},
        user_attrs=attributes,
        system_attrs={},
        datetime_start=BEGUN + timedelta(seconds=start_s),
        datetime_complete=None if took_s is None else BEGUN + timedelta(seconds=start_s + took_s),
    )


def fill(study: optuna.Study, count: int = 24, workers: int = 2) -> optuna.Study:
    """Add trials of all states, run by several workers: the first is the entry as it is, every third is given up after 3 epochs.

    Trial 4 failed, trial 7 broke a bound, trial 9 is the same as trial 3, and the last still runs.
    """
    rng = np.random.default_rng(0)
    known: dict[int, dict[str, Any]] = {}
    for number in range(count):
        drawn: dict[str, Any] = {
            "training.learning_rate": float(10 ** rng.uniform(-4, -2)),
            "network.filters": int(rng.integers(6, 17)),
            "training.augment": str(rng.choice(["flips", "turns", "none"])),
        }
        if drawn["training.augment"] == "turns":
            drawn["training.turn_degrees"] = float(rng.uniform(0, 180))
        if number == 0:
            drawn = {"training.learning_rate": 0.004, "network.filters": 10, "training.augment": "flips"}
        if number == 9:
            drawn = known[3]
        known[number] = drawn
        value = error(drawn["training.learning_rate"], drawn["network.filters"], 3 if number == 9 else number)
        values = [value] if len(study.directions) == 1 else [value, 3.0 * drawn["network.filters"] + number % 4]
        costs = {studies.COSTS: {"milliseconds": 3.0 * drawn["network.filters"] + number % 4, "megabytes": 1.5}}
        when = {"start_s": 70 * (number // workers) + 5 * (number % workers)}
        if number == 4:
            made = trial(number, None, TrialState.FAIL, drawn, 2, **when, **costs, **{studies.REASON: REASON})
        elif number == 7:
            made = trial(number, None, TrialState.PRUNED, drawn, 0, **when, **costs, **{studies.REASON: TOO_SLOW})
        elif number == count - 1:
            made = trial(number, None, TrialState.RUNNING, drawn, 4, **when, took_s=None, **costs)
        elif number % 3 == 2:
            made = trial(number, None, TrialState.PRUNED, drawn, 3, **when, took_s=20, **costs)
        else:
            attributes: dict[str, Any] = {**costs, studies.FINGERPRINT: f"training {3 if number == 9 else number}"}
            if number == 0:
                attributes[studies.AS_IT_IS] = True
            if number == 9:
                attributes[studies.SAME_AS] = 3
            made = trial(number, values, TrialState.COMPLETE, drawn, **when, **attributes)
        study.add_trial(made)
    return study


def confirm(study: optuna.Study, of: Identity, gain: float, noise: float = 0.004) -> optuna.Study:
    """Train the best three again: each is better than the entry as it is by a gain, on three splits, and then on the test.

    Args:
        study: the search.
        of: its identity.
        gain: how much smaller the error of the best is; of the others half of that, and a fourth.
        noise: standard deviation over splits.
    """
    rng = np.random.default_rng(1)
    found = begin(of, end=studies.CONFIRMED)
    numbers = [0, *(each.number for each in studies.best(study, 4) if each.number)][:4]
    for place, number in enumerate(numbers):
        worth = 0.35 - (gain / 2 ** (place - 1) if place else 0)
        blocks = {
            f"{racing.BLOCK}{i}": {
                studies.FINGERPRINT: f"{number}-{i}",
                "value": worth + 0.02 * i + float(rng.normal(0, noise)),
                "groups": [],
                "seed": i + 1,
            }
            for i in range(confirming.BLOCKS)
        }
        value = float(np.mean([block["value"] for block in blocks.values()]))
        attributes = {racing.OF: number, studies.AS_IT_IS: number == 0, **blocks}
        drawn = study.get_trials(deepcopy=False)[number].params
        found.add_trial(trial(place, [value], TrialState.COMPLETE, drawn, 3, 2000 + 200 * place, 180, **attributes))
    searched = racing.searched(study)
    judged = confirming.judge(racing.scores(found), "0", searched, METRIC, "minimize", 0.95)
    test = {"metric": METRIC, "a": 0.36, "b": 0.36 - gain, "value": -gain, "low": -gain - 0.01, "high": -gain + 0.01}
    result = {
        **judged.as_dict(),
        "of": found.study_name,
        "test": test,
        "looks": 1,
        "promised_value": None if judged.best is None else searched[judged.best],
        "values": {},
    }
    study.set_user_attr(studies.RESULT, json.loads(json.dumps(result)))
    study.set_user_attr(studies.NOISE, {"values": [0.3, 0.31, 0.305], "deviation": 0.005})
    study.set_user_attr(
        studies.STOPPED, {"trials": 40, "why": "a further trial is expected to gain less than another seed changes"}
    )
    return found
