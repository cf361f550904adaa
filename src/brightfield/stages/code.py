"""``brightfield code``: write down, for every stage, the code that can change what it writes, and the values of long entries.

The other stages of dvc.yaml depend on these lists, ``code/<stage>/...json``: DVC's templates cannot name every module that a task,
an architecture or a simulator uses, and fifty dependencies a stage would make an up-to-date `dvc repro` slow. A list changes with
every module in it, so DVC reruns the stages whose code has changed and no others.

A list starts at ``stages/<stage>.py`` and follows the imports. The command line above it only hands values over. Short ones stand
in dvc.yaml, where DVC sees them. The thirty values of a model stand in its list, or each training would begin with them in the
terminal; ``params:`` in dvc.yaml would do as well, but DVC reads params.yaml again for every stage that has it.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from brightfield import layout, params
from brightfield.system import closure
from brightfield.system.files import atomic_folder, write_json

# Packages whose __init__ lists alternatives: of these an entry of params.yaml names the one that its stages run
TABLES = frozenset({"brightfield.architectures", "brightfield.results", "brightfield.simulate", "brightfield.tasks"})

# What runs and yet is in no list, each with the reason. A name ends with a dot where all modules below it are meant.
IGNORED: dict[str, str] = {
    "brightfield": "the public face, which no stage calls",
    "brightfield.architectures": "a table of names: the module that a name stands for is in the list",
    "brightfield.tasks": "a table of names: the modules of the entry's kind are in the list",
    "brightfield.params.": "the sections that a stage reads are in its list one by one, see `sections`",
    "brightfield.errors": "a stage that fails writes nothing",
    "brightfield.layout": "another path is another output in dvc.yaml, and that is a change by itself",
    "brightfield.system.closure": "what makes these lists",
    "brightfield.system.lineage": "says where an output comes from, not what it is",
    "brightfield.system.progress": "shown and gone",
    "brightfield.experiments.runs.": "what is logged to MLflow about an output",
}
REGISTRY: dict[str, str] = {  # of all stages but `register`, whose work it is
    "brightfield.experiments.": "models that are registered are read as they were written, with checksums",
}

Sections = Iterable[type[BaseModel]]


def run() -> None:
    """Write all lists, and a folder for the ensembles of each task: DVC stops at `register` where what it depends on is missing."""
    settings = params.load()
    for task in settings.tasks:
        layout.ensembles(task).mkdir(parents=True, exist_ok=True)
        (layout.ensembles(task) / layout.KEEP).touch()
    with atomic_folder(layout.CODE) as folder:
        for path, content in lists(settings):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_json(folder / path, content)


def lists(settings: params.Params) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each list's path below ``code/`` and what it holds.

    Those of `train`, `ensemble` and `register` have the values of their entry, and what a training begins with. That of `prepare`
    also has the settings of the task, which are written beside the images: other settings ask other questions of the same images,
    and DVC's templates have no way from a dataset to them.
    """
    for simulator, section in by_name(params.Simulation, "simulator").items():
        yield Path("simulate", f"{simulator}.json"), listed("simulate", sections=[section], simulator=simulator)
    networks = by_name(params.Network, "architecture")
    for task, entry in settings.tasks.items():
        kind, asked = entry.kind, type(entry.settings)
        written = {"settings": entry.settings.model_dump(mode="json")}
        yield Path("prepare", f"{task}.json"), listed("prepare", sections=[params.Dataset, asked]) | written
        for name, section in networks.items():
            scored: Sections = [asked, section]
            yield (
                Path("evaluate", task, f"{name}.json"),
                listed("evaluate", sections=scored, kind=kind, architecture=name),
            )
        gate = {"gate": settings.gate(task).model_dump(mode="json")}
        yield Path("register", f"{task}.json"), listed("register", sections=[asked, params.Gate], kind=kind) | gate
    computed = {"compute": settings.compute.model_dump(mode="json", exclude={"workers"})}  # nothing depends on workers
    for name, model in settings.models.items():
        architecture = model.network.architecture
        fitted: Sections = [params.Model, params.Training, type(settings.settings_of(model)), networks[architecture]]
        code = listed("train", sections=fitted, kind=model.kind, architecture=architecture)
        begun = {} if model.training is None else _starter(model.task, model.training)
        yield Path("train", f"{name}.json"), code | {"entry": model.model_dump(mode="json")} | computed | begun
    for name, ensemble in settings.ensembles.items():
        entry = settings.tasks[ensemble.task]
        code = listed("ensemble", sections=[params.Ensemble, type(entry.settings)], kind=entry.kind)
        # a model that is no entry any more leaves its files behind, so DVC would not see that it takes no part
        models = sorted([*settings.members_of(ensemble), *settings.baselines_of(ensemble)])
        values = {"entry": ensemble.model_dump(mode="json"), "models": models}
        yield Path("ensemble", f"{name}.json"), code | values


def listed(
    stage: str,
    *,
    sections: Sections,
    kind: str | None = None,
    architecture: str | None = None,
    simulator: str | None = None,
) -> dict[str, Any]:
    """``modules``: the SHA-256 of each file; ``sections``: that of each class that declares a section of params.yaml."""
    chosen = {"tasks": kind, "architectures": architecture, "simulate": simulator}
    starts = [f"brightfield.stages.{stage}", *(f"brightfield.{room}.{name}" for room, name in chosen.items() if name)]
    modules = closure.closure(starts, TABLES, lambda module: _is_passed_over(stage, module))
    # tables are gone through to what is chosen, and stand in no list themselves unless they do more than list
    files = [closure.file_of(module) for module in sorted(modules - IGNORED.keys())]
    return {
        "modules": {path.relative_to(closure.ROOT.parent).as_posix(): _digest_of_file(path) for path in files if path},
        "sections": {each.__name__: _digest_of_class(each) for each in _with_bases(sections)},
    }


def by_name(union: Any, tag: str) -> dict[str, type[BaseModel]]:
    """The sections of a union, by the name that each of them has under its tag."""
    sections = get_args(get_args(union)[0])
    return {get_args(section.model_fields[tag].annotation)[0]: section for section in sections}


def _is_passed_over(stage: str, module: str) -> bool:
    """Whether a stage's list holds neither a module nor what only that one imports."""
    passed_over = (IGNORED if stage == "register" else IGNORED | REGISTRY).keys() - TABLES
    return any(
        name in (module, f"{module}.") or (name.endswith(".") and module.startswith(name)) for name in passed_over
    )


def _with_bases(sections: Sections) -> list[type[BaseModel]]:
    """The classes, those they are derived from, and those of optional sections inside them; in the order of their names."""
    found: set[type[BaseModel]] = set()
    waiting = list(sections)
    while waiting:
        section = waiting.pop()
        found |= {each for each in section.__mro__ if each.__module__.startswith(f"{closure.PACKAGE}.")}
        inner = [get_args(field.annotation) for field in section.model_fields.values()]
        optional = (each for several in inner if type(None) in several for each in several)
        waiting += [each for each in optional if isinstance(each, type) and issubclass(each, BaseModel)]
    return sorted(found, key=lambda each: each.__name__)


def _starter(task: str, training: params.Training) -> dict[str, Any]:
    """The digest of the starter that a training begins with: another one is another training."""
    described = layout.starter(task) / layout.BUNDLE  # has the checksum of the weights
    if training.init_from != layout.STARTER or not described.is_file():
        return {}
    return {"starter": _digest_of_file(described)}


@cache
def _digest_of_file(path: Path) -> str:
    return hashlib.sha256(
        path.read_text(encoding="utf-8").encode()
    ).hexdigest()  # as text: the same with any ends of lines


@cache
def _digest_of_class(section: type[BaseModel]) -> str:
    return hashlib.sha256(inspect.getsource(section).encode()).hexdigest()
