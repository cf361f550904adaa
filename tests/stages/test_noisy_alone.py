"""From noisy images alone to a scored denoiser: import, prepare, train, evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import images, layout, params, tasks
from brightfield.data.importing import import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import editing
from brightfield.stages import evaluate, prepare, train

NAME = "mine"
TINY = [
    *("--training.epochs", "3", "--training.steps_per_epoch", "4", "--training.batch_size", "4"),
    *("--training.patch_px", "32", "--network.filters", "4", "--network.depth", "2", "--training.patience", "2"),
]


def put(folder: Path, repeats: int) -> None:
    """Six fields, ``repeats`` images each."""
    folder.mkdir(parents=True)
    for i, record in enumerate(tiny.records("restoration", 6)):
        rng = np.random.default_rng(i)
        taken = rng.poisson(np.repeat(record.fields["clean"][None] * 12, repeats, axis=0)).astype(np.uint16)
        images.write_tiff(folder / f"field{'abcdef'[i]}.tif", taken)


def prepared(source: Path, sort: str) -> None:
    """The dataset ``mine``, for denoise-blind and denoise-nlm."""
    put(source / sort, 3)
    settings = params.load()
    import_dataset("restoration", source, layout.raw(NAME), settings=settings.tasks["denoise"].settings)
    editing.add_entry("datasets", NAME, {"task": "denoise"})
    models = ("denoise-blind", "denoise-nlm", "denoise-unet")
    editing.set_values({f"models.{model}.dataset": NAME for model in models})
    prepare.run(NAME)


@pytest.mark.usefixtures("tracked_project")
@pytest.mark.parametrize(("sort", "objective"), [("noisy", "blind_error"), ("repeats", "estimated_psnr_db")])
def test_noisy_images_alone_give_a_scored_denoiser(tmp_path: Path, sort: str, objective: str) -> None:
    prepared(tmp_path / "lab", sort)
    index = pd.read_csv(layout.prepared(NAME) / layout.INDEX)
    assert (index.groupby("group")["split"].nunique() == 1).all()
    assert set(index["split"]) == {"train", "validation", "test"}
    said = train.run("denoise-blind", options=TINY)
    words = {"blind_error": "blind-spot error", "estimated_psnr_db": "PSNR estimated from repeats"}
    assert words[objective] in said
    history = pd.read_csv(layout.model("denoise", "denoise-blind") / layout.HISTORY)
    best = tasks.KINDS["restoration"].objective_of((objective,))
    values = [best.rank(value) for value in history[f"validation_{objective}"]]
    assert f"after epoch {int(np.argmax(values)) + 1} of" in said
    train.run("denoise-nlm")
    for model in ("denoise-blind", "denoise-nlm"):
        assert words[objective] in evaluate.run(model)
        metrics: dict[str, Any] = json.loads((layout.report(model) / layout.METRICS).read_text())["test"]
        assert metrics[objective]["value"] is not None
        assert not {"psnr_db", "ssim", "nrmse"} & set(metrics)


@pytest.mark.usefixtures("tracked_project")
def test_a_model_that_needs_clean_images_says_what_to_do(tmp_path: Path) -> None:
    prepared(tmp_path / "lab", "noisy")
    with pytest.raises(BrightfieldError, match="Set training.blind_spots: true"):
        train.run("denoise-unet", options=TINY[:8])


@pytest.mark.usefixtures("tracked_project")
def test_what_is_scored_does_not_show_the_pixels_it_is_scored_by(tmp_path: Path) -> None:
    """An answer that copies what it was shown errs by more than the noise; one that copied the image would not err at all."""
    prepared(tmp_path / "lab", "noisy")
    task: Any = tasks.build("restoration", params.RestorationSettings())
    for record in ImageSet.prepared(layout.prepared(NAME), "test"):
        truth = task.learning.truth(record)
        counts = np.isfinite(truth.deviation)
        shown = task.learning.judged_pixels(record)
        assert 0.05 < counts.mean() < 0.2
        np.testing.assert_array_equal(shown[~counts], record.image[~counts])
        np.testing.assert_array_equal(truth.pixels, record.image)
        assert (shown[counts] != record.image[counts]).mean() > 0.5
