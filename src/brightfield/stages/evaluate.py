"""``brightfield evaluate NAME``: score one model on validation, test and the shift suites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brightfield import layout, params
from brightfield.evaluation import comparable, scoring
from brightfield.evaluation.activation_files import ActivationWriter
from brightfield.experiments import registry
from brightfield.inference.predictor import Predictor
from brightfield.system import lineage, progress
from brightfield.system.files import atomic_folder


def run(name: str, chosen: Mapping[str, Any] | None = None) -> str:
    """Evaluate one entry of ``models``; ``chosen`` replaces values of the section ``evaluation``. Returns the result in a line.

    Nothing is logged to MLflow here: ``register`` logs the scores of all models of a task in one process.
    """
    settings = params.with_overrides(params.load(), "evaluation", chosen)
    model = params.entry(settings.models, name, "model")
    folder, data = layout.model(model.task, name), layout.prepared(model.dataset)
    predictor = Predictor.load(folder, settings.compute)
    task = predictor.task
    scores: dict[str, scoring.Scores] = {}
    test = None
    with atomic_folder(layout.predictions(model.task, name)) as outputs, atomic_folder(layout.report(name)) as report:
        for split in scoring.splits_to_score(task, data):
            ids = list(split.images.index["id"])
            with ActivationWriter(outputs, split.name, ids, half=task.answering.half_precision) as writer:
                activated = map(writer.append, ids, predictor.stream(split.encoded))
                shown = progress.track(activated, f"{name} on {split.name}", len(ids), "image")
                scores[split.name] = scoring.score(task, split, shown, scores.get(scoring.VALIDATION))
            test = split if split.name == scoring.TEST else test
        tables = {split_name: scored.table for split_name, scored in scores.items()}
        limits = scores[scoring.VALIDATION].limits
        metrics = scoring.summary(task, tables, settings.evaluation, lineage.data_hash(data), limits)
        metrics[scoring.BUNDLE_HASH] = registry.bundle_hash(folder)
        assert test is not None
        scoring.write_report(report, task, test, scores, metrics)
        comparable.write_report(name, task.objective_of(metrics["test"]).metric, metrics, report)
    return f"{name}: {scoring.said(task, metrics)}"
