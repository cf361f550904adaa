"""`brightfield predict` on files, with a model that was trained here, for every kind of task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

import tiny
from brightfield import images, layout, params, prediction, tasks
from brightfield.data import coverage
from brightfield.data.coverage import Coverage
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle
from brightfield.system.files import atomic_folder
from trained import TASKS, write_bundle

TABLES = {
    "classification": "labels.csv",
    "tracking": "positions.csv",
    "segmentation": "regions.csv",
    "restoration": "images.csv",
}


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An 8-bit and a 16-bit image, neither square nor a multiple of anything."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    images.write_png(folder / "eight.png", blotches(rng, 91, 117, 255).astype(np.uint8))
    images.write_tiff(folder / "sixteen.tif", blotches(rng, 150, 77, 60_000).astype(np.uint16))
    return folder


def blotches(rng: np.random.Generator, height: int, width: int, top: int) -> np.ndarray:
    """Squares of different light under a little noise: in noise alone no cell would be answered."""
    coarse = rng.integers(0, 0.9 * top, (height // 7 + 1, width // 7 + 1))
    return np.kron(coarse, np.ones((7, 7)))[:height, :width] + rng.integers(0, 0.1 * top, (height, width))


@pytest.mark.parametrize("kind", [kind for kind in tiny.KINDS if kind != "classification"])
def test_images_of_any_size_and_depth_are_answered(project: Path, pictures: Path, kind: str) -> None:
    write_bundle(kind)
    written = prediction.predict(TASKS[kind], [pictures], Path("out"), reference="mine").files
    assert all(path.is_file() for path in written)
    assert {"eight_overlay.png", "sixteen_overlay.png", TABLES[kind]} <= {path.name for path in written}
    for path in written:
        if path.suffix == ".tif":
            expected = (91, 117) if path.name.startswith("eight") else (150, 77)
            assert tifffile.imread(path).shape == expected


def test_crops_of_any_size_are_answered(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, rng = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    for name, shape in (("a", (85, 85, 3)), ("b", (60, 101, 3))):
        images.write_png(folder / f"{name}.png", rng.integers(0, 255, shape, dtype=np.uint8))
    write_bundle("classification")
    prediction.predict("rbc", [folder], Path("out"), reference="mine")
    table = pd.read_csv("out/labels.csv")
    assert list(table["image"]) == ["a", "b"]
    assert table["probability"].between(0, 1).all()
    assert set(table["answer"]) <= {"bad", "good"}


@pytest.mark.parametrize(("asked", "drawn"), [(None, 2), (3, 3), (0, 0)])
def test_of_crops_the_first_are_drawn(
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    asked: int | None,
    drawn: int,
) -> None:
    monkeypatch.setattr("brightfield.prediction.folder.CROPS_DRAWN", 2)
    folder, rng = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    for name in "abcd":
        images.write_png(folder / f"{name}.png", rng.integers(0, 255, (85, 85, 3), dtype=np.uint8))
    write_bundle("classification")
    written = prediction.predict("rbc", [folder], Path("out"), reference="mine", overlays=asked).files
    assert [path.name for path in written if path.suffix == ".png"] == [
        f"{name}_overlay.png" for name in "abcd"[:drawn]
    ]
    assert len(pd.read_csv("out/labels.csv")) == 4


def test_a_stack_is_answered_frame_by_frame(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("stack") / "movie.tif"
    tifffile.imwrite(
        path, np.random.default_rng(0).integers(0, 4000, (3, 64, 48), dtype=np.uint16), photometric="minisblack"
    )
    write_bundle("tracking")
    written = prediction.predict("beads", [path], Path("out"), reference="mine").files
    assert sum(path.suffix == ".png" for path in written) == 3


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_doubtful_answers_are_named_with_what_is_unlike_the_training(
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    folder = tmp_path_factory.mktemp("unlike")
    known = tiny.records(kind, 40, groups=10)
    usual, odd = (record.image for record in tiny.records(kind, 2, seed=9))
    np.save(folder / "usual.npy", usual)
    # a fifth of the light, and noise that no image had
    dim = 0.2 * odd + np.random.default_rng(0).normal(0, 0.2 * odd.std(), odd.shape)
    np.save(folder / "odd.npy", np.clip(dim, 0, None).astype(odd.dtype))
    write_bundle(kind, covered=Coverage.fit(coverage.measure_records(known)))
    answering = tasks.KINDS[kind].answering_class
    assert answering.doubts is not None
    monkeypatch.setattr(answering, "doubted", lambda _, agreements: [0.9, 0.1][: len(agreements)])  # odd, usual
    summary = prediction.predict(TASKS[kind], [folder], Path("out"), reference="mine")
    table = pd.read_csv(
        next(path for path in summary.files if path.name in (*TABLES.values(), "images.csv") and _by_image(path))
    )
    found = table.groupby("image")[["outside", "doubt", "distance"]].first()
    assert set(found.index) <= {"usual", "odd"}
    for name, outside in {"usual": 0, "odd": 1}.items():
        if name in found.index:  # a frame in which no bead was found has no row
            assert found.loc[name, "outside"] == outside
            assert found.loc[name, "doubt"] == [0.1, 0.9][outside]
            assert (found.loc[name, "distance"] > 1) == bool(outside)
    assert summary.warning is not None
    assert summary.warning.startswith("1 of 2 answers are doubtful")
    assert f"expected error is 0.90 ({answering.doubts.measure})" in summary.warning
    assert f"What differs most from the training data is their {summary.compared['farthest'][0]}." in summary.warning
    assert "Look at odd first." in summary.warning
    assert capsys.readouterr().out == ""  # the command line shows it


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_every_answer_has_a_doubt_also_of_a_model_that_covers_nothing(project: Path, kind: str) -> None:
    given = {record.id: record.image for record in tiny.records(kind, 3)}
    Path("in").mkdir()
    for name, image in given.items():
        np.save(f"in/{name}.npy", image)
    write_bundle(kind)
    first, again = (
        prediction.predict(TASKS[kind], [Path("in")], Path(out), reference="mine").compared for out in ("a", "b")
    )
    assert list(first.columns) == ["image", "outside", "doubt"]
    assert list(first["image"]) == list(given)
    assert first["doubt"].between(0, 1).all()
    rules = tasks.KINDS[kind].answering_class.doubts
    assert rules is not None
    assert list(first["outside"]) == list((first["doubt"] > rules.limit).astype(int))
    pd.testing.assert_frame_equal(first, again)


def _by_image(path: Path) -> bool:
    return "outside" in pd.read_csv(path, nrows=0).columns


def test_the_command_shows_warning_and_files(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from brightfield.cli import app

    compared = pd.DataFrame({"image": ["a"], "outside": [1], "doubt": [0.7]})
    listing = images.Listing((Path("a.png"),), {Path("a_labels.tif"): "written by Brightfield"})
    summary = prediction.PredictionSummary(
        [Path("out/a_overlay.png"), Path("out/labels.csv")],
        compared,
        "Recalibrated on 9.",
        listing,
        warning="1 of 1 answers are doubtful.",
    )
    monkeypatch.setattr(prediction, "predict", lambda *args, **options: summary)
    app(["predict", "rbc", "a.png", "-o", "out"], standalone_mode=False)
    first, second, third, *rest = capsys.readouterr().out.splitlines()
    assert first == "Recalibrated on 9."
    assert second == "warning: 1 of 1 answers are doubtful."
    assert third == "2 files in out: labels.csv"
    assert rest == ["Found: 2, taken: 1, left out: 1.", "Left out: a_labels.tif: written by Brightfield."]


def test_answers_are_not_overwritten_unasked_and_no_image_is_read_for_nothing(project: Path, pictures: Path) -> None:
    write_bundle("restoration")
    prediction.predict("denoise", [pictures], Path("out"), reference="mine")
    with pytest.raises(BrightfieldError, match="already"):
        prediction.predict("denoise", [Path("no images here")], Path("out"), reference="mine")
    assert prediction.predict("denoise", [pictures], Path("out"), reference="mine", overwrite=True).files


@pytest.mark.parametrize(
    ("task", "reference", "message"),
    [
        ("bacterio", "mine", "Did you mean 'bacteria'"),
        ("denoise", "nobody", r"has no 'nobody' for 'denoise'.*Trained here: mine"),
        ("beads", "models/denoise/mine", "is a model of task 'denoise': expected one of 'beads'"),
    ],
)
def test_an_unknown_task_or_model_is_said(
    tracked_project: Path, pictures: Path, task: str, reference: str, message: str
) -> None:
    write_bundle("restoration")
    with pytest.raises(BrightfieldError, match=message):
        prediction.predict(task, [pictures], Path("out"), reference=reference)
    assert not Path("out").exists()


def test_leftovers_and_own_answers_are_counted_and_not_answered(project: Path, pictures: Path) -> None:
    write_bundle("segmentation")
    for name in ("eight.png", "sixteen.tif"):
        Path(name).write_bytes((pictures / name).read_bytes())
    np.save("eight_seg.npy", np.array({"masks": 0}, dtype=object))
    images.write_png(Path("eight_cp_masks.png"), np.zeros((91, 117), np.uint8))
    first = prediction.predict("bacteria", [Path()], Path(), reference="mine")
    again = prediction.predict("bacteria", [Path()], Path(), reference="mine", overwrite=True)
    assert {path.name for path in again.files} == {path.name for path in first.files}
    assert again.listing is not None
    assert [path.name for path in again.listing.taken] == ["eight.png", "sixteen.tif"]
    assert again.listing.left_out["written by Cellpose"] == 2
    assert again.listing.left_out["written by Brightfield"] == 6
    assert "Left out: eight_classes.tif, eight_labels.tif, eight_overlay.png and 3 more: written by Brightfield." in (
        again.listing.lines()
    )


def test_images_of_one_name_are_told_apart_by_a_column(project: Path, pictures: Path) -> None:
    write_bundle("segmentation")
    for day in ("monday", "tuesday"):
        Path("lab", day).mkdir(parents=True)
        images.write_png(Path("lab", day, "eight.png"), images.read(pictures / "eight.png"))
    prediction.predict("bacteria", [Path("lab/monday"), Path("lab/tuesday")], Path("out"), reference="mine")
    table = pd.read_csv("out/images.csv")
    assert table.columns[-1] == "source"
    assert dict(zip(table["image"], table["source"], strict=True)) == {
        "eight": "monday/eight.png",
        "eight_2": "tuesday/eight.png",
    }
    regions = pd.read_csv("out/regions.csv")
    assert set(regions["source"]) <= {"monday/eight.png", "tuesday/eight.png"}
    prediction.predict("bacteria", [Path("lab/monday")], Path("alone"), reference="mine")
    assert "source" not in pd.read_csv("alone/images.csv")  # there the name of an image tells its file
    images.write_tiff(Path("lab/monday/eight.tif"), images.read(pictures / "eight.png"))
    prediction.predict("bacteria", [Path("lab/monday")], Path("twice"), reference="mine")
    assert list(pd.read_csv("twice/images.csv")["source"]) == ["eight.png", "eight.tif"]


def test_a_folder_without_images_is_said(project: Path) -> None:
    write_bundle("restoration")
    Path("empty").mkdir()
    with pytest.raises(BrightfieldError, match="no images in the folder empty"):
        prediction.predict("denoise", [Path("empty")], Path("out"), reference="mine")


# --- fluorescence -------------------------------------------------------------------------------------------------------


def species_model(name: str) -> None:
    """An untrained network that sees fluorescence and answers species."""
    torch.manual_seed(0)
    own = {"scheme": "species", "fluorescence": True, "min_area_px": 1}
    model = tiny.model("segmentation").model_copy(update={"task": "bacteria", "settings": own})
    settings = params.load().settings_of(model)
    network = tasks.build("segmentation", settings).learning.network(model)
    with atomic_folder(layout.model("bacteria", name)) as folder:
        bundle.write(folder, name, "bacteria", settings, model, network, {}, None)


@pytest.fixture
def glowing(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("glow"), np.random.default_rng(1)
    images.write_png(folder / "eight.png", rng.integers(0, 255, (91, 117), dtype=np.uint8))
    images.write_png(folder / "sixteen.png", rng.integers(0, 255, (150, 77), dtype=np.uint8))
    return folder


def test_a_model_sees_fluorescence_and_every_cell_is_measured_in_it(
    project: Path, pictures: Path, glowing: Path
) -> None:
    species_model("glow")
    prediction.predict("bacteria", [pictures], Path("out"), reference="glow", fluorescence=glowing)
    table = pd.read_csv("out/regions.csv")
    assert set(table["species"]) <= {"Myxococcus", "E. coli"}
    assert len(table)
    assert table["species_probability"].between(0.5, 1).all()
    light = images.read(glowing / "eight.png")
    labels = tifffile.imread("out/eight_labels.tif")
    first = table[table["image"] == "eight"].iloc[0]
    assert first["fluorescence_mean"] == pytest.approx(light[labels == first["label"]].mean())
    assert {"Myxococcus", "E. coli"} <= set(pd.read_csv("out/images.csv").columns)


def test_a_model_without_is_measured_in_it_all_the_same(project: Path, pictures: Path, glowing: Path) -> None:
    write_bundle("segmentation")
    prediction.predict("bacteria", [pictures], Path("out"), reference="mine", fluorescence=glowing)
    assert "fluorescence_mean" in pd.read_csv("out/regions.csv")


def test_fluorescence_that_is_not_of_the_same_images_is_refused(project: Path, pictures: Path, glowing: Path) -> None:
    species_model("glow")
    with pytest.raises(BrightfieldError, match="Image eight has no fluorescence, .*--fluorescence"):
        prediction.predict("bacteria", [pictures], Path("out"), reference="glow")
    (glowing / "sixteen.png").rename(glowing / "other.png")
    with pytest.raises(BrightfieldError, match="--fluorescence has other where sixteen is expected"):
        prediction.predict("bacteria", [pictures], Path("out2"), reference="glow", fluorescence=glowing)
    images.write_png(glowing / "eight.png", np.zeros((90, 117), np.uint8))
    with pytest.raises(BrightfieldError, match=r"fluorescence of eight has shape \(90, 117\), its image \(91, 117\)"):
        prediction.predict("bacteria", [pictures], Path("out3"), reference="glow", fluorescence=glowing)


def test_what_of_a_file_was_not_read_and_its_times_are_told(project: Path, tmp_path: Path) -> None:
    write_bundle("restoration")
    movie = np.random.default_rng(0).integers(0, 4000, (3, 40, 50), dtype=np.uint16)
    stated = {"axes": "TYX", "finterval": 0.5}
    tifffile.imwrite(tmp_path / "run.tif", movie, imagej=True, metadata=stated)
    prediction.predict("denoise", [tmp_path / "run.tif"], Path("out"), reference="mine")
    table = pd.read_csv("out/images.csv")
    assert table["time_s"].tolist() == [0, 0.5, 1]
    with tifffile.TiffWriter(tmp_path / "one.tif") as tiff:
        tiff.write(movie[0], metadata=None)
        tiff.write(np.ascontiguousarray(movie[0, ::4, ::4]), subfiletype=1, metadata=None)
    summary = prediction.predict("denoise", [tmp_path / "one.tif"], Path("other"), reference="mine")
    assert summary.notes[1] == (
        "one: the image of 40 x 50 px was read, not its thumbnails, pyramid levels or masks (10 x 13 px)."
    )
