"""Download a published bundle, or the report of its run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.experiments.registry.identity import bundle_hash
from brightfield.experiments.registry.versions import Version, find
from brightfield.experiments.runs.connection import shown, tracking_uri
from brightfield.experiments.runs.syncing import EVALUATION
from brightfield.system.files import atomic_folder

REPORT_FILES = (".json", ".csv", ".png")  # others are no part of a report


def fetch(task: str, reference: str, destination: Path) -> Path:
    """Download a published bundle into a folder below ``destination``, unless it is there already, and return that folder.

    Args:
        task: name of the registered model.
        reference: an alias (``champion``, ``previous``), a version's number or a model's name (its newest version).
        destination: folder for downloads; created if missing.

    Raises:
        BrightfieldError: there is no such version, it cannot be downloaded, or its files were changed.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    version = find(task, reference)
    folder = destination / f"{task}-{version.number}-{version.bundle_hash[:12]}"
    if folder.is_dir():  # it gets this name only when it is complete
        return folder
    destination.mkdir(parents=True, exist_ok=True)
    uri = tracking_uri()
    with tempfile.TemporaryDirectory(dir=destination, prefix=".fetching-") as place:
        try:
            download_artifacts(f"{version.uri}/artifacts/bundle", dst_path=place, tracking_uri=uri, registry_uri=uri)
        except (MlflowException, OSError) as error:
            raise BrightfieldError(f"{version.uri} cannot be downloaded from {shown(uri)}: {error}.") from error
        arrived = next((file.parent for file in sorted(Path(place).rglob(layout.BUNDLE))), None)
        if arrived is None or bundle_hash(arrived) != version.bundle_hash:
            raise BrightfieldError(
                f"The files of {version.uri} at {shown(uri)} were changed. Restore them, or use another version."
            )
        try:
            arrived.replace(folder)
        except OSError:
            if not folder.is_dir():  # if it is one, another process was faster
                raise
    return folder


def fetch_whole_report(version: Version, destination: Path) -> Path:
    """Download the report of a version's run, tables and figures, into a folder that is there whole or not at all.

    Args:
        version: a published one.
        destination: the folder; what it holds is replaced.

    Raises:
        BrightfieldError: its run has no report, or it cannot be downloaded.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    uri = tracking_uri()
    with atomic_folder(destination) as folder, tempfile.TemporaryDirectory() as place:
        try:
            source = f"runs:/{version.run_id}/{EVALUATION}"
            arrived = Path(download_artifacts(source, dst_path=place, tracking_uri=uri, registry_uri=uri))
        except (MlflowException, OSError) as error:
            raise _no_report(version, uri, error) from error
        if not (arrived / layout.METRICS).is_file():
            raise _no_report(version, uri, f"it has no {layout.METRICS}")
        for file in arrived.rglob("*"):
            if file.is_file() and not file.is_symlink() and file.suffix in REPORT_FILES:
                to = folder / file.relative_to(arrived)
                to.parent.mkdir(parents=True, exist_ok=True)
                file.replace(to)
    return destination


def fetch_report(version: Version, destination: Path) -> Path:
    """Download the tables of a version's report (``metrics.json``, ``images.csv``) into a folder below ``destination``.

    It is downloaded each time: a model that was evaluated again has another report on the same run.

    Raises:
        BrightfieldError: its run has no report, or it cannot be downloaded.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    folder, uri = destination / f"{version.task}-{version.number}-{layout.REPORT}", tracking_uri()
    folder.mkdir(parents=True, exist_ok=True)
    for file in (layout.METRICS, layout.IMAGE_SCORES):
        source = f"runs:/{version.run_id}/{EVALUATION}/{file}"
        try:
            with tempfile.TemporaryDirectory(dir=destination, prefix=".fetching-") as place:
                arrived = download_artifacts(source, dst_path=place, tracking_uri=uri, registry_uri=uri)
                Path(arrived).replace(folder / file)
        except (MlflowException, OSError) as error:
            raise _no_report(version, uri, error) from error
    return folder


def _no_report(version: Version, uri: str, why: object) -> BrightfieldError:
    return BrightfieldError(
        f"The report of {version.uri} ({version.model}) cannot be downloaded from {shown(uri)}: {why}. "
        "Was it evaluated? `dvc repro` logs reports again."
    )
