"""The truth of images that are answered, by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield import images
from brightfield.data.importing import IMPORTERS
from brightfield.data.importing.truths import clean_by_name, labels_by_name, positions_by_frame
from brightfield.errors import BrightfieldError
from tiny import SETTINGS

SEGMENTATION, RESTORATION, TRACKING = (SETTINGS[kind] for kind in ("segmentation", "restoration", "tracking"))


def frame(path: Path, shape: tuple[int, int] = (20, 30)) -> images.Frame:
    return images.Frame(images.stem(path), np.zeros(shape, np.uint8), path, images.Header())


def labels(number: int = 1) -> np.ndarray:
    ids = np.zeros((20, 30), np.uint16)
    ids[5:12, 5:15] = number
    return ids


@pytest.mark.parametrize("file", ["a.tif", "a_labels.tif", "A_cp_masks.tif", "deep/a_mask.tif"])
def test_labels_have_the_name_of_the_image(tmp_path: Path, file: str) -> None:
    (tmp_path / "truth" / file).parent.mkdir(parents=True)
    tifffile.imwrite(tmp_path / "truth" / file, labels())
    truth = labels_by_name(tmp_path / "truth", SEGMENTATION)
    found = truth(frame(Path("images/a.png")), 0)
    assert found is not None
    assert found["labels"].sum() == 70
    assert truth(frame(Path("images/b.png")), 1) is None


def test_labels_may_lie_in_a_folder_for_each_image(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b"), start=1):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "labels.tif", labels(number))
        tifffile.imwrite(tmp_path / name / "image.tif", np.full((20, 30), 9, np.uint16))
    truth = labels_by_name(tmp_path, SEGMENTATION)
    for path in (tmp_path / "b" / "image.tif", Path("elsewhere/b.tif")):
        found = truth(frame(path), 0)
        assert found is not None
        assert found["labels"].max() == 2


def test_labels_beside_their_image_are_the_labels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 60_000, (20, 30), dtype=np.uint16))
    tifffile.imwrite(tmp_path / "a_labels.tif", labels())
    found = labels_by_name(tmp_path, SEGMENTATION)(frame(tmp_path / "a.tif"), 0)
    assert found is not None
    assert found["labels"].max() == 1


def test_truth_of_another_size_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", labels())
    for reader, settings in ((labels_by_name, SEGMENTATION), (clean_by_name, RESTORATION)):
        with pytest.raises(BrightfieldError, match="20 x 30 pixels, expected the size of a: 40 x 50"):
            reader(tmp_path, settings)(frame(Path("a.tif"), (40, 50)), 0)


def test_repeats_are_averaged(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([np.full((20, 30), v, np.uint16) for v in (10, 20, 60)]), photometric="minisblack"
    )
    found = clean_by_name(tmp_path, RESTORATION)(frame(Path("a.tif")), 0)
    assert found is not None
    assert (found["clean"] == 30).all()


def test_positions_go_by_frame_or_by_image(tmp_path: Path) -> None:
    (tmp_path / "positions.csv").write_text("frame,x,y\n0,3,4\n0,10,11\n2,,\n")
    truth = positions_by_frame(tmp_path, TRACKING)
    found = [truth(frame(Path(f"f{number}.png")), number) for number in range(3)]
    assert found[0] is not None
    assert found[0]["positions"].tolist() == [[3, 4], [10, 11]]
    assert found[1] is None
    assert found[2] is not None
    assert found[2]["positions"].shape == (0, 2)
    (tmp_path / "named.csv").write_text("frame,x,y,image\n0,3,4,f7\n")
    named = positions_by_frame(tmp_path / "named.csv", TRACKING)
    assert named(frame(Path("f0.png")), 0) is None
    assert named(frame(Path("f7.png")), 5) is not None


@pytest.mark.parametrize("kind", [kind for kind, importer in IMPORTERS.items() if importer.truths is not None])
def test_a_source_without_truth_is_refused(tmp_path: Path, kind: str) -> None:
    reader = IMPORTERS[kind].truths
    assert reader is not None
    (tmp_path / "notes.txt").write_text("nothing")
    for source in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BrightfieldError, match="expected"):
            reader(source, SETTINGS[kind])
