"""``brightfield ensemble NAME``: choose members and weights on validation, score the whole on test beside its members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield import layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation import comparable, ensembles, scoring
from brightfield.evaluation.activation_files import read_activations
from brightfield.evaluation.scoring import TEST, VALIDATION, Scores, Split
from brightfield.experiments import registry, runs
from brightfield.experiments.runs.syncing import write_reference
from brightfield.inference import bundle
from brightfield.system import lineage
from brightfield.system.arrays import IN_MEMORY, Lazy
from brightfield.system.files import atomic_folder, write_json
from brightfield.tasks import Task
from brightfield.tasks.examples import for_calibration


def run(name: str, chosen: Mapping[str, Any] | None = None, options: Sequence[str] = ()) -> str:
    """Build one entry of ``ensembles``; ``chosen`` replaces values of section ``evaluation``, ``options`` those of the entry.

    Returns the result in a line.
    """
    settings = params.with_overrides(params.load_with("ensembles", name, options), "evaluation", chosen)
    entry = params.entry(settings.ensembles, name, "ensemble")
    task = tasks.build(entry.kind, settings.tasks[entry.task].settings)
    data = layout.prepared(entry.dataset)
    members, baselines = candidates(settings, entry)
    made_by = lineage.collect()
    made_from = runs.DatasetRef(entry.dataset, data.as_posix(), lineage.data_hash(data), VALIDATION)
    with (
        runs.start(
            entry.task,
            name,
            kind=entry.kind,
            role="ensemble",
            params={"ensemble": entry.model_dump(mode="json"), "candidates": members},
            lineage=made_by,
            dataset=made_from,
        ) as started,
        atomic_folder(layout.ensemble(entry.task, name)) as folder,
        atomic_folder(layout.report(name)) as report,
    ):
        choice, task = _chosen(settings, task, entry, members)
        scores: dict[str, Scores] = {}
        for split in scoring.splits_to_score(task, data):
            outputs = outputs_of(settings, task, [*members, *baselines], split)
            mixed = ensembles.mix(outputs, choice.weights)
            scores[split.name] = scoring.score(task, split, mixed, scores.get(VALIDATION))
            if split.name == TEST:
                table = scores[TEST].table
                rows = ensembles.compare(task, split, outputs, choice, table, baselines, settings.evaluation)
                test = split
        tables = {split_name: scored.table for split_name, scored in scores.items()}
        metrics = scoring.summary(task, tables, settings.evaluation, lineage.data_hash(data), scores[VALIDATION].limits)
        sources = [(layout.model(entry.task, member), weight) for member, weight in choice.weights.items()]
        provenance = {"lineage": made_by.as_dict(), "dataset": made_from.as_dict(), "method": choice.method}
        bundle.write_ensemble(folder, name, entry.task, task.settings, sources, provenance)
        metrics[scoring.BUNDLE_HASH] = registry.bundle_hash(folder)
        scoring.write_report(report, task, test, scores, metrics)
        comparable.write_report(name, task.objective_of(metrics["test"]).metric, metrics, report)
        described = {"method": choice.method, "weights": choice.weights, "validation": choice.validation, **rows}
        write_json(report / layout.ENSEMBLE, described)
        write_reference(started, folder)
        started.log_params({"method": choice.method, "weights": choice.weights})
        runs.log_evaluation(started, report)
    shares = ", ".join(f"{member} {weight:.0%}" for member, weight in choice.weights.items())
    return f"{name}: {scoring.said(task, metrics)}, of {shares}"


def _chosen(
    settings: params.Params, task: Task[Any, Any], entry: params.Ensemble, members: list[str]
) -> tuple[ensembles.Choice, Task[Any, Any]]:
    """The weights, and the task with the settings that suit the whole; the memory of the validation split is free afterwards."""
    validation = Split.load(task, layout.prepared(entry.dataset), VALIDATION)
    of_members = outputs_of(settings, task, members, validation)
    choice = ensembles.choose(task, validation, of_members, entry)
    if not task.answering.needs_calibration:
        return choice, task
    few = for_calibration(validation.encoded)
    few_of = {member: map(activated.__getitem__, few) for member, activated in of_members.items()}
    calibrated = task.answering.calibrate(
        list(ensembles.mix(few_of, choice.weights)),
        [validation.truth[i] for i in few],
        [validation.encoded[i] for i in few],
    )
    return choice, tasks.build(entry.kind, calibrated)


def candidates(settings: params.Params, entry: params.Ensemble) -> tuple[list[str], list[str]]:
    """Names of the models that may take part, and of the baselines they are shown beside."""
    same_data = settings.comparable_with(entry)
    baselines = [n for n, m in same_data.items() if m.is_baseline]
    members = [n for n, m in same_data.items() if not m.is_baseline and (entry.members == "all" or n in entry.members)]
    if not members:
        raise BrightfieldError(
            f"The ensemble has no members: no trained model of task {entry.task!r} uses dataset {entry.dataset!r}."
        )
    return members, baselines


def outputs_of(
    settings: params.Params, task: Task[Any, Any], models: list[str], split: Split
) -> dict[str, Sequence[npt.NDArray[np.float32]]]:
    """Activated outputs of models on a split, from ``predictions/``, as those of the task; together they take bounded memory."""
    ids, each = list(split.images.index["id"]), IN_MEMORY // len(models)

    def votes(name: str) -> Sequence[npt.NDArray[np.float32]]:
        model = settings.models[name]
        own = settings.settings_of(model)
        stored = read_activations(layout.predictions(model.task, name), split.name, ids, each)
        return Lazy(len(stored), lambda i: task.answering.voted(stored[i], own))

    return {name: votes(name) for name in models}
