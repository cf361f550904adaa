"""Class folders of crops."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from brightfield.data.importing import import_dataset
from brightfield.data.splitting import split_groups
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import ClassificationSettings

Put = Callable[..., np.ndarray]
COLOUR = (20, 24, 3)


@pytest.fixture
def smears(source: Path, put: Put) -> dict[str, np.ndarray]:
    """Crops by name: two classes, one with kinds below it, sizes mixed."""
    return {
        name: put(f"{name}.png", i, (20 + i, 24, 3))
        for i, name in enumerate(["good/001_5_6", "good/002_5_6", "bad/sick/001_5_6", "bad/blurred/far/003_1_1"])
    }


def test_labels_kinds_groups_and_pixels(source: Path, destination: Path, smears: dict[str, np.ndarray]) -> None:
    report = import_dataset("classification", source, destination, settings=ClassificationSettings())
    images = {record.id: record for record in ImageSet.raw(destination)}
    assert set(images) == {"good_001_5_6", "good_002_5_6", "bad_sick_001_5_6", "bad_blurred_far_003_1_1"}
    assert {name: (r.row["label"], r.row["kind"], r.group) for name, r in images.items()} == {
        "good_001_5_6": (1, "good", "001"),
        "good_002_5_6": (1, "good", "002"),
        "bad_sick_001_5_6": (0, "sick", "001"),
        "bad_blurred_far_003_1_1": (0, "blurred/far", "003"),
    }
    for name, image in smears.items():
        np.testing.assert_array_equal(images[name.replace("/", "_")].image, image)
    assert report.counts == {"bad": 2, "good": 2}
    assert report.groups == 3
    assert report.warnings == []


def test_the_second_class_of_the_task_is_the_positive_one(source: Path, destination: Path, put: Put) -> None:
    put("accept/1_1.png", 0, COLOUR)
    put("reject/2_1.png", 1, COLOUR)
    settings = ClassificationSettings(classes=["accept", "reject"])
    import_dataset("classification", source, destination, settings=settings)
    assert ImageSet.raw(destination).index.set_index("group")["label"].to_dict() == {"1": 0, "2": 1}
    assert "kind" not in ImageSet.raw(destination).index  # nothing below the class folders


@pytest.mark.parametrize("names", [["good"], ["good", "bad", "unsure"], ["Good", "bad"], []])
def test_folders_must_be_the_classes(source: Path, destination: Path, put: Put, names: list[str]) -> None:
    for i, name in enumerate(names):
        put(f"{name}/1_{i}.png", i, COLOUR)
    put("lone.png", 99, COLOUR)
    found = ", ".join(sorted(names, key=str.lower)) or "none"
    with pytest.raises(
        BrightfieldError, match=f"has the folders {found} and 1 images beside them, expected .*: bad, good"
    ):
        import_dataset("classification", source, destination, settings=ClassificationSettings())
    assert not destination.exists()


@pytest.fixture
def sorted_crops(source: Path, put: Put) -> Path:
    """What `predict --sort` leaves, with three images nobody has decided on."""
    for i, name in enumerate(["good/001_1", "bad/002_1", "unsure/003_1", "unsure/003_2", "unsure/blurred/004_1"]):
        put(f"{name}.png", i, COLOUR)
    put("least-certain.png", 9, COLOUR)
    (source / "sorted.csv").write_text("image,sorted_into\n")
    return source


def test_what_is_left_unsure_is_left_out_and_counted(sorted_crops: Path, destination: Path) -> None:
    report = import_dataset("classification", sorted_crops, destination, settings=ClassificationSettings())
    assert report.counts == {"bad": 1, "good": 1}
    assert len(report.warnings) == 4  # and too few groups
    assert report.warnings[0] == "least-certain.png: written by Brightfield, left out"
    assert "a model's predictions (sorted.csv)" in report.warnings[1]
    assert "3 images in unsure/ have no label yet and were left out" in report.warnings[2]
    assert "move each into bad/ or good/" in report.warnings[2]
    assert (report.found, report.taken) == (7, 3)
    assert report.left_out == {"in unsure/": 3, "written by Brightfield": 1}


@pytest.mark.parametrize("gone", ["folder", "images"])
def test_a_sorted_folder_in_which_all_is_decided_is_one_of_crops(
    sorted_crops: Path, destination: Path, put: Put, gone: str
) -> None:
    shutil.rmtree(sorted_crops / "unsure")
    if gone == "images":
        (sorted_crops / "unsure").mkdir()
        (sorted_crops / "unsure" / ".DS_Store").write_bytes(b"of a file browser")
    put("good/003_1.png", 20, COLOUR)
    report = import_dataset("classification", sorted_crops, destination, settings=ClassificationSettings())
    assert report.images == 3
    first, second, *rest = report.warnings
    assert first == "least-certain.png: written by Brightfield, left out"
    assert "unsure" not in second
    hidden = ["unsure/.DS_Store: hidden, or of a file browser, left out"] if gone == "images" else []
    assert rest == hidden


def test_unsure_beside_the_classes_is_foreign_where_nothing_was_sorted(sorted_crops: Path, destination: Path) -> None:
    (sorted_crops / "sorted.csv").unlink()
    with pytest.raises(BrightfieldError, match="has the folders bad, good, unsure and 1 images beside them"):
        import_dataset("classification", sorted_crops, destination, settings=ClassificationSettings())


def test_a_sorted_folder_must_have_the_classes_of_the_task(sorted_crops: Path, destination: Path) -> None:
    settings = ClassificationSettings(classes=["reject", "accept"])
    with pytest.raises(
        BrightfieldError, match="has the folders bad, good, expected one for each class: reject, accept"
    ):
        import_dataset("classification", sorted_crops, destination, settings=settings)


def test_an_empty_class_is_a_problem(source: Path, destination: Path, put: Put) -> None:
    put("good/1_1.png", 0, COLOUR)
    (source / "bad").mkdir()
    with pytest.raises(BrightfieldError, match="bad has no images, expected crops of the class bad"):
        import_dataset("classification", source, destination, settings=ClassificationSettings())


def test_channels_must_be_those_of_the_task(
    source: Path, destination: Path, put: Put, smears: dict[str, np.ndarray]
) -> None:
    put("bad/009_0_0.png", 50)
    with pytest.raises(BrightfieldError, match=r"bad/009_0_0.png is grey \(1 channel\), expected images in colour"):
        import_dataset("classification", source, destination, settings=ClassificationSettings())
    with pytest.raises(BrightfieldError, match=r"good/001_5_6.png is in colour .* expected images grey") as caught:
        import_dataset("classification", source, destination, settings=ClassificationSettings(channels=1))
    assert "4 problems" in str(caught.value)


def test_alpha_is_dropped_and_grey_saved_as_colour_is_grey(source: Path, destination: Path, put: Put) -> None:
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (20, 24, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    (source / "bad").mkdir()
    PIL.Image.fromarray(rgba, mode="RGBA").save(source / "bad" / "1_1.png")
    put("good/2_1.png", 3, COLOUR)
    import_dataset("classification", source, destination, settings=ClassificationSettings())
    np.testing.assert_array_equal(ImageSet.raw(destination)[0].image, rgba[..., :3])

    for i, name in enumerate(("bad/1_1", "good/2_1")):
        grey = rng.integers(0, 256, (20, 24), dtype=np.uint8) // (i + 1)
        PIL.Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(source / f"{name}.png")
    other = destination.with_name("grey")
    import_dataset("classification", source, other, settings=ClassificationSettings(channels=1))
    assert ImageSet.raw(other)[0].image.shape == (20, 24)


def test_the_same_crop_in_both_classes_names_both(source: Path, destination: Path, put: Put) -> None:
    put("bad/1_1.png", 7, COLOUR)
    put("good/2_2.png", 7, COLOUR)
    with pytest.raises(BrightfieldError, match="bad/1_1.png and good/2_2.png hold the same pixels"):
        import_dataset("classification", source, destination, settings=ClassificationSettings())


@pytest.mark.slow
def test_real_crops(real: Path, destination: Path) -> None:
    report = import_dataset("classification", real / "rbc", destination, settings=ClassificationSettings())
    index = ImageSet.raw(destination).index
    assert report.counts == {"bad": 2497, "good": 919}
    assert report.images == len(index) == 3416
    assert set(index["kind"]) == {"good", "sick", "out_of_focus", "overlapping", "failed_contour"}
    assert ((index["kind"] == "good") == (index["label"] == 1)).all()
    smears = {path.name.split("_")[0] for path in (real / "rbc").rglob("*.png")}
    assert set(index["group"]) == smears
    assert report.groups == len(smears)
    splits = split_groups(index["group"], validation=0.2, test=0.2, seed=0, strata=index["label"].tolist())
    share = index["label"].groupby(splits).mean()
    assert (share - index["label"].mean()).abs().max() < 0.005
