"""From text to validated sections; one error names every problem by its dotted path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from brightfield.errors import BrightfieldError
from brightfield.params.base import RENAMED, Section, did_you_mean, unknown
from brightfield.params.explaining import explain
from brightfield.params.models import Model
from brightfield.params.options import read_options
from brightfield.params.simulations import SIMULATIONS, Simulation
from brightfield.params.spaces import MISSING, OWN_SETTINGS, at, content_of, paths, put, settings_problems
from brightfield.params.tasks import SETTINGS, TaskSettings
from brightfield.params.whole import Params

PARAMS = Path("params.yaml")
Entry = TypeVar("Entry")
Validated = TypeVar("Validated", bound=Section)


def load(path: Path = PARAMS) -> Params:
    """Read and validate ``params.yaml``; one :class:`BrightfieldError` names every problem by its dotted path."""
    return parse(read_yaml(path), str(path))


def load_with(section: str, name: str, options: Sequence[str], path: Path = PARAMS) -> Params:
    """The same with other values in one entry, as a command line gives them.

    Args:
        section: ``models``, for instance.
        name: of the entry.
        options: as DVC writes an entry where dvc.yaml says ``${item}``: ``--training.epochs 4 --network.filters 16 32
            --network.batch_norm``; ``--no-`` before the path means false.
        path: of ``params.yaml``.

    Raises:
        BrightfieldError: for options that are none, and entries that become invalid.
    """
    content = read_yaml(path)
    entries = content.get(section) or {}
    known = entries[name] = deepcopy(entry(entries, name, section.removesuffix("s")))  # YAML's aliases share values
    values = read_options(options, known)
    for dotted, value in values.items():
        put(known, dotted, value)
    return parse(content, f"{path} with {' '.join(options)}" if values else str(path))


def with_overrides(
    settings: Params, section: Literal["compute", "evaluation"], chosen: Mapping[str, Any] | None
) -> Params:
    """The same with other values in one section, such as a command line gives."""
    known = getattr(settings, section)
    content = {**known.model_dump(), **(chosen or {})}
    return settings.model_copy(update={section: _validated(type(known), content, section)})


def read_yaml(path: Path) -> dict[str, Any]:
    """The plain contents of a YAML file."""
    if not path.is_file():
        raise BrightfieldError(f"There is no {path} here ({Path.cwd()}). Run this from the project's top folder.")
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise BrightfieldError(f"{path} is not readable as YAML: {error}") from error
    if not isinstance(content, dict):
        raise BrightfieldError(
            f"{path} must hold sections (tasks, datasets, models, ...), got {type(content).__name__}."
        )
    return content


def parse_yaml(text: str) -> Any:
    """The plain contents of a text in YAML."""
    return deepcopy(_parsed(text))


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """What a text of YAML holds: to parse it takes tens of milliseconds, and commands and the dashboard read it repeatedly."""
    return YAML(typ="safe", pure=True).load(text)


def parse(content: Mapping[str, Any], source: str = "params.yaml") -> Params:
    """Validate the contents of a ``params.yaml``."""
    return _validated(Params, content, source)


def parse_model(content: Mapping[str, Any], source: str) -> Model:
    """Validate one entry of ``models`` (a trial of a tuning study, or what a bundle of this or an earlier version holds)."""
    return _validated(Model, _renamed(content), source)


def parse_simulation(content: Mapping[str, Any], source: str) -> Simulation:
    """Validate one entry of ``simulations``."""
    return _validated(entry(SIMULATIONS, str(content.get("simulator")), "simulator"), content, source)


def with_values(model: Model, values: Mapping[str, Any], source: str) -> Model:
    """A model's entry with other values at dotted paths, such as ``training.learning_rate``.

    A setting of the task, such as ``settings.threshold``, need not stand in the entry. Whether it agrees with the task's other
    settings is seen where they are known, by ``Params.settings_of``.

    Raises:
        BrightfieldError: the entry has no such path, or does not take the value.
    """
    content, known = model.model_dump(mode="json"), content_of(model)
    for path, value in values.items():
        if at(known, path) is MISSING:
            meant = did_you_mean(path, paths(known))
            raise BrightfieldError(
                f"{source}: a model's entry has no {path!r}, expected e.g. training.learning_rate.{meant}"
            )
        put(content, path, value)
    changed = {path.removeprefix(OWN_SETTINGS) for path in values if path.startswith(OWN_SETTINGS)}
    if lines := settings_problems(model.kind, {**known["settings"], **content["settings"]}, changed):
        raise BrightfieldError(f"{source} is not valid:\n  " + "\n  ".join(lines))
    return parse_model(content, source)


def parse_settings(kind: str, content: Mapping[str, Any], source: str) -> TaskSettings:
    """Validate the ``settings`` of a task of this kind (what a bundle remembers, perhaps one of an earlier version)."""
    section = entry(SETTINGS, kind, "kind of task")
    return _validated(section, section.upgraded(_renamed(content)), source)


def _renamed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The same with keys of earlier versions under today's names."""
    return {
        RENAMED.get(key, key): _renamed(value) if isinstance(value, Mapping) else value
        for key, value in content.items()
    }


def _validated(section: type[Validated], content: Mapping[str, Any], source: str) -> Validated:
    try:
        return section.model_validate(content)
    except ValidationError as error:
        lines = [line for problem in error.errors() for line in explain(dict(problem), content, section)]
        raise BrightfieldError(f"{source} is not valid:\n  " + "\n  ".join(lines)) from error


def entry(entries: Mapping[str, Entry], name: str, what: str) -> Entry:
    """``entries[name]``, or an error that lists the names there are; ``what`` is e.g. ``model``."""
    if name not in entries:
        raise BrightfieldError(unknown(what, name, entries))
    return entries[name]
