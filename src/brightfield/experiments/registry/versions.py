"""Published versions in the registry, with their tags and aliases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brightfield.errors import BrightfieldError
from brightfield.experiments.runs.connection import connect, shown, tracking_uri

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
PREVIOUS = "previous"
CHALLENGER = "challenger"
PAGE = 1000


@dataclass(frozen=True)
class Version:
    """One published bundle.

    Attributes:
        task: name of the registered model.
        number: MLflow's number of the version, from 1.
        model: name of the model or ensemble.
        role: ``member``, ``baseline`` or ``ensemble``.
        run_id: id of the MLflow run that trained it.
        bundle_hash: :func:`brightfield.experiments.registry.identity.bundle_hash` of its folder.
        data_hash: DVC hash of the training data, None if unknown.
        promotion: reason of its promotion to champion, None if it never was one.
        serving_hash: hash of the code that serves it, empty for versions from before it was stored.
    """

    task: str
    number: int
    model: str
    role: str
    run_id: str
    bundle_hash: str
    data_hash: str | None
    promotion: Mapping[str, Any] | None
    serving_hash: str = ""

    @property
    def uri(self) -> str:
        """The URI for ``mlflow.pyfunc.load_model``."""
        return f"models:/{self.task}/{self.number}"

    @classmethod
    def read(cls, found: ModelVersion) -> Version:
        """Read a version from MLflow's entity."""
        tags = found.tags
        return cls(
            task=found.name,
            number=int(found.version),
            model=tags.get("model", ""),
            role=tags.get("role", ""),
            run_id=found.run_id or "",
            bundle_hash=tags.get("bundle_hash", ""),
            data_hash=tags.get("data_hash") or None,
            promotion=json.loads(tags["promotion"]) if "promotion" in tags else None,
            serving_hash=tags.get("serving_hash", ""),
        )


def versions(task: str) -> pd.DataFrame:
    """All versions of a task, newest first.

    Returns:
        Columns version, model, role, aliases (text, comma separated), run_id, created (UTC), bundle_hash, data_hash and
        promotion (JSON text, or None).

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    import pandas as pd

    client = connect()
    named = aliases(client, task)
    rows = [
        {
            "version": int(found.version),
            "model": found.tags.get("model", ""),
            "role": found.tags.get("role", ""),
            "aliases": ", ".join(sorted(alias for alias, number in named.items() if number == int(found.version))),
            "run_id": found.run_id,
            "created": pd.Timestamp(found.creation_timestamp, unit="ms", tz="UTC"),
            "bundle_hash": found.tags.get("bundle_hash", ""),
            "data_hash": found.tags.get("data_hash") or None,
            "promotion": found.tags.get("promotion"),
        }
        for found in _search(client, task)
    ]
    columns = ["version", "model", "role", "aliases", "run_id", "created", "bundle_hash", "data_hash", "promotion"]
    return pd.DataFrame(rows, columns=columns)


def find(task: str, reference: str = CHAMPION) -> Version:
    """The version of an alias, a version number or a model's name (its newest version).

    Raises:
        BrightfieldError: there is no such version (the message lists those that exist), or no MLflow server or database.
    """
    client = connect()
    found = by_alias(client, task, reference)
    if found is not None:
        return found
    published = all_versions(client, task)
    for known in [
        *(v for v in published if str(v.number) == reference),
        *(v for v in published if v.model == reference),
    ]:
        return known
    from brightfield.params.base import did_you_mean

    near = did_you_mean(reference, {*(known.model for known in published), *aliases(client, task)})
    raise BrightfieldError(f"The registry has no {reference!r} for {task!r}.{near} {what_there_is(client, task)}")


def all_versions(client: MlflowClient, task: str) -> list[Version]:
    """All versions of a task, newest first."""
    return [Version.read(found) for found in _search(client, task)]


def by_alias(client: MlflowClient, task: str, alias: str) -> Version | None:
    """The version of an alias, None if there is none."""
    number = aliases(client, task).get(alias)
    return None if number is None else Version.read(client.get_model_version(task, str(number)))


def aliases(client: MlflowClient, task: str) -> dict[str, int]:
    """The version number of each alias; empty for a task without published versions."""
    from mlflow.exceptions import MlflowException

    try:
        return {alias: int(number) for alias, number in client.get_registered_model(task).aliases.items()}
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}


def what_there_is(client: MlflowClient, task: str) -> str:
    """The end of an error message: the references that exist."""
    models = sorted({known.model for known in all_versions(client, task)})
    if not models:
        return f"No version is published at {shown(tracking_uri())}. Run `dvc repro` first."
    return f"Known models: {', '.join(models)}; aliases: {', '.join(sorted(aliases(client, task))) or 'none'}."


def _search(client: MlflowClient, task: str) -> list[ModelVersion]:
    quoted = task.replace("'", "''")
    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        page = client.search_model_versions(f"name = '{quoted}'", max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda version: -int(version.version))
