"""Who may become champion: the candidates in their order, and what stands against the champion at the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from brightfield import layout, params, tasks
from brightfield.data import splitting
from brightfield.data.splitting import GATE
from brightfield.data.store import ImageSet, read_index
from brightfield.errors import BrightfieldError
from brightfield.evaluation import reports
from brightfield.evaluation.gates import Standing
from brightfield.evaluation.reports import Scored
from brightfield.evaluation.scoring import TEST, TRAIN, VALIDATION
from brightfield.experiments import registry
from brightfield.experiments.registry import Version
from brightfield.experiments.runs import Role
from brightfield.inference import bundle
from brightfield.inference.predictor import Predictor
from brightfield.system import lineage, progress


@dataclass(frozen=True)
class Trained:
    """A model or an ensemble that was trained for the task, on any dataset."""

    name: str
    role: Role
    folder: Path


@dataclass(frozen=True)
class Candidate(Trained):
    """A model or an ensemble that was scored on the task's own dataset."""

    table: pd.DataFrame  # its images.csv: validation and test
    validation: float  # objective on the validation split


def ranked(settings: params.Params, task_name: str) -> list[Candidate]:
    """All models and ensembles of the task with its dataset and its input channels, the best on validation first.

    Raises:
        BrightfieldError: there are none.
    """
    entry = settings.tasks[task_name]
    task = tasks.build(entry.kind, entry.settings)
    found, ranks = [], {}
    for trained in _trained(settings, task_name, own_dataset=True):
        table = reports.read(trained.name, settings).table
        scored = task.scoring.summarise(table[table["split"] == VALIDATION])
        objective = task.objective_of(scored)
        found.append(Candidate(trained.name, trained.role, trained.folder, table, scored[objective.metric]))
        ranks[trained.name] = objective.rank(scored[objective.metric])
    if not found:
        raise BrightfieldError(
            f"Nothing can become champion of {task_name!r}: no model or ensemble uses its dataset {entry.dataset!r}. "
            f"Point one to it, or set tasks.{task_name}.dataset to a dataset that models use."
        )
    return sorted(found, key=lambda candidate: ranks[candidate.name], reverse=True)


def ineligible(settings: params.Params, task_name: str) -> list[Trained]:
    """Evaluated models and ensembles with another dataset or other input channels (fluorescence) than the task.

    They are registered, but cannot become champion, because a champion must be able to predict any image of the task.
    """
    found = _trained(settings, task_name, own_dataset=False)
    return [trained for trained in found if (layout.report(trained.name) / layout.METRICS).is_file()]


def _trained(settings: params.Params, task_name: str, *, own_dataset: bool) -> list[Trained]:
    found = []
    entries: dict[str, params.Model | params.Ensemble] = {**settings.models, **settings.ensembles}
    for name, model in entries.items():
        of_task = model.dataset == settings.tasks[task_name].dataset and _has_task_channels(settings, model)
        if model.task != task_name or of_task != own_dataset:
            continue
        if isinstance(model, params.Ensemble):
            found.append(Trained(name, "ensemble", layout.ensemble(task_name, name)))
        else:
            found.append(Trained(name, "baseline" if model.is_baseline else "member", layout.model(task_name, name)))
    return found


def _has_task_channels(settings: params.Params, model: params.Model | params.Ensemble) -> bool:
    """Whether a model has the input channels of its task."""
    if not model.settings:
        return True
    asked = (settings.settings_of(model), settings.tasks[model.task].settings)
    own, of_task = (tasks.build(model.kind, each).learning.shape().inputs for each in asked)
    return own == of_task


def standing(settings: params.Params, task_name: str, version: Version) -> Standing:
    """A version of the registry with its scores on today's data of the task.

    They are those of its report, if that is of this version of the data; else the version answers test and suites again.

    Raises:
        BrightfieldError: it cannot be fetched.
    """
    data = layout.prepared(settings.tasks[task_name].dataset)
    name, now = f"{task_name}{reports.ALIAS_OF}{version.number}", lineage.data_hash(data)
    folder = registry.fetch(task_name, str(version.number), layout.FETCHED)
    try:
        scored = reports.read(name, settings)
    except BrightfieldError:  # it was never evaluated, or its report is gone
        scored = None
    if scored is None or now is None or scored.data_hash != now:
        scored = _answered(settings, name, task_name, folder, lambda split: split not in (TRAIN, VALIDATION, GATE))
    return Standing(scored, folder)


def unsealed(settings: params.Params, standing: Standing) -> Standing:
    """The same with its scores on the sealed split ``gate`` as well, where the task's dataset has one; it answers for that."""
    scored = standing.scored
    index = read_index(layout.prepared(settings.tasks[scored.task].dataset))
    if not (index["split"] == GATE).any():
        return standing
    sealed = _answered(settings, scored.name, scored.task, standing.folder, lambda split: split == GATE)
    table = pd.concat([scored.table, sealed.table], ignore_index=True)
    return replace(standing, scored=replace(scored, table=table))


def _answered(
    settings: params.Params, name: str, task_name: str, folder: Path, wanted: Callable[[str], bool]
) -> Scored:
    """The answers of a bundle to some splits of its task's dataset, scored."""
    data = layout.prepared(settings.tasks[task_name].dataset)
    predictor, index = Predictor.load(folder, settings.compute), read_index(data)
    asked = predictor.task  # its input channels and classes may differ from those of the task
    parts = []
    for split in filter(wanted, splitting.in_order({TEST, *index["split"]})):
        records = ImageSet.prepared(data, split, index)
        rows = []
        for record in progress.track(records, f"{name} on {split}", len(records), "image"):
            (answer,) = predictor.predict([asked.learning.judged_pixels(record)])
            rows.append(asked.scoring.statistics(answer, asked.learning.truth(record)))
        parts.append(pd.concat([records.index[["id", "group", "split"]], pd.DataFrame(rows)], axis=1))
    return Scored(name, task_name, pd.concat(parts, ignore_index=True), lineage.data_hash(data))


def check_eligible(settings: params.Params, task_name: str, version: Version, folder: Path) -> None:
    """Refuse a version that could not answer any image of the task: of another dataset, or with other input channels.

    Raises:
        BrightfieldError: it is so.
    """
    described, entry = bundle.describe(folder), settings.tasks[task_name]
    dataset = described["provenance"].get("dataset", {}).get("name")
    why = None
    if dataset is not None and dataset != entry.dataset:
        why = f"it was trained on dataset {dataset!r}, and the task has {entry.dataset!r}"
    elif (
        bundle.read_task(folder).learning.shape().inputs
        != tasks.build(entry.kind, entry.settings).learning.shape().inputs
    ):
        why = "it takes other channels than the images of the task have"
    if why is not None:
        raise BrightfieldError(
            f"Version {version.number} ({version.model}) cannot become champion of {task_name!r}: {why}."
        )
