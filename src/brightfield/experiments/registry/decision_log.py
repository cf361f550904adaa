"""The log of decisions about champions, kept with the registered model: who decided what, when, and why."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from brightfield.experiments.runs.connection import connect
from brightfield.system import environment

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

PREFIX = "decision."  # of the tag of a registered model that holds a decision; its time follows
LONGEST = 4900  # characters of a tag that every store of MLflow takes
COLUMNS = ("at", "who", "decision", "version", "model", "champion", "data_hash", "look", "why")


def record(task: str, decision: str, content: Mapping[str, Any]) -> None:
    """Add a decision to the log of a task, whose model is registered.

    Args:
        task: name of the registered model.
        decision: promoted, refused, forced or rolled back.
        content: plain values: of ``COLUMNS``, and ``difference``; ``why`` is a list of sentences, which is cut where it is long.
    """
    write(connect(), task, decision, content)


def write(client: MlflowClient, task: str, decision: str, content: Mapping[str, Any]) -> None:
    """:func:`record` by a client that there is already."""
    now = datetime.now(UTC)
    entry = {"at": now.isoformat(timespec="seconds"), "who": environment.who(), "decision": decision, **content}
    entry["why"] = _fitting([" ".join(str(reason).split()) for reason in entry.get("why", [])], entry)
    # the key is in the order of time, and no two are the same
    key = f"{PREFIX}{now.strftime('%Y%m%dT%H%M%S%f')}.{secrets.token_hex(3)}"
    client.set_registered_model_tag(task, key, _text(entry))


def _text(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, default=str, ensure_ascii=False)


def _fitting(reasons: list[str], entry: Mapping[str, Any]) -> list[str]:
    """As many of the reasons as a tag holds beside the rest of an entry; the last one may be cut."""
    left = LONGEST - len(_text({**entry, "why": []})) - 20
    kept: list[str] = []
    for reason in reasons:
        length = len(_text({"why": reason}))
        if length > left:
            return [*kept, f"{reason[: max(0, left - 40)]} ..."]
        kept.append(reason)
        left -= length
    return kept


def decisions(task: str) -> pd.DataFrame:
    """All decisions of a task, newest first, with the columns of ``COLUMNS``; ``why`` is a list of sentences.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    import pandas as pd

    tags = _tags(connect(), task)
    found = [_read(value) for key, value in sorted(tags.items(), reverse=True) if key.startswith(PREFIX)]
    rows = [{name: entry.get(name) for name in COLUMNS} for entry in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _read(text: str) -> Mapping[str, Any]:
    """An entry; of one that somebody has damaged, that it is."""
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else {"decision": "unreadable", "why": ["This entry was damaged."]}


def look(task: str, data_hash: str | None, champion: int, version: int) -> int:
    """The how manieth decision on the same test images one between two versions would be, from 1.

    The same question again, with the same answer, is no further look.
    """
    table = decisions(task)
    asked = table[table["decision"].isin(["promoted", "refused"]) & table["champion"].notna()]
    if data_hash is not None:
        asked = asked[asked["data_hash"] == data_hash]
    before = list(
        dict.fromkeys(zip(asked["champion"][::-1].astype(int), asked["version"][::-1].astype(int), strict=True))
    )
    question = (champion, version)
    return before.index(question) + 1 if question in before else len(before) + 1


def _tags(client: MlflowClient, task: str) -> Mapping[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return dict(client.get_registered_model(task).tags)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}
