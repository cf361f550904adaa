"""The whole: from labelled and unlabelled images to a table, a curve and a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

import tiny
from brightfield import images, layout, params
from brightfield.cli import app
from brightfield.data import store
from brightfield.errors import BrightfieldError
from brightfield.evaluation import next_labels

COUNTS = {"train": 36, "validation": 12, "test": 6}


@pytest.fixture
def lab(project: Path) -> Path:
    """A prepared dataset of crops and one of movies, and a folder of unlabelled crops and frames."""
    for name, kind in (("rbc", "classification"), ("beads", "tracking")):
        records, splits = [], []
        for seed, (split, count) in enumerate(COUNTS.items()):
            records += tiny.records(kind, count, seed=seed, groups=6, prefix=split)
            splits += [split] * count
        folder = layout.prepared(name)
        folder.mkdir(parents=True)
        store.write_raw(folder, records, {})
        raw = store.ImageSet.raw(folder)
        store.write_prepared(folder, raw, raw.index.assign(split=splits))
        pool = project / f"pool-{name}"
        pool.mkdir()
        for record in tiny.records(kind, 12, seed=9):
            images.write_tiff(pool / f"{record.id}.tif", np.asarray(record.image)) if kind == "tracking" else (
                images.write_png(pool / f"{record.id}.png", record.image)
            )
    return project


def test_crops_to_label_next(lab: Path) -> None:
    done = CliRunner().invoke(app, ["next", "rbc", "pool-rbc", "--count", "5", "--repeats", "3"])
    assert done.exit_code == 0, done.output
    assert "random choice" in done.output
    assert "The next 100 labels at random, after 36, would buy about" in done.output
    folder = layout.report("next-rbc")
    table = pd.read_csv(folder / layout.NEXT)
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["image"].is_unique
    assert table["disagreement"].between(0, 1).all()
    curve = pd.read_csv(folder / layout.NEXT_CURVE)
    assert curve["labels"].unique().tolist() == [8, 16, 36]
    verdict = json.loads((folder / layout.NEXT_VERDICT).read_text())
    assert verdict["metric"] == "auc"
    assert verdict["words"] in done.output
    assert (folder / layout.NEXT_SHEET).is_file()


@pytest.mark.slow
def test_frames_to_label_next_by_networks(lab: Path) -> None:
    content = tiny.tiny_params()
    content["models"]["beads-unet"]["training"]["epochs"] = 2
    YAML().dump(content, Path(params.PARAMS))
    advice = next_labels.write("beads", [Path("pool-beads")], count=3, model="beads-unet", repeats=1, epochs=1)
    assert len(advice.table) == 3
    assert advice.verdict.metric == "capped_error_px"
    curve = pd.read_csv(advice.folder / layout.NEXT_CURVE)
    assert len(curve) == 6


def test_what_cannot_be_asked(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrightfieldError, match=r"no images|contains no"):
        next_labels.write("rbc", [tmp_path / "empty"])
    with pytest.raises(BrightfieldError, match="expected a network of task 'beads'"):
        next_labels.write("beads", [Path("pool-beads")], model="rbc-convnet")
    few = store.ImageSet.raw(layout.prepared("rbc"))
    index = few.index.assign(split=["train"] * 12 + ["validation"] * 42)
    store.write_prepared(layout.prepared("rbc"), few, index)
    with pytest.raises(BrightfieldError, match="too few to measure"):
        next_labels.write("rbc", [Path("pool-rbc")])
