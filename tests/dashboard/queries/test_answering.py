"""Answers to uploaded files, which are hostile until they are read."""

from __future__ import annotations

import dataclasses
import io
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import tifffile

from brightfield import layout
from brightfield.data import coverage
from brightfield.data.coverage import Coverage
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.inference.bundle import Member
from brightfield.inference.predictor import Predictor
from brightfield.prediction import own_scale
from brightfield.prediction.own_scale import Measured
from brightfield.tasks.segmentation.answering import SegmentationAnswering
from queries import answering
from queries.answering import Upload


def png(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    PIL.Image.fromarray(array).save(target, format="PNG")
    return target.getvalue()


def tiff(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, array, photometric="minisblack")
    return target.getvalue()


def cells() -> np.ndarray:
    """Two dark squares of 20 x 20 px on a noisy grey ground, (80, 100) uint16."""
    image = np.random.default_rng(0).normal(20_000, 300, (80, 100))
    image[20:40, 20:40] = image[50:70, 60:80] = 5_000
    return image.astype(np.uint16)


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""
    header = struct.pack(">II5B", width, height, 8, 0, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(bytes(100)), b"IEND"]
    packed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def bomb(side: int) -> bytes:
    """A TIFF of zeros, compressed strip by strip, so that nothing of its size is in memory here."""
    target = io.BytesIO()
    rows = 100
    strips = iter([zlib.compress(bytes(rows * side))] * (side // rows))
    tifffile.imwrite(
        target,
        strips,
        shape=(side, side),
        dtype=np.uint8,
        rowsperstrip=rows,
        compression="zlib",
        photometric="minisblack",
    )
    return target.getvalue()


@pytest.fixture
def model(project: Path) -> Predictor:
    return answering.predictor("bacteria", "bacteria-watershed")


def test_references_are_what_is_trained_here(project: Path) -> None:
    assert answering.references("bacteria") == ["bacteria-ensemble", "bacteria-unet", "bacteria-watershed"]
    assert answering.references("denoise") == []


def test_a_starter_is_there_when_its_bundle_is(project: Path, starters_folder: Path) -> None:
    assert not answering.has_starter("bacteria")
    shutil.copytree(layout.model("bacteria", "bacteria-watershed"), starters_folder / "bacteria")
    assert answering.has_starter("bacteria")
    assert not answering.has_starter("beads")
    assert answering.predictor("bacteria", layout.STARTER) is not answering.predictor("bacteria", "bacteria-watershed")


def test_a_predictor_is_kept_until_its_bundle_changes(model: Predictor) -> None:
    assert answering.predictor("bacteria", "bacteria-watershed") is model
    assert answering.predictor("beads", "beads-correlation") is not model


def test_the_champion_comes_from_the_registry(project: Path) -> None:
    predictor = answering.predictor("bacteria", answering.CHAMPION)
    assert predictor.task_name == "bacteria"


def test_an_answer(model: Predictor) -> None:
    heard: list[str] = []
    answers = answering.answer(model, [Upload("my cells.tif", tiff(cells()))], heard.append)
    assert answers.problems == []
    assert heard == ["my_cells"]
    about = answers.about.to_dict("records")[0]
    assert (about["image"], about["size_px"], about["type"]) == ("my_cells", "100 x 80", "uint16")
    assert about["range"] == f"5000 to {cells().max()}"
    assert answers.tables["images.csv"]["cells"].tolist() == [2]
    assert len(answers.tables["regions.csv"]) == 2
    assert set(answers.of("my_cells")) == {"overlay.png", "labels.tif", "classes.tif"}
    labels = tifffile.imread(io.BytesIO(answers.of("my_cells")["labels.tif"]))
    assert labels.shape == (80, 100)
    assert set(np.unique(labels)) == {0, 1, 2}
    with zipfile.ZipFile(io.BytesIO(answers.zipped())) as archive:
        assert set(archive.namelist()) == set(answers.files)


def test_doubtful_answers_are_told(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SegmentationAnswering, "doubted", lambda _, agreements: [0.1, 0.8][: len(agreements)])
    # it does not know its training
    assert answering.answer(model, [Upload("usual.tif", tiff(cells()))]).warning is None
    known = [Record(str(i), str(i // 4), np.roll(cells(), i), {}, {}) for i in range(40)]
    bundle = dataclasses.replace(model.members[0].bundle, coverage=Coverage.fit(coverage.measure_records(known)))
    informed = Predictor([Member(bundle, 1.0)])
    uploads = [Upload("usual.tif", tiff(cells())), Upload("dark.tif", tiff(cells() // 20))]
    answers = answering.answer(informed, uploads)
    usual, dark = answers.about["outside"]
    assert usual == ""
    assert re.fullmatch(r"expected error 0\.80, \w+ [\d.]+ times the limit", dark)
    assert "1 of 2 answers are doubtful" in str(answers.warning)
    assert "Look at dark first." in str(answers.warning)
    assert answers.tables["images.csv"]["outside"].tolist() == [0, 1]


def test_images_are_magnified_by_a_factor_or_by_what_is_measured(
    model: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = [Upload("a.tif", tiff(cells())), Upload("no.png", b"no"), Upload("b.tif", tiff(cells()))]
    with pytest.raises(BrightfieldError, match="does not know how wide cells are"):
        answering.answer(model, uploads, magnify="auto")
    shown: list[int] = []

    def measure(_: Predictor, some: list[np.ndarray]) -> Measured:
        shown.append(len(some))
        return Measured(2.0, "The cells are narrow.")

    monkeypatch.setattr(own_scale, "check", lambda _: ("cells", 40.0))
    monkeypatch.setattr(own_scale, "measure", measure)
    answers = answering.answer(model, uploads, magnify="auto")
    assert shown == [2]
    assert answers.notes[0] == "The cells are narrow."
    assert len(answers.problems) == 1
    given = answering.answer(model, uploads, magnify=2.0)
    assert "magnified 2 times" in given.notes[0]
    pd.testing.assert_frame_equal(given.tables["regions.csv"], answers.tables["regions.csv"])


def test_files_of_one_image_are_not_those_of_another(model: Predictor) -> None:
    image = png((cells() // 256).astype(np.uint8))
    answers = answering.answer(model, [Upload("a.png", image), Upload("a_b.png", image), Upload("a.png", image)])
    assert answers.about["image"].tolist() == ["a", "a_b", "a_2"]
    assert set(answers.of("a")) == {"overlay.png", "labels.tif", "classes.tif"}


def test_a_stack_gives_an_answer_a_frame(model: Predictor) -> None:
    answers = answering.answer(model, [Upload("movie.tif", tiff(np.stack([cells(), cells()])))])
    assert len(answers.about) == 2
    assert answers.tables["images.csv"]["cells"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.png", png((cells() // 256).astype(np.uint8))[:300], "cut.png cannot be read"),
        ("empty.tif", b"", "empty.tif is empty"),
        ("text.png", b"this is no image", "text.png cannot be read"),
        ("code.py", b"import os", "not an image by its name"),
        ("../../etc/passwd", b"x", "not an image by its name"),
        ("page.png", b"<html><script>alert(1)</script></html>", "page.png is the text of a link"),
        ("picture.tif", png((cells() // 256).astype(np.uint8)), "picture.tif cannot be read"),
        ("huge.png", claiming(100_000, 100_000), "could be decompression bomb"),
        ("bomb.tif", bomb(20_000), "expected at most 100,000,000"),  # 400 MB of zeros in 600 KB
        ("large.tif", bomb(5_000), "expected at most 16,777,216"),
    ],
)
def test_a_bad_file_is_named_and_the_others_are_answered(
    model: Predictor, name: str, content: bytes, message: str
) -> None:
    answers = answering.answer(model, [Upload(name, content), Upload("good.tif", tiff(cells()))])
    assert len(answers.problems) == 1
    assert message in answers.problems[0]
    assert Path(name).name in answers.problems[0]
    assert "/tmp" not in answers.problems[0]
    assert answers.about["image"].tolist() == ["good"]


def test_nothing_is_left_of_an_upload_and_no_name_leads_out_of_its_folder(
    model: Predictor, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [
        "../../../escaped.tif",
        "..\\..\\escaped.tif",
        "/etc/escaped.tif",
        '<img src=x onerror="alert(1)">.tif',
        "a\0b.tif",
    ]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = sorted(project.rglob("*"))
    answers = answering.answer(model, [Upload(name, tiff(cells())) for name in names])
    assert sorted(project.rglob("*")) == before
    assert list(tmp_path.iterdir()) == []
    with zipfile.ZipFile(io.BytesIO(answers.zipped())) as archive:
        inside = archive.namelist()
    assert inside
    assert all(Path(name).name == name and "\\" not in name for name in inside)


def test_too_many_frames_and_too_many_pixels(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Upload("long.tif", tiff(np.zeros((answering.MOST_FRAMES + 1, 4, 4), np.uint8)))
    answers = answering.answer(model, [stack])
    assert answers.files == {}
    assert "long.tif holds 25 frames: expected at most 24 in all" in answers.problems[0]
    monkeypatch.setattr(answering, "MOST_PIXELS", 7999)
    assert "80 x 100 pixels" in answering.answer(model, [Upload("large.tif", tiff(cells()))]).problems[0]


def test_what_the_task_refuses_is_a_problem_with_the_name(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(images: object) -> None:
        raise BrightfieldError("This task needs RGB crops.")

    monkeypatch.setattr(model, "judge", refuse)
    answers = answering.answer(model, [Upload("grey.tif", tiff(cells()))])
    assert answers.problems == ["grey.tif: This task needs RGB crops."]
