"""All sections together, and that the names in them agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from brightfield.params.base import Name, Section, unknown
from brightfield.params.explaining import OF_A_TASK, explain, kinds_of_tasks
from brightfield.params.gates import Gate
from brightfield.params.models import Dataset, Ensemble, Model
from brightfield.params.simulations import Simulation
from brightfield.params.spaces import Space, problems_of, with_own_choices
from brightfield.params.tasks import Task, TaskSettings
from brightfield.params.usual import usual


class Compute(Section):
    """Where and how to compute."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Annotated[int, Field(ge=1, le=256)] = 2  # fixed, because the last digit depends on it
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where the processor has it
    # processes that prepare batches ahead; auto: as many as there are cores to spare. Results do not depend on it
    workers: Literal["auto"] | Annotated[int, Field(ge=0, le=64)] = "auto"


class Evaluation(Section):
    """How sure a figure is: bootstrap over groups."""

    bootstrap: Annotated[int, Field(ge=100)] = 2000  # resamples
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: int = 0


class Params(Section):
    """The whole of ``params.yaml``."""

    compute: Compute = Compute()
    evaluation: Evaluation = Evaluation()
    tasks: dict[Name, Task]
    simulations: dict[Name, Simulation] = {}
    datasets: dict[Name, Dataset]
    models: dict[Name, Model]
    ensembles: dict[Name, Ensemble] = {}
    gates: dict[Name, Gate] = {}
    spaces: dict[Name, Space] = {}

    def gate(self, task: str) -> Gate:
        """What a new champion of a task must be: its entry of ``gates``, or better in the objective."""
        return self.gates.get(task, Gate())

    def space(self, model: str) -> Space:
        """What tuning tries of a model: its entry of ``spaces``, or what is usual.

        Choices that lack the value of the model's entry have it, too, so that the entry as it is can be tried first.
        """
        entry = self.models[model]
        settings = self.settings_of(entry)
        named = self.spaces.get(model)
        return with_own_choices(named, entry, settings) if named else usual(entry, settings)

    def settings_of(self, model: Model | Ensemble) -> TaskSettings:
        """What is asked of an image, as this model or ensemble answers it: the task's settings, and over them its own."""
        known = self.tasks[model.task].settings
        return type(known).model_validate({**known.model_dump(), **model.settings}) if model.settings else known

    def comparable_with(self, ensemble: Ensemble) -> dict[str, Model]:
        """The models of its task and dataset whose answers say what it asks: of the same image, the same classes or more."""
        asked = self.settings_of(ensemble)
        return {
            name: model
            for name, model in self.models.items()
            if model.task == ensemble.task
            and model.dataset == ensemble.dataset
            and self.settings_of(model).votes_with(asked)
        }

    def members_of(self, ensemble: Ensemble) -> list[str]:
        """The networks that may take part in an ensemble: those that it names, or all that learnt from the truth alone."""
        able = {name: model for name, model in self.comparable_with(ensemble).items() if not model.is_baseline}
        if ensemble.named:
            return [name for name in able if name in ensemble.named]
        return [name for name, model in able.items() if name not in ensemble.beside and not model.is_distilled]

    def baselines_of(self, ensemble: Ensemble) -> list[str]:
        """The classical methods beside which an ensemble is shown."""
        return [name for name, model in self.comparable_with(ensemble).items() if model.is_baseline]

    @model_validator(mode="before")
    @classmethod
    def _kinds_of_their_tasks(cls, content: Any) -> Any:
        """Entries name a task, and the task says of which kind they are."""
        kinds = kinds_of_tasks(content)
        if not kinds:
            return content
        filled = dict(content)
        for section in OF_A_TASK & content.keys():
            if isinstance(content[section], Mapping):
                filled[section] = {name: _with_kind(entry, kinds) for name, entry in content[section].items()}
        return filled

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        problems: list[str] = []
        for section in ("datasets", "models", "ensembles"):
            for name, entry in getattr(self, section).items():
                problems += self._disagreements(f"{section}.{name}", entry)
        for name, task in self.tasks.items():
            if task.dataset not in self.datasets:
                problems.append(f"tasks.{name}.dataset: {unknown('dataset', task.dataset, self.datasets)}")
            elif (owner := self.datasets[task.dataset].task) != name:
                problems.append(f"tasks.{name}.dataset: {task.dataset!r} belongs to task {owner!r}, not {name!r}")
        for name in self.simulations.keys() - self.datasets.keys():
            problems.append(f"simulations.{name}: a simulation fills the dataset of its own name; add datasets.{name}")
        for name in self.gates.keys() - self.tasks.keys():
            problems.append(f"gates.{name}: {unknown('task', name, self.tasks)}")
        for name in self.spaces.keys() - self.models.keys():
            problems.append(f"spaces.{name}: {unknown('model', name, self.models)}")
        for name in self.ensembles.keys() & self.models.keys():
            problems.append(f"ensembles.{name}: a model has this name already; reports would overwrite each other")
        if problems:  # the rest asks entries for what they name
            raise ValueError("\n".join(problems))
        for name, model in self.models.items():
            problems += self._own_settings(f"models.{name}.settings", model)
        for name, ensemble in self.ensembles.items():
            problems += self._own_settings(f"ensembles.{name}.settings", ensemble)
        if problems:
            raise ValueError("\n".join(problems))
        for name, space in self.spaces.items():
            model = self.models[name]
            problems += [f"spaces.{name}.{line}" for line in problems_of(space, model, self.settings_of(model))]
        for name, ensemble in self.ensembles.items():
            problems += self._strangers(f"ensembles.{name}", ensemble) or self._impossible(
                f"ensembles.{name}", ensemble
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _own_settings(self, where: str, model: Model | Ensemble) -> list[str]:
        known = self.tasks[model.task].settings
        try:
            self.settings_of(model)
        except ValidationError as error:
            content = {**known.model_dump(), **model.settings}
            lines = [line for problem in error.errors() for line in explain(dict(problem), content, type(known))]
            return [f"{where}.{line}" for line in lines]
        return []

    def _strangers(self, where: str, ensemble: Ensemble) -> list[str]:
        """Named members whose answers cannot be averaged with those of the task."""
        asked = self.settings_of(ensemble)
        named = {"members": ensemble.named, "beside": ensemble.beside}
        return [
            f"{where}.{key}: {name!r} has settings of its own, so its answers cannot be averaged with others"
            for key, names in named.items()
            for name in names
            if not self.settings_of(self.models[name]).votes_with(asked)
        ]

    def _impossible(self, where: str, ensemble: Ensemble) -> list[str]:
        """What would be refused after all members were trained."""
        names = self.members_of(ensemble)
        if not names:
            return []  # a project may not have come to its networks yet
        if not self.settings_of(ensemble).completed_by([self.settings_of(self.models[name]) for name in names]):
            return [f"{where}.members: none of {', '.join(names)} answers all that the ensemble's settings ask"]
        basins = [basin for name in names if (basin := self.models[name].basin) is not None]
        if ensemble.method == "soup" and not any(basins.count(basin) > 1 for basin in basins):
            return [
                f"{where}.method: a soup needs two trainings of one network that begin with the same weights: the same network, "
                "settings and training.init_from"
            ]
        return []

    def _disagreements(self, where: str, entry: Any) -> list[str]:
        if entry.task not in self.tasks:
            return [f"{where}.task: {unknown('task', entry.task, self.tasks)}"]
        problems = []
        if entry.kind != (kind := self.tasks[entry.task].kind):
            problems.append(
                f"{where}.kind: task {entry.task!r} is of kind {kind!r}, got {entry.kind!r}. Delete this line: the task says it."
            )
        dataset = getattr(entry, "dataset", None)
        if dataset is not None and dataset not in self.datasets:
            problems.append(f"{where}.dataset: {unknown('dataset', dataset, self.datasets)}")
        elif dataset is not None and self.datasets[dataset].task != entry.task:
            problems.append(
                f"{where}.dataset: {dataset!r} belongs to task {self.datasets[dataset].task!r}, not {entry.task!r}"
            )
        key = "weights" if getattr(entry, "weights", None) else "members"
        named = {key: getattr(entry, "named", []), "beside": getattr(entry, "beside", [])}
        for key, names in named.items():
            for name in names:
                if name not in self.models:
                    problems.append(f"{where}.{key}: {unknown('model', name, self.models)}")
                elif (model := self.models[name]).is_baseline:
                    problems.append(f"{where}.{key}: {name!r} is a baseline; expected trained networks")
                elif model.dataset != dataset:
                    problems.append(f"{where}.{key}: {name!r} uses dataset {model.dataset!r}, the ensemble {dataset!r}")
        return problems


def _with_kind(entry: Any, kinds: Mapping[str, str]) -> Any:
    """An entry with the kind of its task, unless it names one (as entries of earlier versions do)."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("task"), str) or entry["task"] not in kinds:
        return entry
    return {"kind": kinds[entry["task"]], **entry}
