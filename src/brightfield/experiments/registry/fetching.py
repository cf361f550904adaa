"""Download a published bundle."""

from __future__ import annotations

import tempfile
from pathlib import Path

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.experiments.registry.identity import bundle_hash
from brightfield.experiments.registry.versions import find
from brightfield.experiments.runs.connection import shown, tracking_uri


def fetch(task: str, reference: str, destination: Path) -> Path:
    """The folder of a published bundle, one below ``destination``; downloaded unless it was before.

    Args:
        reference: an alias (``champion``, ``previous``), a version's number or a model's name (its newest version).
        destination: a folder that keeps downloads; made if missing.

    Raises:
        BrightfieldError: there is no such version, it cannot be downloaded, or what arrives is not what was published.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    version = find(task, reference)
    folder = destination / f"{task}-{version.number}-{version.bundle_hash[:12]}"
    if folder.is_dir():  # it got this name only when it was whole
        return folder
    destination.mkdir(parents=True, exist_ok=True)
    uri = tracking_uri()
    with tempfile.TemporaryDirectory(dir=destination, prefix=".fetching-") as place:
        try:
            download_artifacts(f"{version.uri}/artifacts/bundle", dst_path=place, tracking_uri=uri, registry_uri=uri)
        except (MlflowException, OSError) as error:
            raise BrightfieldError(f"{version.uri} cannot be downloaded from {shown(uri)}: {error}") from error
        arrived = next((file.parent for file in sorted(Path(place).rglob(layout.BUNDLE))), None)
        if arrived is None or bundle_hash(arrived) != version.bundle_hash:
            raise BrightfieldError(f"The files of {version.uri} at {shown(uri)} are not what was published.")
        try:
            arrived.replace(folder)
        except OSError:
            if not folder.is_dir():  # if it is one, another process was quicker
                raise
    return folder
