"""Probabilities for another acquisition, from a few labelled images of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import tiny
from brightfield import images, layout, params, prediction, tasks
from brightfield.cli import app
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle
from brightfield.prediction.recalibration import recalibrated
from brightfield.system.files import atomic_folder

pytestmark = pytest.mark.usefixtures("brightness_is_the_answer")
DARKENED = -1.5  # what another lamp takes from every logit
LABELLED = 60  # labelled images


@pytest.fixture
def crops(project: Path) -> Path:
    """Labelled crops whose probabilities the new lamp has shifted, and a model that knows nothing of it."""
    chosen = {"size_px": 32, "threshold": 0.4, "temperature": 2.0, "bias": 0.5}
    settings = params.load().tasks["rbc"].settings.model_copy(update=chosen)
    model = tiny.model("classification").model_copy(update={"task": "rbc"})
    with atomic_folder(layout.model("rbc", "mine")) as folder:
        network = tasks.build("classification", settings).learning.network(model)
        bundle.write(folder, "mine", "rbc", settings, model, network, {})
    rng = np.random.default_rng(0)
    for i in range(LABELLED):
        honest = rng.normal(0, 2)
        good = rng.random() < 1 / (1 + np.exp(-honest))
        probability = 1 / (1 + np.exp(-2.0 * (honest - 0.5 + DARKENED)))  # by temperature and bias: honest + DARKENED
        crop = np.clip(probability * 255 + rng.normal(0, 1, (32, 32, 3)), 0, 255)
        path = project / "few" / ("good" if good else "bad") / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.write_png(path, crop.round().astype(np.uint8))
    return Path("few")


def test_a_shift_of_all_probabilities_is_undone_and_the_threshold_stays(crops: Path) -> None:
    before = prediction.load("rbc", "mine")
    after, summary = recalibrated(before, crops)
    settings = after.task.settings
    assert settings.bias == pytest.approx(0.5 - DARKENED, abs=0.6)
    assert settings.temperature == pytest.approx(2.0, rel=0.4)
    assert settings.threshold == 0.4
    assert summary.startswith(f"Recalibrated on {LABELLED} images of few: temperature 2.00 -> ")
    assert "bias +0.50 -> +" in summary


def test_labelled_images_are_magnified_as_the_others_are(crops: Path, seen_crops: list[np.ndarray]) -> None:
    prediction.load_recalibrated("rbc", "mine", crops, magnify=2.0)
    assert len(seen_crops) == LABELLED
    first = images.read(images.files([crops / "bad"])[0])
    np.testing.assert_array_equal(seen_crops[0], images.framed(images.magnified(first, 2.0), 32))


def test_answers_are_those_of_the_recalibrated_model(crops: Path) -> None:
    def predict(*options: str) -> str:
        result = CliRunner().invoke(app, ["predict", "rbc", "few/good", "few/bad", "--model", "mine", *options])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "Recalibrated" not in predict("-o", "plain")
    for where in (("-o", "mended"), ("--sort", "sorted")):
        assert f"Recalibrated on {LABELLED} images of {crops}" in predict(*where, "--recalibrate", "few")
    plain, mended = (pd.read_csv(f"{name}/labels.csv").set_index("image") for name in ("plain", "mended"))
    by_sorting = pd.read_csv("sorted/sorted.csv")
    share_good = len(list(Path("few/good").iterdir())) / LABELLED
    assert abs(mended["probability"].mean() - share_good) < 0.03 < abs(plain["probability"].mean() - share_good)
    assert (mended["probability"] > plain["probability"]).all()
    names = by_sorting["image"].str.removesuffix(".png").astype(int)
    expected = mended.set_axis(mended.index.astype(int))["probability"]
    np.testing.assert_allclose(by_sorting["probability"], expected[names], rtol=1e-4)


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("nowhere", "nowhere has no folder bad: expected one for each class, bad and good"),
        ("fewer", "contains 2 images: expected at least 5"),
    ],
)
def test_labelled_images_that_do_not_serve_are_refused(crops: Path, folder: str, message: str) -> None:
    for path in [*sorted(crops.glob("bad/*.png"))[:2], *sorted(crops.glob("good/*.png"))[:9]]:
        target = Path("fewer") / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    with pytest.raises(BrightfieldError, match=message):
        prediction.load_recalibrated("rbc", "mine", Path(folder))


def test_a_task_without_probabilities_has_nothing_to_recalibrate(project: Path, crops: Path) -> None:
    model = tiny.model("tracking").model_copy(update={"task": "beads"})
    settings = tiny.SETTINGS["tracking"]
    with atomic_folder(layout.model("beads", "mine")) as folder:
        bundle.write(
            folder, "mine", "beads", settings, model, tasks.build("tracking", settings).learning.network(model), {}
        )
    with pytest.raises(BrightfieldError, match="Task 'beads' has no probabilities of classes"):
        prediction.load_recalibrated("beads", "mine", crops)
