"""Choice of the champion: the best candidate on validation, if it beats the current champion on the same test images."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brightfield import layout, params, tasks
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.evaluation import scoring
from brightfield.evaluation.bootstrap import Difference
from brightfield.evaluation.scoring import TEST, VALIDATION
from brightfield.experiments import registry
from brightfield.experiments.registry import Version
from brightfield.experiments.runs import Role
from brightfield.inference.predictor import Predictor


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


def candidates(settings: params.Params, task_name: str) -> list[Candidate]:
    """All models and ensembles of the task with its dataset and its input channels, the best on validation first.

    Raises:
        BrightfieldError: there are none.
    """
    entry = settings.tasks[task_name]
    task = tasks.build(entry.kind, entry.settings)
    found, ranks = [], {}
    for trained in _trained(settings, task_name, own_dataset=True):
        table = _table(layout.report(trained.name) / layout.IMAGE_SCORES)
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
    if isinstance(model, params.Ensemble) or not model.settings:
        return True
    asked = (settings.settings_of(model), settings.tasks[model.task].settings)
    own, of_task = (tasks.build(model.kind, each).learning.shape().inputs for each in asked)
    return own == of_task


def challenge(settings: params.Params, task_name: str, best: Candidate, champion: Version) -> Difference:
    """The objective of the candidate minus that of the champion, on the current test split of the task's dataset."""
    entry = settings.tasks[task_name]
    task = tasks.build(entry.kind, entry.settings)
    test = ImageSet.prepared(layout.prepared(entry.dataset), TEST)
    with tempfile.TemporaryDirectory() as folder:
        predictor = Predictor.load(registry.fetch(task_name, str(champion.number), Path(folder)), settings.compute)
        asked = predictor.task  # its input channels and classes may differ from those of the task
        rows = []
        for record in test:
            (answer,) = predictor.predict([asked.learning.judged_pixels(record)])
            rows.append(asked.scoring.statistics(answer, asked.learning.truth(record)))
    theirs = pd.concat([test.index[["id", "group", "split"]], pd.DataFrame(rows)], axis=1)
    ours = best.table[best.table["split"] == TEST].reset_index(drop=True)
    return scoring.difference(task, theirs, ours, settings.evaluation)


def should_promote(settings: params.Params, task_name: str, difference: Difference) -> bool:
    """Whether a difference is enough to make the candidate the champion."""
    direction = tasks.KINDS[settings.tasks[task_name].kind].objective_of((difference.metric,)).direction
    enough = difference.favours if settings.evaluation.promote == "clearly_better" else difference.better
    return enough(direction)


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise BrightfieldError(f"{path} is missing: a candidate was not evaluated yet. Run `dvc repro`.")
    return pd.read_csv(path, dtype={"id": str, "group": str})
