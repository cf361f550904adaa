"""A recipe whose starter takes seconds, and a project beside it whose default dataset is as small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
from brightfield import images, layout
from brightfield.starters import sources
from brightfield.starters.sources import Source

RECIPE = """
compute: {threads: 1, workers: 0, device: cpu, precision: float32}
tasks:
  bacteria:
    kind: segmentation
    dataset: bacteria-wide
simulations:
  bacteria-wide: {simulator: bacteria, variety: wide, seed: 11, images: 5, size_px: 64}
  bacteria-usual: {simulator: bacteria, seed: 12, images: 3, size_px: 64}
datasets:
  bacteria-wide: {task: bacteria}
  bacteria-usual: {task: bacteria}
models:
  bacteria:
    task: bacteria
    dataset: bacteria-wide
    network: &network {architecture: unet, filters: 4, depth: 2}
    training: {epochs: 3, steps_per_epoch: 2, batch_size: 2, patch_px: 32, learning_rate: 0.01, balance: none}
  bacteria-real:
    task: bacteria
    dataset: bacteria-wide
    network: *network
    training: {epochs: 1, steps_per_epoch: 2, batch_size: 2, patch_px: 32, learning_rate: 0.001, balance: none}
"""
PARAMS = """
tasks:
  bacteria: {kind: segmentation, dataset: bacteria}
simulations:
  bacteria: {simulator: bacteria, seed: 3, images: 5, size_px: 64, suites: [light], suite_groups: 1}
datasets:
  bacteria: {task: bacteria}
models:
  bacteria-watershed: {task: bacteria, dataset: bacteria, network: {architecture: watershed}}
"""
SOURCES = {
    "bacteria": (
        Source("here", "cells", "a lab at abc123", "MIT", "here_"),
        Source("there", "cells", "another lab at def456", "CC BY 4.0", "there_"),
    )
}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a project in which starters are written below ``starters`` by a tiny recipe."""
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.setattr(layout, "RECIPE", tmp_path / "recipe.yaml")
    monkeypatch.setattr(layout, "STARTERS", tmp_path / "starters")
    monkeypatch.setattr(sources, "SOURCES", SOURCES)
    monkeypatch.delenv("BRIGHTFIELD_REAL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder of labelled cells, 15 px wide, of two labs: three specimens each."""
    for lab, seed in (("here", 1), ("there", 2)):
        for record in tiny.records("segmentation", 3, seed=seed, groups=3, prefix=f"{lab}_"):
            folder = tmp_path / "real" / "cells" / record.id
            folder.mkdir(parents=True)
            images.write_tiff(folder / "image.tif", record.image)
            images.write_tiff(folder / "labels.tif", record.fields["labels"].astype(np.uint16))
    return tmp_path / "real"
