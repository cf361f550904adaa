"""The aliases ``champion`` (the version in use), ``previous``, and ``challenger`` (the last one that was refused)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from brightfield.errors import BrightfieldError
from brightfield.experiments.registry import decision_log
from brightfield.experiments.registry.turns import turn
from brightfield.experiments.registry.versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Version,
    aliases,
    all_versions,
    by_alias,
    what_there_is,
)
from brightfield.experiments.runs.connection import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient


class LookTakenError(BrightfieldError):
    """Another decision on the same test images was made meanwhile, so the bar of this one was too low."""


class Anyone(Enum):
    """Whoever is champion."""

    ANYONE = "anyone"


ANYONE = Anyone.ANYONE


def champion(task: str) -> Version | None:
    """The version in use; None before the first promotion.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    return by_alias(connect(), task, CHAMPION)


def promote(
    task: str, version: Version | int, reason: Mapping[str, Any], *, expected: int | Anyone | None = ANYONE
) -> Version:
    """Make a version the champion, and the current champion ``previous``. Promoting the champion changes nothing.

    Args:
        task: name of the registered model.
        version: a published version.
        reason: plain values that give the reason (the metric, the difference and its interval, ...); stored as the tag
            ``promotion``, with the time and the version that is replaced, and in the log of decisions (its keys ``decision``,
            ``why``, ``look`` and ``data_hash``).
        expected: number of the champion that it was compared with, None if there was none; by default any may be champion.

    Raises:
        LookTakenError: ``look`` of the reason is not the look that it is; see :func:`brightfield.experiments.registry.look`.
        BrightfieldError: there is no such version, another one has become champion meanwhile, or no MLflow server or database.
    """
    client = connect()
    number = version.number if isinstance(version, Version) else version
    chosen = next((known for known in all_versions(client, task) if known.number == number), None)
    if chosen is None:
        raise BrightfieldError(f"There is no version {number} of {task!r} to promote. {what_there_is(client, task)}")
    with turn(client, task):
        now = by_alias(client, task, CHAMPION)
        if now is not None and now.number == number:
            return chosen
        _check_expected(task, now, expected, number)
        _check_look(task, now, number, reason)
        entry = _entry(chosen, now, reason)
        why = " ".join(entry["why"])
        _tag(client, chosen, "promotion", {**reason, "why": why, "at": _time(), "instead_of": entry["champion"]})
        if now is not None:  # first, so that there is a champion even after an interruption
            client.set_registered_model_alias(task, PREVIOUS, str(now.number))
        client.set_registered_model_alias(task, CHAMPION, str(number))
        _no_challenger(client, task, number)
        decision_log.write(client, task, str(reason.get("decision", "promoted")), entry)
    return Version.read(client.get_model_version(task, str(number)))


def challenge(
    task: str, version: Version, reason: Mapping[str, Any], *, expected: int | Anyone | None = ANYONE
) -> None:
    """Give a version that was refused the alias ``challenger``, and log why; see :func:`promote` for the arguments.

    Raises:
        LookTakenError: as there.
        BrightfieldError: another one has become champion meanwhile, or no MLflow server or database.
    """
    client = connect()
    with turn(client, task):
        now = by_alias(client, task, CHAMPION)
        _check_expected(task, now, expected, version.number)
        _check_look(task, now, version.number, reason)
        client.set_registered_model_alias(task, CHALLENGER, str(version.number))
        decision_log.write(client, task, "refused", _entry(version, now, reason))


def _check_expected(task: str, now: Version | None, expected: int | Anyone | None, number: int) -> None:
    """Refuse a decision about version ``number`` that was made beside another champion than the one there is now."""
    if expected is ANYONE or expected == (now.number if now else None):
        return
    found = f"it is {now.model} (version {now.number}) now, with which" if now else "there is none now, and"
    raise BrightfieldError(
        f"The champion of {task!r} has changed meanwhile: {found} version {number} was not compared. Try again."
    )


def _check_look(task: str, now: Version | None, number: int, reason: Mapping[str, Any]) -> None:
    """Refuse a decision that was made as the k-th on its images where it is a later one now."""
    if now is None or reason.get("look") is None:
        return
    found = decision_log.look(task, reason.get("data_hash"), now.number, number)
    if found != reason["look"]:
        raise LookTakenError(
            f"Version {number} of {task!r} was judged as decision {reason['look']} on its test images, but it is decision {found} "
            "now. Try again."
        )


def roll_back(task: str, reason: Mapping[str, Any] | None = None, *, version: int | None = None) -> Version:
    """Make the previous champion the champion again, or any former one; a second call without a version reverts the first.

    Args:
        task: name of the registered model.
        reason: plain values that give the reason; stored as the tag ``rolled_back`` of the version that is replaced.
        version: which; the previous champion without it.

    Raises:
        BrightfieldError: there is no such version, it never was champion, there is no champion or no previous one, or no MLflow
            server or database.
    """
    client = connect()
    with turn(client, task):
        now = by_alias(client, task, CHAMPION)
        if version is None:
            before = by_alias(client, task, PREVIOUS)
        else:
            before = next((known for known in all_versions(client, task) if known.number == version), None)
        if now is None:
            raise BrightfieldError(f"{task!r} has no champion to go back from. {what_there_is(client, task)}")
        if before is None:
            wanted = "previous champion" if version is None else f"version {version}"
            raise BrightfieldError(f"{task!r} has no {wanted} to go back to. {what_there_is(client, task)}")
        if before.promotion is None:
            raise BrightfieldError(
                f"Version {before.number} ({before.model}) never was champion of {task!r}, so there is no way back to it: "
                f"`brightfield promote {task} {before.number}` asks the gate."
            )
        if now.number == before.number:
            raise BrightfieldError(f"Version {before.number} ({before.model}) is the champion of {task!r} already.")
        _tag(client, now, "rolled_back", {**(reason or {}), "at": _time(), "back_to": before.number})
        client.set_registered_model_alias(task, CHAMPION, str(before.number))
        client.set_registered_model_alias(task, PREVIOUS, str(now.number))
        _no_challenger(client, task, before.number)
        why = [f"Back from {now.model} (version {now.number})."]
        decision_log.write(client, task, "rolled back", _entry(before, now, {"why": why, **(reason or {})}))
    return before


def _entry(version: Version, champion: Version | None, reason: Mapping[str, Any]) -> dict[str, Any]:
    """What the log holds of a decision."""
    why = reason.get("why", [])
    return {
        "version": version.number,
        "model": version.model,
        "champion": champion.number if champion else None,
        "data_hash": reason.get("data_hash"),
        "look": reason.get("look"),
        "why": [why] if isinstance(why, str) else list(why),
    }


def _no_challenger(client: MlflowClient, task: str, number: int) -> None:
    """A version that has become champion challenges no more."""
    if aliases(client, task).get(CHALLENGER) == number:
        client.delete_registered_model_alias(task, CHALLENGER)


def _tag(client: MlflowClient, version: Version, key: str, content: Mapping[str, Any]) -> None:
    client.set_model_version_tag(version.task, str(version.number), key, json.dumps(content, default=str))


def _time() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
