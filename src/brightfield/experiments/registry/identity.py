"""The identity of a bundle: a hash of all that determines its answers, without the place and time of its training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from brightfield import layout
from brightfield.errors import BrightfieldError

NOT_COMPARED = ("provenance", "sha256")  # keys of bundle.json; the files of the checksums are hashed themselves
SUFFIXES = (".json", ".safetensors")
LEFT_OUT = (layout.RUN, layout.GUARANTEES)  # depend on the MLflow server, and on the data that a model was scored on


def files(folder: Path) -> Iterator[Path]:
    """The files that inference needs, in the order of their names: no history, and no foreign files.

    Raises:
        BrightfieldError: the folder contains no bundle.
    """
    if not (folder / layout.BUNDLE).is_file():
        raise BrightfieldError(
            f"There is no bundle in {folder}: {layout.BUNDLE} is missing. Make the bundle with `dvc repro`."
        )
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in SUFFIXES and file.name not in LEFT_OUT:
            yield file


def bundle_hash(folder: Path) -> str:
    """SHA-256 of a bundle's description and weights, without its provenance.

    Raises:
        BrightfieldError: the folder contains no bundle, or a damaged one.
    """
    digest = hashlib.sha256()
    for file in files(folder):
        content = _description(file) if file.name == layout.BUNDLE else _bytes(file)
        digest.update(f"{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _description(file: Path) -> str:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        compared = {key: value for key, value in content.items() if key not in NOT_COMPARED}
    except (ValueError, AttributeError) as error:
        raise BrightfieldError(f"{file} is damaged ({error}). Make it again with `dvc repro`.") from error
    return json.dumps(compared, sort_keys=True)


def _bytes(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
