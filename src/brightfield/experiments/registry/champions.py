"""The aliases ``champion`` (the version in use) and ``previous``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from brightfield.errors import BrightfieldError
from brightfield.experiments.registry.versions import CHAMPION, PREVIOUS, Version, all_versions, by_alias, what_there_is
from brightfield.experiments.runs.connection import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient


def champion(task: str) -> Version | None:
    """The version in use; None before the first promotion.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    return by_alias(connect(), task, CHAMPION)


def promote(task: str, version: Version | int, reason: Mapping[str, Any]) -> Version:
    """Make a version the champion, and the current champion ``previous``. Promoting the champion changes nothing.

    Args:
        task: name of the registered model.
        version: a published version.
        reason: plain values that give the reason (the metric, the difference and its interval, ...); stored as the tag
            ``promotion``, with the time and the version that is replaced.

    Raises:
        BrightfieldError: there is no such version, or no MLflow server or database.
    """
    client = connect()
    number = version.number if isinstance(version, Version) else version
    chosen = next((known for known in all_versions(client, task) if known.number == number), None)
    if chosen is None:
        raise BrightfieldError(f"There is no version {number} of {task!r} to promote. {what_there_is(client, task)}")
    now = by_alias(client, task, CHAMPION)
    if now is not None and now.number == number:
        return chosen
    _tag(client, chosen, "promotion", {**reason, "at": _time(), "instead_of": now.number if now else None})
    if now is not None:  # first, so that there is a champion even after an interruption
        client.set_registered_model_alias(task, PREVIOUS, str(now.number))
    client.set_registered_model_alias(task, CHAMPION, str(number))
    return Version.read(client.get_model_version(task, str(number)))


def roll_back(task: str, reason: Mapping[str, Any] | None = None) -> Version:
    """Make the previous champion the champion again; a second call reverts the first.

    Args:
        task: name of the registered model.
        reason: plain values that give the reason; stored as the tag ``rolled_back`` of the version that is replaced.

    Raises:
        BrightfieldError: there is no previous champion, or no MLflow server or database.
    """
    client = connect()
    now, before = by_alias(client, task, CHAMPION), by_alias(client, task, PREVIOUS)
    if now is None or before is None:
        raise BrightfieldError(f"{task!r} has no previous champion to go back to. {what_there_is(client, task)}")
    _tag(client, now, "rolled_back", {**(reason or {}), "at": _time(), "back_to": before.number})
    client.set_registered_model_alias(task, CHAMPION, str(before.number))
    client.set_registered_model_alias(task, PREVIOUS, str(now.number))
    return before


def _tag(client: MlflowClient, version: Version, key: str, content: Mapping[str, Any]) -> None:
    client.set_model_version_tag(version.task, str(version.number), key, json.dumps(content, default=str))


def _time() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
