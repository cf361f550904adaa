"""Origin of a result: the code, data and machine that made it, as plain values for a bundle and for MLflow.

DVC, MLflow and torch are not imported here: importing them takes seconds, and every stage records its lineage.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from brightfield.errors import BrightfieldError

LOCK = "dvc.lock"
PACKAGES = (
    "brightfield",
    "torch",
    "segmentation-models-pytorch",
    "timm",
    "albumentations",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "numpy",
    "pandas",
    "mlflow",
    "optuna",
    "dvc",
)


@dataclass(frozen=True)
class Lineage:
    """Code and machine that made a result.

    Attributes:
        commit: the git commit checked out, None outside a git repository or before its first commit.
        dirty: whether a tracked file differs from that commit, except ``dvc.lock`` (the pipeline rewrites it while it
            runs, and its contents are recorded as hashes of data); None without a commit.
        branch: the branch checked out, None outside a git repository and on a detached head.
        python: version of the interpreter, e.g. ``3.11.7``.
        packages: version of each of the main packages that is installed.
        platform: operating system and processor architecture.
        device: name of the processor or GPU that computes.
    """

    commit: str | None
    dirty: bool | None
    branch: str | None
    python: str
    packages: Mapping[str, str]
    platform: str
    device: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "packages": dict(self.packages)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from the output of :meth:`as_dict`; a key that an older version did not write is None or empty."""
        return cls(
            commit=content.get("commit"),
            dirty=content.get("dirty"),
            branch=content.get("branch"),
            python=str(content.get("python", "")),
            packages=dict(content.get("packages", {})),
            platform=str(content.get("platform", "")),
            device=str(content.get("device", "")),
        )


@dataclass(frozen=True)
class DatasetRef:
    """The data that a result was made from.

    Attributes:
        name: the entry of ``datasets``, e.g. ``rbc``.
        path: its folder, relative to the project, e.g. ``data/prepared/rbc``.
        hash: its DVC hash (:func:`data_hash`), None when DVC does not track it.
        split: the split that was used, e.g. ``train``.
    """

    name: str
    path: str
    hash: str | None
    split: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from the output of :meth:`as_dict`."""
        return cls(str(content["name"]), str(content["path"]), content.get("hash"), str(content["split"]))


def collect(root: Path | None = None, *, device: str | None = None) -> Lineage:
    """Collect the lineage of what is computed now.

    Args:
        root: a folder of the git repository; the current folder when left out.
        device: name of the GPU that computes; None for the processor.
    """
    commit, dirty, branch = _git(root or Path.cwd())
    return Lineage(
        commit=commit,
        dirty=dirty,
        branch=branch,
        python=platform.python_version(),
        packages={name: version for name in PACKAGES if (version := _version(name)) is not None},
        platform=platform.platform(),
        device=device or _processor(),
    )


def _git(root: Path) -> tuple[str | None, bool | None, str | None]:
    """Commit, dirty and branch, by one call of git; all None without git or outside a repository."""
    all_but_the_lock = [":/", f":(top,exclude,glob)**/{LOCK}"]
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--", *all_but_the_lock]
    try:
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None, None, None
    if answer.returncode != 0:
        return None, None, None
    lines = answer.stdout.splitlines()
    headers = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    commit = headers.get("branch.oid")
    branch = headers.get("branch.head")
    if commit == "(initial)":
        return None, None, branch
    dirty = any(not line.startswith("#") for line in lines)
    return commit, dirty, None if branch == "(detached)" else branch


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")  # platform.processor() is empty on most Linux systems
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def data_hash(path: Path, root: Path | None = None) -> str | None:
    """The DVC hash of an output: md5, followed by ``.dir`` for a folder.

    Args:
        path: the output, e.g. ``data/prepared/rbc``; relative to ``root``, or absolute.
        root: the folder of ``dvc.yaml``; the current folder when left out.

    Returns:
        The hash in ``dvc.lock``, or else in the file ``<path>.dvc``; None when DVC does not track the path. Nothing is
        hashed: this is the state when DVC last committed the output.

    Raises:
        BrightfieldError: ``dvc.lock`` or ``<path>.dvc`` is not readable as YAML (a merge conflict, for instance).
    """
    top = (root or Path.cwd()).resolve()
    full = (top / path).resolve()
    pointer = full.with_name(full.name + ".dvc")
    if full.is_relative_to(top) and (found := _hash_in_lock(top / LOCK, full.relative_to(top).as_posix())) is not None:
        return found
    if not pointer.is_file():
        return None
    content = _parse(pointer.read_text(encoding="utf-8"), pointer)
    return _hash_among(content.get("outs"), full.name)


def _hash_in_lock(lock: Path, path: str) -> str | None:
    if not lock.is_file():
        return None
    for section in _outs_sections(lock.read_text(encoding="utf-8")):
        if path not in section:  # most of the file need not be parsed: the pure YAML parser takes seconds for 60 stages
            continue
        found = _hash_among(_parse(section, lock).get("outs"), path)
        if found is not None:
            return found
    return None


def _outs_sections(text: str) -> Iterator[str]:
    """Yield each stage's ``outs:`` of a ``dvc.lock``, as a YAML text of its own.

    DVC writes the stages at an indent of 2, their keys at 4, and the items of a list at the indent of its key.
    """
    section: list[str] = []
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        starts = indent <= 4 and not line.startswith("    - ")
        if starts and section:
            yield "\n".join(section)
            section = []
        if line.rstrip() == "    outs:" or (section and not starts):
            section.append(line)
    if section:
        yield "\n".join(section)


def _hash_among(outs: object, path: str) -> str | None:
    for out in outs if isinstance(outs, list) else []:
        if isinstance(out, dict) and out.get("path") == path:
            found = out.get("md5") or out.get("checksum") or out.get("etag")
            return None if found is None else str(found)
    return None


def _parse(text: str, source: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        advice = "Restore it with `git checkout`, or resolve its merge conflict."
        raise BrightfieldError(f"{source} is not readable as YAML: {error}. {advice}") from error
    return content if isinstance(content, dict) else {}
