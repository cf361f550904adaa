"""The decision who is champion: what the gate says of a candidate, carried out and logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.evaluation import candidates, gates
from brightfield.evaluation.candidates import Candidate
from brightfield.evaluation.gates import Standing
from brightfield.evaluation.reports import Scored
from brightfield.experiments import registry
from brightfield.experiments.registry import Version
from brightfield.system import lineage


@dataclass(frozen=True)
class Decision:
    """Who is champion after a decision.

    Attributes:
        champion: of the task, now.
        moved: whether it was another one before.
        why: in sentences.
        reason: plain values: the candidate, and what was compared.
    """

    champion: Version
    moved: bool
    why: str
    reason: Mapping[str, Any]


def decide(settings: params.Params, task_name: str, best: Candidate, version: Version) -> Decision:
    """Whether the best candidate of a pipeline becomes champion; if not, it is the challenger."""
    reason = {"candidate": best.name, "validation": best.validation, "version": version.number}
    champion = registry.champion(task_name)
    if champion is None:
        return _first(task_name, version, reason)
    if champion.bundle_hash == version.bundle_hash:
        return Decision(champion, False, "it is the best on validation already", reason)
    scored = Scored(best.name, task_name, best.table, _data_hash(settings, task_name))
    return _at_the_gate(settings, task_name, champion, version, Standing(scored, best.folder), reason)


def promote(settings: params.Params, task_name: str, reference: str, *, force: str | None = None) -> Decision:
    """Ask the gate whether a version may be champion, and make it so.

    Args:
        settings: with the task and its gate.
        task_name: of the registered model.
        reference: an alias, a version's number or a model's name (its newest version).
        force: why it is champion without asking the gate; logged as such.

    Raises:
        BrightfieldError: there is no such version, it cannot be compared, or another one has become champion meanwhile.
    """
    params.entry(settings.tasks, task_name, "task")
    version, champion = _found(task_name, reference), registry.champion(task_name)
    reason: dict[str, Any] = {"candidate": version.model, "version": version.number}
    if champion is not None and champion.number == version.number:
        raise BrightfieldError(f"Version {version.number} ({version.model}) is the champion of {task_name!r} already.")
    if force is not None and not force.strip():
        raise BrightfieldError('--force takes the reason, which is logged: --force "new camera, labelled again".')
    folder = registry.fetch(task_name, str(version.number), layout.FETCHED)
    candidates.check_eligible(settings, task_name, version, folder)
    if force is not None:
        why = [f"Without asking the gate: {force.strip()}"]
        now = registry.promote(task_name, version, {**reason, "why": why, "decision": "forced"})
        return Decision(now, True, why[0], reason)
    if champion is None:
        return _first(task_name, version, reason)
    standing = candidates.standing(settings, task_name, version)
    return _at_the_gate(settings, task_name, champion, version, standing, reason)


def roll_back(settings: params.Params, task_name: str, number: int | None = None) -> Version:
    """Make the previous champion of a task the champion again, or any former one.

    Raises:
        BrightfieldError: there is no such task or version, or none to go back to.
    """
    params.entry(settings.tasks, task_name, "task")
    return registry.roll_back(task_name, version=number)


def _found(task_name: str, reference: str) -> Version:
    if reference == registry.CHALLENGER and registry.CHALLENGER not in set(_aliases(task_name)):
        raise BrightfieldError(
            f"No version of {task_name!r} was refused, so there is no challenger to ask again. Name a version: "
            f"`brightfield versions {task_name}` lists them."
        )
    return registry.find(task_name, reference)


def _aliases(task_name: str) -> Iterator[str]:
    for text in registry.versions(task_name)["aliases"]:
        yield from str(text).split(", ")


def _first(task_name: str, version: Version, reason: Mapping[str, Any]) -> Decision:
    why = "there was no champion"
    now = registry.promote(task_name, version, {**reason, "why": why}, expected=None)
    return Decision(now, True, why, reason)


def _at_the_gate(
    settings: params.Params,
    task_name: str,
    champion: Version,
    version: Version,
    candidate: Standing,
    reason: Mapping[str, Any],
) -> Decision:
    try:
        reigning = candidates.standing(settings, task_name, champion)
    except BrightfieldError as error:
        raise BrightfieldError(
            f"The champion, version {champion.number} ({champion.model}), cannot be compared: {error} To replace it without a "
            f"comparison: `brightfield promote {task_name} {version.number} --force WHY`."
        ) from error
    standings = candidates.unsealed(settings, reigning), candidates.unsealed(settings, candidate)
    while True:
        try:
            return _decided(settings, task_name, champion, version, standings, reason)
        except registry.LookTakenError:  # a decision on another version came first, and the bar has risen
            continue


def _decided(
    settings: params.Params,
    task_name: str,
    champion: Version,
    version: Version,
    standings: tuple[Standing, Standing],
    reason: Mapping[str, Any],
) -> Decision:
    """The verdict on the candidate, which stands second, carried out and logged.

    Raises:
        LookTakenError: another decision was made meanwhile.
        BrightfieldError: the champion has changed meanwhile.
    """
    data_hash = _data_hash(settings, task_name)
    look = registry.look(task_name, data_hash, champion.number, version.number)
    verdict = gates.judge(settings, *standings, look=look)
    against = f"against version {champion.number} ({champion.model})"
    logged = {
        **reason,
        "difference": verdict.difference.as_dict(),
        "why": verdict.reasons(),
        "against": champion.number,
        "data_hash": data_hash,
        "look": look,
    }
    checks = [{"asked": each.asked, "passed": each.passed, "said": each.said} for each in verdict.checks]
    known = {**logged, "checks": checks}
    if verdict.passed:
        now = registry.promote(task_name, version, logged, expected=champion.number)
        return Decision(now, True, f"{against}: {' '.join(verdict.reasons())}", known)
    registry.challenge(task_name, version, logged, expected=champion.number)
    refused = f"{version.model} (version {version.number}) is refused {against}: {' '.join(verdict.reasons())}"
    return Decision(champion, False, refused, known)


def _data_hash(settings: params.Params, task_name: str) -> str | None:
    return lineage.data_hash(layout.prepared(settings.tasks[task_name].dataset))
