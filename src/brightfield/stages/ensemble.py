"""``brightfield ensemble NAME``: choose members and weights on validation, score the whole on test beside its members."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield import layout, params, tasks
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.evaluation import comparable, costs, ensembles, scoring, soups
from brightfield.evaluation.combining import equal
from brightfield.evaluation.ensembles import BASELINE, BESIDE, SINGLE, Choice
from brightfield.evaluation.member_outputs import Candidate, votes_of, with_views
from brightfield.evaluation.mixtures import Votes
from brightfield.evaluation.scoring import TEST, VALIDATION, Scores, Split
from brightfield.experiments import registry, runs
from brightfield.experiments.runs.syncing import write_reference
from brightfield.inference import bundle
from brightfield.inference.bundle import Bundle, Member, Source
from brightfield.inference.predictor import Predictor
from brightfield.metrics import every_image_once
from brightfield.system import lineage, memory, progress
from brightfield.system.files import atomic_folder, write_json
from brightfield.tasks import Task
from brightfield.tasks.examples import for_calibration

Outputs = Iterable[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Made:
    """An ensemble that answers.

    Attributes:
        task: with the settings that are calibrated for the whole.
        choice: how it is combined.
        answer: its activated outputs for a split, from those of the members or from the images themselves.
        write: writes its bundle into a folder, with a provenance.
    """

    task: Task[Any, Any]
    choice: Choice
    answer: Callable[[Split, Votes], Outputs]
    write: Callable[[Path, Mapping[str, Any]], None]


def run(name: str, chosen: Mapping[str, Any] | None = None, options: Sequence[str] = ()) -> str:
    """Build one entry of ``ensembles``; ``chosen`` replaces values of section ``evaluation``, ``options`` those of the entry.

    Returns the result in a line.
    """
    settings = params.with_overrides(params.load_with("ensembles", name, options), "evaluation", chosen)
    entry = params.entry(settings.ensembles, name, "ensemble")
    data = layout.prepared(entry.dataset)
    memory.return_large_arrays()
    members, shown = candidates(settings, entry)
    made_by = lineage.collect()
    made_from = runs.DatasetRef(entry.dataset, data.as_posix(), lineage.data_hash(data), VALIDATION)
    with (
        runs.start(
            entry.task,
            name,
            kind=entry.kind,
            role="ensemble",
            params={"ensemble": entry.model_dump(mode="json"), "candidates": [member.name for member in members]},
            lineage=made_by,
            dataset=made_from,
        ) as started,
        atomic_folder(layout.ensemble(entry.task, name)) as folder,
        atomic_folder(layout.report(name)) as report,
    ):
        made = (_soup if entry.method == "soup" else _mixture)(settings, name, entry, members)
        task, choice = made.task, made.choice
        scores, rows = _scored(settings, made, members, shown, data)
        tables = {split_name: scored.table for split_name, scored in scores.items()}
        metrics = scoring.summary(task, tables, settings.evaluation, lineage.data_hash(data), scores[VALIDATION].limits)
        provenance = {"lineage": made_by.as_dict(), "dataset": made_from.as_dict(), "method": choice.method}
        made.write(folder, provenance)
        metrics[scoring.BUNDLE_HASH] = registry.bundle_hash(folder)
        scoring.write_report(report, task, Split.load(task, data, TEST), scores, metrics)
        comparable.write_report(name, task.objective_of(metrics["test"]).metric, metrics, report)
        cost = []
        if len(choice.weights) > 1:  # a member alone costs what it costs
            folders = {
                each.model: layout.model(entry.task, each.model) for each in members if each.name in choice.weights
            }
            cost = costs.measured({name: folder, **folders}, ImageSet.prepared(data, TEST), settings.compute)
        described = {"method": choice.method, "weights": choice.weights, "validation": choice.validation, **rows}
        write_json(report / layout.ENSEMBLE, {**described, "costs": cost})
        write_reference(started, folder)
        started.log_params({"method": choice.method, "weights": choice.weights})
        runs.log_evaluation(started, report)
    shares = ", ".join(f"{member} {weight:.0%}" for member, weight in choice.weights.items())
    return f"{name}: {scoring.said(task, metrics)}, by {choice.method}, of {shares}"


def _scored(
    settings: params.Params, made: Made, members: Sequence[Candidate], shown: Mapping[str, str], data: Path
) -> tuple[dict[str, Scores], dict[str, Any]]:
    """The scores of each split, and what :func:`ensembles.compare` says of test; what splits remember is free afterwards."""
    scores: dict[str, Scores] = {}
    rows: dict[str, Any] = {}
    for split in scoring.splits_to_score(made.task, data):
        votes = votes_of(settings, made.task, [*members, *map(Candidate, shown)], split, data)
        scores[split.name] = scoring.score(made.task, split, made.answer(split, votes), scores.get(VALIDATION))
        if split.name == TEST:
            table = scores[TEST].table
            rows = ensembles.compare(made.task, split, votes, made.choice, table, shown, settings.evaluation)
    return scores, rows


def _mixture(settings: params.Params, name: str, entry: params.Ensemble, members: Sequence[Candidate]) -> Made:
    """The weights, and the task with the settings that suit the whole; the memory of the validation split is free afterwards."""
    task = tasks.build(entry.kind, settings.settings_of(entry))
    data = layout.prepared(entry.dataset)
    validation = Split.load(task, data, VALIDATION)
    votes = votes_of(settings, task, members, validation, data)
    choice = ensembles.choose(task, validation, votes, entry)
    way = choice.way or "mean"
    task = _calibrated(task, validation, lambda few: votes.mixed(task, choice.weights, way, few))
    models = {member.name: member for member in members}
    sources = [
        Source(layout.model(entry.task, models[key].model), weight, models[key].views)
        for key, weight in choice.weights.items()
    ]

    def write(folder: Path, provenance: Mapping[str, Any]) -> None:
        bundle.write_ensemble(folder, name, entry.task, task.settings, sources, provenance, way)

    return Made(task, choice, lambda _, of_members: of_members.mixed(task, choice.weights, way), write)


def _soup(settings: params.Params, name: str, entry: params.Ensemble, members: Sequence[Candidate]) -> Made:
    """One network with the mean of the weights of those members whose mean answers best on validation."""
    asked = settings.settings_of(entry)
    task = tasks.build(entry.kind, asked)
    validation = Split.load(task, layout.prepared(entry.dataset), VALIDATION)
    alike = [each.model for each in members if settings.settings_of(settings.models[each.model]) == asked]
    alone, read = {}, {}
    objective = task.objective_on(validation.truth)
    for model in dict.fromkeys(alike):
        read[model] = bundle.read(layout.model(entry.task, model))
        alone[model] = _objective(settings, task, validation, read[model])
    if not alone:
        raise BrightfieldError(f"The soup {name!r} has no members: none answers exactly what the ensemble asks.")
    best = max(alone, key=lambda model: objective.rank(alone[model]))
    chosen = soups.ingredients(settings, list(alone), best)
    whole = copy.deepcopy(read[best].network)

    def score(weights: soups.Weights) -> float:
        whole.load_state_dict(dict(weights))
        return _objective(settings, task, validation, replace(read[best], network=whole))

    states = {model: read[model].network.state_dict() for model in chosen}
    found, weights, value = soups.greedy(states, score, {model: alone[model] for model in chosen}, objective)
    whole.load_state_dict(weights)
    predictor = Predictor([Member(replace(read[best], network=whole), 1.0)], settings.compute, task)
    task = _calibrated(task, validation, lambda few: predictor.stream([validation.encoded[i] for i in few]))
    choice = Choice("soup", equal(found), {SINGLE: alone[best], "soup": value}, way=None)

    def write(folder: Path, provenance: Mapping[str, Any]) -> None:
        described = read[best]
        known = {**provenance, "ingredients": found}
        bundle.write(folder, name, entry.task, task.settings, described.model, whole, known, described.coverage)

    return Made(task, choice, lambda split, _: predictor.stream(split.encoded), write)


def _objective(settings: params.Params, task: Task[Any, Any], split: Split, model: Bundle) -> float:
    outputs = Predictor([Member(model, 1.0)], settings.compute, task).stream(split.encoded)
    shown = progress.track(outputs, f"{model.name} on {split.name}", len(split.encoded), "image")
    table = scoring.objective_table(task, split, shown)
    return float(task.scoring.pooled_for(task.objective_on(split.truth).metric, table, every_image_once(table))[0])


def _calibrated(task: Task[Any, Any], validation: Split, answer: Callable[[Sequence[int]], Outputs]) -> Task[Any, Any]:
    """The task with the settings that suit the whole, from its outputs for some images of the validation split."""
    if not task.answering.needs_calibration:
        return task
    few = for_calibration(validation.encoded)
    calibrated = task.answering.calibrate(
        list(answer(few)), [validation.truth[i] for i in few], [validation.encoded[i] for i in few]
    )
    return type(task)(calibrated)


def candidates(settings: params.Params, entry: params.Ensemble) -> tuple[list[Candidate], dict[str, str]]:
    """The models that may take part, and the roles of those that are shown beside them.

    Raises:
        BrightfieldError: none may take part.
    """
    names = settings.members_of(entry)
    shown = dict.fromkeys(settings.baselines_of(entry), BASELINE) | dict.fromkeys(entry.beside, BESIDE)
    if not names:
        raise BrightfieldError(
            f"The ensemble has no members: no trained model of task {entry.task!r} uses dataset {entry.dataset!r}."
        )
    turned = entry.test_time_augmentation > 1 and entry.method != "soup"
    return with_views(names, settings) if turned else list(map(Candidate, names)), shown
