"""Publish a bundle as a version of its task's registered model: code and data files, never a pickle."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.experiments.registry.identity import bundle_hash, files
from brightfield.experiments.registry.signature import signature
from brightfield.experiments.registry.versions import Version, aliases, all_versions
from brightfield.experiments.runs.connection import connect
from brightfield.experiments.runs.recording import Run
from brightfield.experiments.runs.starting import Role

if TYPE_CHECKING:
    from mlflow import MlflowClient


SERVING = Path(__file__).with_name("serving.py")
ADVISERS = (
    "mlflow.pyfunc",
    "mlflow.utils.environment",
)  # loggers that warn of a signature without a type hint and of a missing pip
REQUIREMENTS = (
    "brightfield",
    "mlflow",
    "numpy",
    "scipy",
    "pandas",
    "pydantic",
    "ruamel.yaml",
    "torch",
    "segmentation-models-pytorch",
    "timm",
    "scikit-image",
    "scikit-learn",
    "safetensors",
)


def publish(
    task: str,
    name: str,
    folder: Path,
    run: Run,
    *,
    role: Role,
    data_hash: str | None = None,
    guarantees: Path | None = None,
) -> Version:
    """Register a bundle as a new version of the task's model, or return the version of the same bundle if there is one.

    A bundle whose version has other serving code than the current one is registered again, because old code may import modules that
    have moved. The new version takes over the aliases and the reason of the promotion.

    Args:
        task: name of the registered model.
        name: name of the model or ensemble.
        folder: ``models/<task>/<model>`` or ``ensembles/<task>/<ensemble>``.
        run: the run that the version points to.
        role: ``member``, ``baseline`` or ``ensemble``.
        data_hash: DVC hash of its training data.
        guarantees: ``guarantees.json`` of its report, which a new version has beside the bundle; None: it has none.

    Raises:
        BrightfieldError: no bundle in the folder, or no MLflow server or database.
    """
    identity, code = bundle_hash(folder), _serving_hash()
    client = connect()
    same = [v for v in all_versions(client, task) if v.bundle_hash == identity and v.model == name]
    for known in same:
        if known.serving_hash == code:
            return known
    _ensure_registered(client, task)
    tags = {"model": name, "role": role, "bundle_hash": identity, "data_hash": data_hash or "", "serving_hash": code}
    model_id = _log_model(client, name, folder, run, tags, guarantees)
    created = client.create_model_version(task, f"models:/{model_id}", run_id=run.id, tags=tags, model_id=model_id)
    return _in_place_of(client, same, Version.read(created))


def describe(version: Version, card: str) -> None:
    """Make a model card the description of a version, and the file ``card.md`` of its run; repeating it changes nothing.

    Args:
        version: that was published.
        card: Markdown, which MLflow's pages show.
    """
    client = connect()
    if client.get_model_version(version.task, str(version.number)).description == card:
        return
    client.log_text(version.run_id, card, layout.CARD)
    client.update_model_version(version.task, str(version.number), description=card)


def card(task: str, number: int) -> str:
    """The model card of a version, Markdown; empty where it has none.

    Raises:
        BrightfieldError: no MLflow server or database.
    """
    return connect().get_model_version(task, str(number)).description or ""


def _serving_hash() -> str:
    return hashlib.sha256(SERVING.read_bytes()).hexdigest()


def _in_place_of(client: MlflowClient, outdated: Sequence[Version], new: Version) -> Version:
    """Move the aliases of outdated versions of the same bundle, and the reason of their last promotion, to the new one."""
    promotion = next((version.promotion for version in outdated if version.promotion is not None), None)
    if promotion is not None:
        client.set_model_version_tag(new.task, str(new.number), "promotion", json.dumps(promotion))
    numbers = {version.number for version in outdated}
    for alias, number in aliases(client, new.task).items():
        if number in numbers:
            client.set_registered_model_alias(new.task, alias, str(new.number))
    return replace(new, promotion=promotion)


def _log_model(
    client: MlflowClient, name: str, folder: Path, run: Run, tags: dict[str, str], guarantees: Path | None = None
) -> str:
    """Log a bundle as an MLflow model of the run, and return its id.

    The steps of MLflow's ``log_model``, without its global state.
    """
    from mlflow import pyfunc
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    experiment = client.get_run(run.id).info.experiment_id
    logged = client.create_logged_model(experiment, name, source_run_id=run.id, tags=tags, model_type="brightfield")
    try:
        with tempfile.TemporaryDirectory() as place:
            served, model = Path(place, "bundle"), Path(place, "model")
            for file in files(folder):
                copy = served / file.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
            if guarantees is not None:
                shutil.copyfile(guarantees, served / layout.GUARANTEES)
            description = Model(
                artifact_path=logged.artifact_location,
                run_id=run.id,
                model_id=logged.model_id,
                signature=signature(folder),
            )
            with _errors_only(*ADVISERS):
                pyfunc.save_model(
                    path=str(model),
                    python_model=str(SERVING),
                    artifacts={"bundle": str(served)},
                    pip_requirements=_requirements(),  # otherwise MLflow would load the model to find them
                    mlflow_model=description,
                )
            client.log_model_artifacts(logged.model_id, str(model))
    except BaseException:
        client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run.id, [LoggedModelOutput(logged.model_id, step=0)])
    return str(logged.model_id)


@contextmanager
def _errors_only(*loggers: str) -> Iterator[None]:
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in loggers}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def _requirements() -> list[str]:
    """The packages that serving needs, with their current versions, without local parts such as ``+cpu``, which no index has."""
    return [f"{package}=={metadata.version(package).partition('+')[0]}" for package in REQUIREMENTS]


def _ensure_registered(client: MlflowClient, task: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(task)
    except MlflowException as error:
        if error.error_code == "RESOURCE_ALREADY_EXISTS":
            return
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise BrightfieldError(f"MLflow refuses {task!r} as the name of a model: {error}") from error
        raise
