"""Bundles as far as the registry looks into them, and their publication."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from brightfield.experiments import registry, runs
from brightfield.experiments.registry import Version
from brightfield.system.lineage import Lineage

LINEAGE = Lineage.from_dict({"commit": "c0ffee"})


def bundle(
    folder: Path,
    weights: bytes = b"weights",
    commit: str = "c0ffee",
    name: str = "small",
    *,
    kind: str = "classification",
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """A bundle as far as the registry looks into it."""
    folder.mkdir(parents=True, exist_ok=True)
    task = {"kind": kind, "settings": dict(settings)}
    content = {"format": 1, "name": name, **task, "model": {"seed": 3}, "provenance": {"commit": commit}, "sha256": {}}
    (folder / "bundle.json").write_text(json.dumps(content))
    (folder / "weights.safetensors").write_bytes(weights)
    (folder / "history.csv").write_text(f"epoch,{commit}\n")
    (folder / "run.json").write_text(json.dumps({"run_id": commit, "experiment": "rbc"}))
    return folder


def publish(task: str, folder: Path, name: str = "small", guarantees: Path | None = None) -> Version:
    with runs.start(task, name, kind="classification", role="member", params={}, lineage=LINEAGE) as run:
        return registry.publish(task, name, folder, run, role="member", data_hash="abc.dir", guarantees=guarantees)
