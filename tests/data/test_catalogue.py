"""A lab's images become a dataset that models can be pointed to, wholly or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from brightfield import images, layout, params
from brightfield.data import catalogue
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.system import versioning


@pytest.fixture
def repository(project: Path) -> Path:
    """A project folder under git and DVC."""
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=project, check=True)
    return project


@pytest.fixture
def untracked(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder in which DVC, which takes seconds, is not asked."""
    monkeypatch.setattr(versioning, "track", lambda folder: None)
    return project


@pytest.fixture
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of six smears, in folders good and bad."""
    folder, rng = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    for name in ("good", "bad"):
        (folder / name).mkdir()
        for smear in range(6):
            for i in range(2):
                crop = rng.integers(0, 255, (85, 85, 3), dtype=np.uint8)
                images.write_png(folder / name / f"{smear:03d}_{i}_0.png", crop)
    return folder


def test_an_import_is_stored_tracked_and_entered(repository: Path, crops: Path) -> None:
    report = catalogue.add("rbc", crops, "smears", licence="CC0")
    assert (report.images, report.groups) == (24, 6)
    assert len(ImageSet.raw(layout.raw("smears"))) == 24
    assert "md5" in (repository / "data/raw/smears.dvc").read_text()
    assert params.load().datasets["smears"].kind == "classification"


def test_models_ensembles_and_the_contest_are_pointed_to_it(untracked: Path, crops: Path) -> None:
    catalogue.add("rbc", crops, "smears")
    catalogue.use("smears")
    settings = params.load()
    assert settings.tasks["rbc"].dataset == "smears"
    assert {m.dataset for m in settings.models.values() if m.task == "rbc"} == {"smears"}
    assert settings.ensembles["rbc-ensemble"].dataset == "smears"
    assert settings.models["beads-unet"].dataset == "beads"


def test_one_model_alone_can_be_pointed_to_it(untracked: Path, crops: Path) -> None:
    catalogue.add("rbc", crops, "smears")
    assert catalogue.use("smears", ["rbc-compact"]) == ["models.rbc-compact.dataset"]
    assert params.load().models["rbc-convnet"].dataset == "rbc"


def test_the_recipe_adds_a_model_that_begins_with_the_starter_and_the_baselines(untracked: Path, crops: Path) -> None:
    before = set(params.load().models)
    catalogue.add("rbc", crops, "smears")
    added = catalogue.use_recipe("smears")
    settings = params.load()
    assert set(settings.models) == before | set(added)
    assert added == ["smears-own", "smears-features"]
    own = settings.models["smears-own"]
    assert own.training is not None
    assert (own.dataset, own.training.init_from, own.test_time_augmentation) == ("smears", layout.STARTER, 8)
    assert own.network == params.load(layout.RECIPE).models["rbc"].network
    assert settings.models["smears-features"].is_baseline
    assert settings.tasks["rbc"].dataset == "smears"
    assert settings.models["rbc-convnet"].dataset == "rbc"


def test_the_recipe_of_frames_with_positions_begins_with_the_hybrid_starter(untracked: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    source = tmp_path / "frames"
    source.mkdir()
    for i in range(12):
        images.write_tiff(source / f"m{i}.tif", rng.integers(0, 255, (64, 64), dtype=np.uint8))
    rows = "".join(f"m{i}.tif,{i},{10 + 4 * i},30\n" for i in range(12))
    (source / "positions.csv").write_text("image,frame,x,y\n" + rows, encoding="utf-8")
    catalogue.add("beads", source, "own", positions=source / "positions.csv")
    assert catalogue.use_recipe("own") == ["own-own", "own-correlation"]
    own = params.load().models["own-own"]
    assert own.settings["hybrid"]
    assert own.training is not None
    assert own.training.init_from == layout.STARTER


def test_the_recipe_of_noisy_images_alone_hides_what_has_the_same_noise(untracked: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "dim").mkdir()
    for i in range(12):
        stripes = rng.normal(0, 20, (96, 1)) + rng.normal(0, 2, (96, 96))
        images.write_tiff(tmp_path / "dim" / f"s{i}.tif", np.clip(200 + stripes, 0, 65535).astype(np.uint16))
    catalogue.add("denoise", tmp_path / "dim", "dim", noisy=True)
    assert catalogue.use_recipe("dim")[0] == "dim-own"
    training = params.load().models["dim-own"].training
    assert training is not None
    assert (training.blind_spots, training.blind_mask, training.init_from) == (True, "row", None)


def test_frames_without_positions_are_not_taken_for_noisy_images(untracked: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "fields").mkdir()
    for i in range(12):
        images.write_tiff(tmp_path / "fields" / f"s{i}.tif", rng.integers(0, 4000, (96, 96), dtype=np.uint16))
    catalogue.add("beads", tmp_path / "fields", "fields")
    assert catalogue.use_recipe("fields")[0] == "fields-own"
    training = params.load().models["fields-own"].training
    assert training is not None
    assert training.init_from == layout.STARTER


def test_the_recipe_is_added_once(untracked: Path, crops: Path) -> None:
    catalogue.add("rbc", crops, "smears")
    catalogue.use_recipe("smears")
    before = (untracked / "params.yaml").read_bytes()
    with pytest.raises(BrightfieldError, match=r"params\.yaml has models\.smears-own already"):
        catalogue.use_recipe("smears")
    assert (untracked / "params.yaml").read_bytes() == before


def test_without_a_starter_there_is_no_recipe(untracked: Path, crops: Path, starters_folder: Path) -> None:
    catalogue.add("rbc", crops, "smears")
    with pytest.raises(
        BrightfieldError, match="Task 'rbc' has no starter, so there is no recipe.*brightfield use smears"
    ):
        catalogue.use_recipe("smears")


def test_a_model_of_another_task_is_refused(untracked: Path, crops: Path) -> None:
    catalogue.add("rbc", crops, "smears")
    with pytest.raises(BrightfieldError, match="belongs to task 'rbc', model 'beads-unet' to another"):
        catalogue.use("smears", ["beads-unet"])


def test_a_bad_file_leaves_nothing_behind(project: Path, crops: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    (crops / "bad" / "broken_1_1.png").write_bytes((crops / "bad" / "000_0_0.png").read_bytes()[:300])
    with pytest.raises(BrightfieldError, match=r"broken_1_1\.png"):
        catalogue.add("rbc", crops, "smears")
    assert not layout.raw("smears").exists()
    assert (project / "params.yaml").read_bytes() == before


def test_a_name_that_is_taken_is_refused_before_anything_is_read(project: Path) -> None:
    with pytest.raises(BrightfieldError, match="There is a dataset 'rbc' already"):
        catalogue.add("rbc", project / "nowhere", "rbc")


def test_without_a_repository_dvc_refuses_and_nothing_is_left(project: Path, crops: Path) -> None:
    with pytest.raises(BrightfieldError, match="DVC could not track"):
        catalogue.add("rbc", crops, "smears")
    assert not layout.raw("smears").exists()
    assert "smears" not in params.load().datasets
