"""``brightfield register TASK``: publish what was trained, and move the alias ``champion`` if the comparison says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brightfield import layout, params
from brightfield.evaluation import candidates, model_cards, promotion
from brightfield.evaluation.candidates import Trained
from brightfield.experiments import registry, runs
from brightfield.experiments.registry import Version
from brightfield.inference import bundle
from brightfield.system.files import write_json


def run(name: str, chosen: Mapping[str, Any] | None = None) -> None:
    """Publish the candidates of one task and decide which is champion; ``chosen`` replaces values of ``evaluation``."""
    settings = params.with_overrides(params.load(), "evaluation", chosen)
    params.entry(settings.tasks, name, "task")
    found = candidates.ranked(settings, name)
    for trained in candidates.ineligible(settings, name):
        record(name, trained)
    published = {candidate.name: publish(settings, name, candidate) for candidate in found}
    best = found[0]
    decided = promotion.decide(settings, name, best, published[best.name])
    champion = decided.champion
    is_champion = f"champion is {champion.model} (version {champion.number})"
    print(f"{name}: {is_champion}{' now' if decided.moved else ' still'}: {decided.why}")
    layout.registration(name).parent.mkdir(exist_ok=True)
    write_json(
        layout.registration(name),
        {
            "champion": {"model": champion.model, "version": champion.number},
            "moved": decided.moved,
            **decided.reason,
            "why": decided.why,
            "candidates": {c.name: {"validation": c.validation, "version": published[c.name].number} for c in found},
        },
    )


def record(task_name: str, trained: Trained) -> runs.Run:
    """The MLflow run of a model or an ensemble, with its scores and figures; what is there already is left as it is."""
    mlflow_run = runs.reconcile(trained.folder, task_name, trained.name, role=trained.role)
    runs.log_evaluation(mlflow_run, layout.report(trained.name))
    return mlflow_run


def publish(settings: params.Params, task_name: str, candidate: Trained) -> Version:
    """A candidate's version in the registry, with its model card; its run is recorded first."""
    mlflow_run = record(task_name, candidate)
    data_hash = bundle.describe(candidate.folder)["provenance"]["dataset"]["hash"]
    guarantees = layout.report(candidate.name) / layout.GUARANTEES
    version = registry.publish(
        task_name,
        candidate.name,
        candidate.folder,
        mlflow_run,
        role=candidate.role,
        data_hash=data_hash,
        guarantees=guarantees if guarantees.is_file() else None,
    )
    registry.describe(version, model_cards.text(settings, candidate.name, candidate.folder))
    return version
