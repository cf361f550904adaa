"""What a study says: in numbers, and in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from brightfield.metrics.declarations import Direction, declared
from brightfield.tuning import studies, trial_tables
from brightfield.tuning.trial_tables import Epochs

if TYPE_CHECKING:
    import optuna

Verdict = Literal["empty", "searching", "front", "unfinished", "better", "unsure"]


@dataclass(frozen=True)
class Summary:
    """What a study says.

    Attributes:
        study: its name.
        model: name of the entry that is tuned.
        metric, direction: the objective.
        trials: number of trials by state (complete, pruned, failed, running, waiting).
        confirmations: number of trials of the confirmation by state; empty before it was begun.
        standard: the objective of the entry as it is, in the search; None before it is known.
        best: number of the best trial of the search; None before there is one.
        value: its objective in the search.
        changes: what the best has unlike the entry as it is: for each parameter both values, those of the entry first; None where
            one of them does not have it. The best is that of training again, else that of the search.
        front: numbers of the trials that no other beats in all aims; empty where there is one aim.
        epochs: trained and saved; None where there are none.
        search_s, confirmation_s: seconds that trials took, summed over workers.
        noise: standard deviation of the objective over seeds; None where it was not measured.
        stopped: why the search stopped before it had all its trials; None where it did not.
        result: what training again found, see :func:`brightfield.tuning.running.tune`; empty before.
    """

    study: str
    model: str
    metric: str
    direction: Direction
    trials: Mapping[str, int]
    confirmations: Mapping[str, int]
    standard: float | None
    best: int | None
    value: float | None
    changes: Mapping[str, tuple[Any, Any]]
    front: Sequence[int]
    epochs: Epochs | None
    search_s: float
    confirmation_s: float
    noise: float | None
    stopped: str | None
    result: Mapping[str, Any]

    @property
    def gain(self) -> Mapping[str, Any] | None:
        """Of the best over the entry as it is, when both were trained again: value, low, high, trainings; None before."""
        found: Mapping[str, Any] | None = next(
            (gain for gain in self.result.get("gains", ()) if gain["name"] == self.result["best"]), None
        )
        return found

    @property
    def verdict(self) -> Verdict:
        """How far it is, and what is known."""
        if self.front:
            return "front"
        if self.best is None:
            return "empty"
        if not self.result:
            return "searching"
        if self.gain is None:
            return "unfinished"
        return "better" if self.result["better"] else "unsure"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "verdict": self.verdict, "gain": self.gain}


def of(study: optuna.Study, metric: str, confirmation: optuna.Study | None = None) -> Summary:
    """Summarise a study.

    Args:
        study: the search.
        metric: name of its objective.
        confirmation: the study that trains its best again.
    """
    trials = study.get_trials(deepcopy=False)
    again = [] if confirmation is None else confirmation.get_trials(deepcopy=False)
    first = next((trial for trial in trials if trial.user_attrs.get(studies.AS_IT_IS) and trial.values), None)
    best = next(iter(studies.best(study)), None)
    several = len(study.directions) > 1
    noise, stopped = study.user_attrs.get(studies.NOISE), study.user_attrs.get(studies.STOPPED)
    return Summary(
        study.study_name,
        str(study.user_attrs.get(studies.MODEL, study.study_name)),
        metric,
        "maximize" if study.directions[0].name == "MAXIMIZE" else "minimize",
        _states(trials),
        _states(again),
        None if first is None else trial_tables.last_value(first),
        None if best is None else best.number,
        None if best is None else trial_tables.last_value(best),
        _changes(
            trials, first, study.user_attrs.get(studies.RESULT, {}).get("best") or (best.number if best else None)
        ),
        sorted(trial.number for trial in study.best_trials) if several else (),
        trial_tables.epochs(study),
        _seconds(trials),
        _seconds(again),
        None if noise is None else float(noise["deviation"]),
        None if stopped is None else str(stopped["why"]),
        study.user_attrs.get(studies.RESULT, {}),
    )


def _changes(
    trials: Sequence[optuna.trial.FrozenTrial], first: optuna.trial.FrozenTrial | None, best: int | str | None
) -> dict[str, tuple[Any, Any]]:
    if first is None or best is None:
        return {}
    standard, own = first.params, trials[int(best)].params
    pairs = {name: (standard.get(name), own.get(name)) for name in {**standard, **own}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _states(trials: Sequence[optuna.trial.FrozenTrial]) -> dict[str, int]:
    found: dict[str, int] = {}
    for trial in trials:
        state = trial_tables.state(trial)
        found[state] = found.get(state, 0) + 1
    return found


def _seconds(trials: Sequence[optuna.trial.FrozenTrial]) -> float:
    return sum(trial.duration.total_seconds() for trial in trials if trial.duration)


def sentences(found: Summary) -> list[str]:
    """What a study says in words: whether its best is better, how far the search flattered itself, and the test split."""
    metric = declared(found.metric)
    ended = found.trials.get("complete", 0)
    if found.verdict == "empty":
        return ["No trial has ended well yet."]
    if found.verdict == "front":
        numbers = ", ".join(map(str, found.front))
        many = f"{len(found.front)} settings are" if len(found.front) > 1 else "One setting is"
        return [f"{many} on the front of quality and time: no other is better in both (trial {numbers})."]
    if found.verdict == "searching":
        as_it_is = "" if found.standard is None else f", the entry as it is {metric.said(found.standard)}"
        return [
            f"Not proved yet: the best of the search is trial {found.best} with {metric.said(found.value)}{as_it_is}.",
            f"The best of {ended} values on one split is partly luck; only training it again shows whether it is better.",
        ]
    if found.verdict == "unfinished":
        return ["No setting was trained again on all splits, so nothing is known beyond the search."]
    result, gain = found.result, found.gain
    assert gain is not None
    difference = metric.difference(gain["value"], gain["low"], gain["high"])
    best, on = f"trial {result['best']}", f"trained again on {gain['trainings']} other splits"
    if found.verdict == "better":
        lines = [f"{best.capitalize()} is better than {found.model} as it is: {difference}, {on}."]
    else:
        lines = [
            f"No setting is shown to be better than {found.model} as it is. The best, {best}, differs by {difference}, {on}: "
            "chance could explain that."
        ]
    flattered = float(result["flattered"])
    promised = f"The search promised {metric.difference(result['promised'])}"
    if flattered > 0:
        lines.append(f"{promised}: it flattered itself by {metric.difference(flattered).lstrip('+')}.")
    else:
        lines.append(f"{promised}, not more than there is.")
    test = result.get("test")
    if test:
        looked = "looked at once" if result.get("looks", 1) == 1 else f"at look {result['looks']}"
        lines.append(
            f"On the test split, {looked}: {metric.said(test['b'])} against {test['a']:.{metric.decimals}f}, "
            f"{metric.difference(test['value'], test['low'], test['high'])}."
        )
    since = ended + found.trials.get("pruned", 0) - result.get("trials", math.inf)
    if since > 0:
        trials = "One trial has" if since == 1 else f"{since} trials have"
        lines.append(f"{trials} ended since: when the search is over, its best are trained again.")
    return lines


def counted(found: Summary) -> list[tuple[str, str]]:
    """The numbers of a study with their names, as they are shown: those that there are."""
    metric = declared(found.metric)
    rows = [
        ("complete", str(found.trials.get("complete", 0))),
        ("given up", str(found.trials.get("pruned", 0))),
        ("failed", str(found.trials.get("failed", 0))),
    ]
    if found.trials.get("running"):
        rows.append(("running", str(found.trials["running"])))
    if found.epochs is not None:
        rows.append(("epochs saved", saved(found.epochs)))
    rows.append(("search", lasting(found.search_s)))
    if found.confirmations:
        rows.append(("training again", lasting(found.confirmation_s)))
    if found.noise is not None:
        rows.append(("seed noise", f"{found.noise:.2g}{f' {metric.unit}' if metric.unit else ''}"))
    return rows


def saved(epochs: Epochs) -> str:
    """How many epochs pruning saved, and which share of all that is: ``49 (24%)``."""
    whole = epochs.trained + epochs.saved_by_pruning
    return f"{epochs.saved_by_pruning} ({epochs.saved_by_pruning / whole:.0%})" if whole else "0"


def lasting(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
