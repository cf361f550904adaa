"""``brightfield register TASK``: publish what was trained, and move the alias ``champion`` if the comparison says so."""

from __future__ import annotations

from typing import Any

from brightfield import bundle, layout, params, promotion, registry, runs
from brightfield.files import write_json


def run(name: str) -> None:
    """Publish the candidates of one task and settle who is champion."""
    settings = params.load()
    params.entry(settings.tasks, name, "task")
    found = promotion.candidates(settings, name)
    published = {}
    for candidate in found:
        mlflow_run = runs.reconcile(candidate.folder, name, candidate.name, role=candidate.role)
        runs.log_evaluation(mlflow_run, layout.report(candidate.name))
        data_hash = bundle.describe(candidate.folder)["provenance"]["dataset"]["hash"]
        published[candidate.name] = registry.publish(
            name, candidate.name, candidate.folder, mlflow_run, role=candidate.role, data_hash=data_hash
        )
    best, challenger = found[0], published[found[0].name]
    champion = registry.champion(name)
    reason: dict[str, Any] = {"candidate": best.name, "validation": best.validation, "version": challenger.number}
    if champion is None:
        moved, reason["why"] = True, "there was no champion"
    elif champion.bundle_hash == challenger.bundle_hash:
        moved, reason["why"] = False, "it is the champion already"
    else:
        difference = promotion.challenge(settings, name, best, champion)
        moved = promotion.deserves(settings, name, difference)
        reason["why"] = f"compared with version {champion.number} ({champion.model}) on the same test images"
        reason["difference"] = difference.as_dict()
    if moved:
        champion = registry.promote(name, challenger, reason)
    assert champion is not None
    print(
        f"{name}: champion is {champion.model} (version {champion.number}){' now' if moved else ' still'}: {reason['why']}"
    )
    layout.registration(name).parent.mkdir(exist_ok=True)
    write_json(
        layout.registration(name),
        {
            "champion": {"model": champion.model, "version": champion.number},
            "moved": moved,
            **reason,
            "candidates": {c.name: {"validation": c.validation, "version": published[c.name].number} for c in found},
        },
    )
