"""``brightfield adopt``: what a study found becomes an entry of ``params.yaml``, if it is better than the entry as it is."""

from __future__ import annotations

from typing import Any

from optuna.trial import FixedTrial, TrialState

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import declared
from brightfield.params import editing, spaces
from brightfield.tuning import sampling, studies


def adopt(name: str, number: int | None = None, force: bool = False) -> str:
    """Write a setting into params.yaml as ``<name>-tuned``, and return that name.

    Args:
        name: of the model.
        number: of a trial; by default the best that was trained again.
        force: also what was not shown to be better than the entry as it is.

    Raises:
        BrightfieldError: nothing was found that is better, or there is no such trial.
    """
    settings = params.load()
    model = params.entry(settings.models, name, "model")
    study = studies.existing(name)
    result: dict[str, Any] = study.user_attrs.get(studies.RESULT, {})
    if number is None:
        number = _confirmed(name, result, force, study)
    elif not force and (str(number) != result.get("best") or not result.get("better")):
        raise BrightfieldError(
            f"Trial {number} of {name!r} was not shown to be better than the entry as it is. `--force` takes it anyway."
        )
    trials = study.get_trials(deepcopy=False)
    if not 0 <= number < len(trials) or trials[number].state is not TrialState.COMPLETE:
        able = [trial.number for trial in trials if trial.state is TrialState.COMPLETE]
        raise BrightfieldError(
            f"{name!r} has no complete trial {number}; complete are {', '.join(map(str, able)) or 'none'}."
        )
    values = sampling.drawn(
        FixedTrial(trials[number].params), settings.space(name), spaces.content_of(model, settings.settings_of(model))
    )
    if trials[number].user_attrs.get(studies.AS_IT_IS):
        raise BrightfieldError(f"Trial {number} is the entry {name!r} as it is: there is nothing to adopt.")
    params.with_values(model, values, f"trial {number} of {name}")
    entry = params.read_yaml(params.PARAMS)["models"][name]
    for path, value in values.items():
        params.put(entry, path, value)
    editing.add_entry("models", f"{name}-tuned", entry)
    return f"{name}-tuned"


def _confirmed(name: str, result: dict[str, Any], force: bool, study: Any) -> int:
    """The number of the trial that was confirmed to be better; with ``force`` the best of all that is known."""
    if result.get("better"):
        return int(result["best"])
    if force:
        best = result.get("best")
        found = studies.best(study)
        if best is None and not found:
            raise BrightfieldError(f"The study of {name!r} has no complete trial yet.")
        return int(best) if best is not None else found[0].number
    if not result:
        raise BrightfieldError(
            f"The best of {name!r} is the largest of many values on one split, and was not trained again. `make tune MODEL={name}` "
            "does so; `brightfield adopt --force` takes it as it is."
        )
    metric = declared(result["metric"])
    gain = next((each for each in result["gains"] if each["name"] == result["best"]), None)
    shown = (
        ""
        if gain is None
        else f" (trial {result['best']}: {metric.difference(gain['value'], gain['low'], gain['high'])})"
    )
    raise BrightfieldError(
        f"No setting was better than {name!r} as it is by more than chance explains, when trained again{shown}. The entry stays; "
        "`--force` takes the best anyway."
    )
