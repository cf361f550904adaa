"""Section ``spaces``: what tuning tries."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from brightfield.params.base import Section, did_you_mean
from brightfield.params.explaining import explain
from brightfield.params.models import Model
from brightfield.params.tasks import SETTINGS, TaskSettings

Atom = bool | int | float | str
Choice = Atom | list[Atom] | None
Label = Atom | None
Condition = Atom | list[Choice] | None


class Search(Section):
    """What a tuning study tries for one number or name: one of ``choices``, or anything from ``low`` to ``high``.

    Whole numbers are tried where both ends are whole.
    """

    choices: Annotated[list[Choice], Field(min_length=1)] | None = (
        None  # a choice may be null, or a list such as [flip, rotate]
    )
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False  # by factors
    step: int | float | None = None  # only low, low + step, and so on up to high
    # tried only where other paths have this value, or one of a list of values; else the entry's own stays. A value that is a list
    # stands in a list of values: [[flip, rotate]]
    when: dict[str, Condition] = {}

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        has_range = self.low is not None and self.high is not None
        has_end = self.low is not None or self.high is not None
        if (self.choices is not None) == has_range or (self.choices is not None and has_end):
            raise ValueError("takes either choices, or low and high")
        if self.low is not None and self.high is not None and (self.low >= self.high or (self.log and self.low <= 0)):
            raise ValueError(f"low must be less than high, and above 0 with log, got {self.low} and {self.high}")
        if self.choices is not None and (self.log or self.step is not None):
            raise ValueError(f"{'log' if self.log else 'step'} is for low and high, not for choices")
        return self

    @model_validator(mode="after")
    def _steps_reach_high(self) -> Self:
        if self.step is None or self.low is None or self.high is None:
            return self
        if self.log:
            raise ValueError("takes either step or log: steps are equal differences, and log tries equal factors")
        if self.is_whole and not isinstance(self.step, int):
            raise ValueError(f"step must be whole where low and high are, got {self.step}")
        steps = (self.high - self.low) / self.step if self.step > 0 else 0
        if round(steps) < 1 or not math.isclose(steps, round(steps), rel_tol=1e-9):
            raise ValueError(
                f"from low to high there must be whole steps, got {self.low} to {self.high} by {self.step}"
            )
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        called = [label(choice) for choice in self.choices or ()]
        if twice := [each for i, each in enumerate(called) if each in called[:i]]:
            raise ValueError(f"two choices are called {twice[0]!r} in a table of trials; leave one of them out")
        return self

    @model_validator(mode="after")
    def _conditions_can_hold(self) -> Self:
        if empty := [path for path, condition in self.when.items() if condition == []]:
            raise ValueError(f"when: {empty[0]!r} has an empty list of values, so this would never be tried")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers of a range are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Space = dict[str, Search]  # dotted path inside a model's entry -> what to try, in the order in which it is drawn

# What no study may try, by dotted path: why not.
REFUSED = {
    "task": "another task asks another question",
    "kind": "another kind of task asks another question",
    "dataset": "trials are compared on the same images",
    "seed": "the best of several seeds was lucky, and is no better model",
    "test_time_augmentation": "it nearly always gains, and makes every answer 8 times slower, which is yours to decide",
    "network.architecture": "another architecture has other keys; give it an entry, and a study, of its own",
    "training.epochs": "it is the budget of a trial, and trials are compared with the same budget",
    "training.steps_per_epoch": "it is the budget of a trial, and trials are compared with the same budget",
    "training.init_from": "trials begin with the same weights; give a model that begins with others an entry of its own",
    "training.distil_from": "trials have the same teacher; give a model with another one an entry of its own",
}
OWN_SETTINGS = "settings."


# --- labels ---------------------------------------------------------------------------------------------------------------


def label(choice: Choice) -> Label:
    """What a choice is called in a table of trials: a list such as ``[32, 64]`` is ``32 64``, others are called as they are.

    An empty list is called ``none``.
    """
    return (" ".join(map(str, choice)) or "none") if isinstance(choice, list) else choice


def chosen(search: Search, called: Label) -> Choice:
    """The choice with a label, the reverse of :func:`label`; of a range, the number itself.

    Raises:
        ValueError: no choice is called so.
    """
    if search.choices is None:
        return called
    for choice in search.choices:
        if label(choice) == called:
            return choice
    known = ", ".join(repr(label(choice)) for choice in search.choices)
    raise ValueError(f"no choice is called {called!r}; expected one of {known}")


# --- which paths are tried ------------------------------------------------------------------------------------------------


def content_of(model: Model, settings: TaskSettings | None = None) -> dict[str, Any]:
    """A model's entry as plain values, with everything that it leaves out, the settings of its task among it.

    Args:
        model: the entry.
        settings: as this model answers the task (``Params.settings_of``); by default those of its kind, and its own over them.
    """
    known = (settings or SETTINGS[model.kind]()).model_dump(mode="json")
    return {**model.model_dump(mode="json"), "settings": {**known, **model.settings}}


def is_tried(search: Search, values: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether all that ``when`` asks is so.

    Args:
        search: of one path.
        values: what was drawn, by path: of the paths before it in the space at least, but for those that are not tried themselves.
        content: of the entry, by :func:`content_of`: what paths have that were not drawn.
    """
    return all(
        _meets(values[path] if path in values else at(content, path), condition)
        for path, condition in search.when.items()
    )


def active(space: Space, values: Mapping[str, Any], content: Mapping[str, Any]) -> list[str]:
    """The paths of a space that are tried where these values were drawn, in the order of the space; see :func:`is_tried`."""
    return [path for path, search in space.items() if is_tried(search, values, content)]


def _meets(value: Any, condition: Condition) -> bool:
    return any(_alike(value, each) for each in _alternatives(condition))


def _alternatives(condition: Condition) -> list[Choice]:
    return condition if isinstance(condition, list) else [condition]


def _alike(one: Any, other: Any) -> bool:
    """Equal, and both true or false or neither: for Python, 1 is true."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


# --- the entry as it is ---------------------------------------------------------------------------------------------------


def default_values(space: Space, model: Model, settings: TaskSettings | None = None) -> dict[str, Any]:
    """What the entry itself has at each path that is tried where nothing is changed: the first trial.

    A value that a range does not contain is the nearest that it does contain; null, or a name, is the middle of a range, and of
    choices that lack the entry's value the first. :func:`outside` says where that is so.

    Args:
        space: what is tried.
        model: the entry.
        settings: see :func:`content_of`.
    """
    return {path: nearest for path, nearest, _ in _defaults(space, model, settings)}


def outside(space: Space, model: Model, settings: TaskSettings | None = None) -> list[str]:
    """The paths of :func:`default_values` whose value is not that of the entry, so that no trial can be the entry as it is."""
    return [path for path, nearest, own in _defaults(space, model, settings) if not _alike(own, nearest)]


def with_own_choices(space: Space, model: Model, settings: TaskSettings | None = None) -> Space:
    """The same space, where choices that lack the value of the entry have it before the others."""
    lacking = {path: own for path, _, own in _defaults(space, model, settings) if space[path].choices is not None}
    found = dict(space)
    for path, own in lacking.items():
        choices = space[path].choices or []
        if not any(_alike(own, choice) for choice in choices):
            found[path] = space[path].model_copy(update={"choices": [own, *choices]})
    return found


def _defaults(space: Space, model: Model, settings: TaskSettings | None) -> Iterator[tuple[str, Any, Any]]:
    """Of each path that is tried: what the first trial has, and what the entry has."""
    content = content_of(model, settings)
    values: dict[str, Any] = {}
    for path, search in space.items():
        if is_tried(search, values, content):
            own = at(content, path)
            values[path] = _nearest(search, own)
            yield path, values[path], own


def _nearest(search: Search, own: Any) -> Any:
    if search.choices is not None:
        return next((choice for choice in search.choices if _alike(own, choice)), search.choices[0])
    assert search.low is not None
    assert search.high is not None
    low, high = search.low, search.high
    if isinstance(own, bool) or not isinstance(own, int | float):
        own = math.sqrt(low * high) if search.log else (low + high) / 2
    inside = min(max(own, low), high)
    if search.step is not None:
        near = low + round((inside - low) / search.step) * search.step
        inside = inside if math.isclose(near, inside, rel_tol=1e-9) else min(near, high)
    return round(inside) if search.is_whole else inside


# --- what is wrong with a space -------------------------------------------------------------------------------------------


def problems_of(space: Space, model: Model, settings: TaskSettings | None = None) -> list[str]:
    """What is wrong with the space of a model, as lines of 'dotted.path: what came, what was expected'.

    Each end and each choice must be taken by the entry, together with what its ``when`` asks.
    """
    content = content_of(model, settings)
    lines: list[str] = []
    for number, (path, search) in enumerate(space.items()):
        if why := _refusal(path, model, content):
            lines.append(f"{path}: {why}")
            continue
        before = list(space)[:number]
        conditions = [f"{path}.when: {line}" for line in _of_conditions(search, before, space, content)]
        lines += conditions
        if not conditions:
            ends = search.choices if search.choices is not None else [search.low, search.high]
            needed = _needed(path, space)
            lines += dict.fromkeys(line for end in ends for line in _not_taken(model, content, {**needed, path: end}))
    return lines


def _refusal(path: str, model: Model, content: Mapping[str, Any]) -> str:
    """Why a path cannot be tuned; empty if it can."""
    for refused, why in REFUSED.items():
        if path == refused:
            return f"cannot be tuned: {why}"
    tunable = SETTINGS[model.kind].tunable
    if (
        path.startswith(OWN_SETTINGS)
        and at(content, path) is not MISSING
        and path.removeprefix(OWN_SETTINGS) not in tunable
    ):
        able = ", ".join(sorted(f"{OWN_SETTINGS}{name}" for name in tunable)) or "none of this kind"
        return (
            "cannot be tuned: it is part of what is asked or how that is scored, or is chosen on validation anyway. "
            f"Settings that can be: {able}"
        )
    if at(content, path) is MISSING:
        return f"the entry has no {path!r}.{did_you_mean(path, paths(content))}"
    begins = model.training is not None and model.training.init_from is not None
    section, _, key = path.partition(".")
    if begins and section == "network" and key not in model.network.keeps_shape:
        return "cannot be tuned: the weights of training.init_from have the shape that they have"
    return ""


def _of_conditions(search: Search, before: list[str], space: Space, content: Mapping[str, Any]) -> Iterator[str]:
    for other, condition in search.when.items():
        if other in space and other not in before:
            yield f"{other!r} is drawn later; name it before this path"
        elif at(content, other) is MISSING:
            yield f"the entry has no {other!r}.{did_you_mean(other, paths(content))}"
        elif other in space and not any(_contains(space[other], each) for each in _alternatives(condition)):
            yield f"{other!r} never has the value {condition!r}, so this would never be tried"


def _contains(search: Search, value: Any) -> bool:
    return _alike(_nearest(search, value), value)


def _needed(path: str, space: Space) -> dict[str, Any]:
    """Values with which a path of a space is tried."""
    values: dict[str, Any] = {}
    for other, condition in space[path].when.items():
        alternatives = _alternatives(condition)
        if other in space:
            values |= _needed(other, space)
            alternatives = [each for each in alternatives if _contains(space[other], each)]
            values[other] = alternatives[0]
    return values


def _not_taken(model: Model, content: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Why the entry does not take values, lines that begin with a dotted path."""
    changed = model.model_dump(mode="json")
    for path, value in values.items():
        put(changed, path, value)
    try:
        Model.model_validate(changed)
    except ValidationError as error:
        return [line for problem in error.errors() for line in explain(dict(problem), changed, Model)]
    own = {path.removeprefix(OWN_SETTINGS): value for path, value in values.items() if path.startswith(OWN_SETTINGS)}
    return settings_problems(model.kind, {**content["settings"], **own}, own)


def settings_problems(kind: str, content: Mapping[str, Any], names: Container[str]) -> list[str]:
    """What is wrong with some of the settings of a kind of task, lines that begin with ``settings.``; others are not looked at."""
    section = SETTINGS[kind]
    try:
        section.model_validate(content)
    except ValidationError as error:
        found = [dict(problem) for problem in error.errors() if problem["loc"] and problem["loc"][0] in names]
        return [f"{OWN_SETTINGS}{line}" for problem in found for line in explain(problem, content, section)]
    return []


# --- dotted paths ---------------------------------------------------------------------------------------------------------

MISSING = object()


def at(content: Mapping[str, Any], path: str) -> Any:
    """What a dotted path such as ``training.learning_rate`` names in the content of an entry; ``MISSING`` without such a path."""
    here: Any = content
    for key in path.split("."):
        if not isinstance(here, Mapping) or key not in here:
            return MISSING
        here = here[key]
    return here


def put(content: dict[str, Any], path: str, value: Any) -> None:
    """Set what a dotted path names; sections on the way that the content leaves out are begun."""
    *sections, last = path.split(".")
    for key in sections:
        content = content.setdefault(key, {})
    content[last] = value


def paths(content: Mapping[str, Any]) -> list[str]:
    """The dotted paths of all values in the content of an entry."""
    return [
        name if not inside else f"{name}.{inside}"
        for name, value in content.items()
        for inside in (paths(value) if isinstance(value, Mapping) else [""])
    ]
