"""A contact sheet shows every split and suite, truth where it is asked for, and the lab's frames under the same scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
from brightfield import layout, params
from brightfield.data import gallery, store
from brightfield.errors import BrightfieldError
from brightfield.images import write_png, write_tiff
from brightfield.results import canvas as colours

KINDS = {"rbc": "classification", "beads": "tracking", "bacteria": "segmentation", "denoise": "restoration"}
SPLITS = {"train": 6, "validation": 2, "test": 2, "focus": 2}


def fill(task: str) -> None:
    """data/prepared of a task's dataset, by the smallest images there are."""
    records, splits = [], []
    for seed, (split, count) in enumerate(SPLITS.items()):
        records += tiny.records(KINDS[task], count, seed=seed, prefix=split)
        splits += [split] * count
    for folder in (layout.raw(task), layout.prepared(task)):
        folder.mkdir(parents=True)
    store.write_raw(layout.raw(task), records, {"origin": "test"})
    raw = store.ImageSet.raw(layout.raw(task))
    store.write_prepared(layout.prepared(task), raw, raw.index.assign(split=splits))


def has(canvas: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((canvas == colour).all(axis=2).any())


@pytest.mark.parametrize("task", KINDS)
def test_a_row_for_each_split_and_suite_and_truth_only_if_asked_for(task: str, project: Path) -> None:
    fill(task)
    plain, marked = gallery.sheet(task, columns=4), gallery.sheet(task, columns=4, truth=True)
    side = store.ImageSet.prepared(layout.prepared(task), "train")[0].image.shape[0]
    tile = side * -(-gallery.SMALLEST_TILE_PX // side)
    strip = gallery.NAME_PX + tile + 2 * gallery.GAP_PX
    rows = len(SPLITS) * (2 if task == "denoise" else 1)
    assert plain.shape == (len(SPLITS) * strip, 4 * (tile + gallery.GAP_PX) + gallery.GAP_PX, 3)
    assert marked.shape == (rows * strip, plain.shape[1], 3)
    marks = {
        "rbc": (colours.GOOD, colours.BAD),
        "beads": (colours.TRUE,),
        "bacteria": (colours.TRUE,),
        "denoise": (),
    }
    for colour in marks[task]:
        assert has(marked, colour)
        assert not has(plain, colour)


def test_frames_of_the_lab_share_the_grey_scale(project: Path, tmp_path: Path) -> None:
    fill("beads")
    record = store.ImageSet.prepared(layout.prepared("beads"), "train")[0]
    (tmp_path / "frames").mkdir()
    write_tiff(tmp_path / "frames" / "a.tif", record.image)
    write_tiff(tmp_path / "frames" / "b.tif", np.full((48, 48), 40_000, np.uint16))
    canvas = gallery.sheet("beads", like=[tmp_path / "frames"], columns=4)
    height = canvas.shape[0] // (len(SPLITS) + 1)
    first, own = canvas[:height], canvas[-height:]
    y, x = gallery.NAME_PX + gallery.GAP_PX, gallery.GAP_PX
    side = height - gallery.NAME_PX - 2 * gallery.GAP_PX
    # the same image looks the same
    assert np.array_equal(first[y : y + side, x : x + side], own[y : y + side, x : x + side])
    assert (own[y : y + side, x + side + gallery.GAP_PX : x + 2 * side] == 255).all()  # and a brighter one brighter


def test_images_that_would_be_black_beside_the_labs_keep_their_own_scale(project: Path, tmp_path: Path) -> None:
    fill("beads")
    record = store.ImageSet.prepared(layout.prepared("beads"), "train")[0]
    dim = record.image.astype(int)
    bright = np.clip(20 * (dim - dim.min()), 0, 65_535).astype(np.uint16)
    write_tiff(tmp_path / "a.tif", bright)
    canvas, alone = gallery.sheet("beads", like=[tmp_path / "a.tif"], columns=4), gallery.sheet("beads", columns=4)
    assert np.array_equal(canvas[: len(alone)], alone)


def test_of_a_large_frame_of_the_lab_the_places_with_something_are_shown(project: Path, tmp_path: Path) -> None:
    fill("beads")
    (tmp_path / "movie").mkdir()
    frame = np.repeat(np.random.default_rng(0).normal(20_000, 100, (1, 480, 480)), 3, axis=0)
    frame[:, 30:50, 30:50] = frame[:, 412:432, 320:340] = 11_000  # in two corners, none in the middle
    for i, image in enumerate(frame):
        write_tiff(tmp_path / "movie" / f"{i}.tif", image.astype(np.uint16))
    canvas = gallery.sheet("beads", like=[tmp_path / "movie"], columns=3)
    height = canvas.shape[0] // (len(SPLITS) + 1)
    side = height - gallery.NAME_PX - 2 * gallery.GAP_PX
    tiles = [
        canvas[-height + gallery.NAME_PX + gallery.GAP_PX : -gallery.GAP_PX, x : x + side]
        for x in (gallery.GAP_PX + i * (side + gallery.GAP_PX) for i in range(3))
    ]
    assert all((tile < 60).any() for tile in tiles)  # a dark place in each
    assert not np.array_equal(tiles[0] < 60, tiles[1] < 60)  # not the same one
    assert np.array_equal(tiles[0] < 60, tiles[2] < 60)


def test_frames_with_other_bits_have_a_scale_of_their_own(project: Path, tmp_path: Path) -> None:
    fill("beads")
    rng = np.random.default_rng(0)
    write_png(tmp_path / "a.png", rng.integers(100, 140, (300, 200), dtype=np.uint8))
    canvas = gallery.sheet("beads", like=[tmp_path / "a.png"], columns=4)
    own = canvas[-(canvas.shape[0] // (len(SPLITS) + 1)) :]
    inside = own[gallery.NAME_PX + gallery.GAP_PX : -gallery.GAP_PX, gallery.GAP_PX : 100]
    assert inside.min() == 0
    assert inside.max() == 255


def test_what_is_not_there_is_told(project: Path, tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match="There is no dataset in data/raw/rbc"):
        gallery.sheet("rbc")
    with pytest.raises(
        BrightfieldError, match="Dataset 'beads' belongs to task 'beads': expected a dataset of task 'rbc'"
    ):
        gallery.sheet("rbc", "beads")
    with pytest.raises(BrightfieldError, match="There is no task 'rcb'"):
        gallery.sheet("rcb")
    fill("rbc")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrightfieldError, match="There are no images in"):
        gallery.sheet("rbc", like=[tmp_path / "empty"])
    assert set(params.load().datasets) >= set(KINDS)


@pytest.mark.parametrize("command", ["gallery", "match"])
def test_the_commands_name_what_they_left_out_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    from brightfield.cli import app
    from brightfield.simulate import matching

    for name in ("f1.png", "f1_overlay.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setattr(gallery, "sheet", lambda *args, **options: np.zeros((4, 4, 3), np.uint8))
    monkeypatch.setattr(matching, "match", lambda *args, **options: "matched")
    given = ["--out", str(tmp_path / "sheet.png")] if command == "gallery" else []
    app([command, "beads", "--like", str(tmp_path / "f1.png"), "--like", str(tmp_path), *given], standalone_mode=False)
    shown = capsys.readouterr().out.splitlines()
    assert "Left out: f1_overlay.png: written by Brightfield." in shown
    assert "Left out: notes.txt: not an image." in shown
