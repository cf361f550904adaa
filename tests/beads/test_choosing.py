"""Frames from which profiles are learned: the first ones that show something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brightfield import images
from brightfield.beads import choosing
from brightfield.beads.choosing import learning_frames


def movie(folder: Path, dark: set[int], count: int = 20, *, stack: bool = True) -> Path:
    rng = np.random.default_rng(0)
    y, x = np.indices((48, 60))
    spot = np.exp(-0.5 * ((x - 30) ** 2 + (y - 20) ** 2) / 9)
    frames = [
        rng.normal(100 if n in dark else 1000 + 400 * spot, 5, (48, 60)).round().astype(np.uint16) for n in range(count)
    ]
    if stack:
        images.write_tiff(folder / "movie.tif", np.stack(frames))
        return folder / "movie.tif"
    for n, frame in enumerate(frames):
        images.write_tiff(folder / f"frame{n}.tif", frame)
    return folder


def test_the_first_frames_are_taken_where_they_show_something(tmp_path: Path) -> None:
    path = movie(tmp_path, {9})
    chosen = learning_frames([path], 5)
    assert list(chosen) == [0, 1, 2, 3, 4]
    for (_, image), frame in zip(images.frames([path]), chosen.values(), strict=False):
        np.testing.assert_array_equal(frame, image)


@pytest.mark.parametrize("stack", [True, False])
def test_dark_frames_are_replaced_by_others_of_the_movie(tmp_path: Path, stack: bool) -> None:
    path = movie(tmp_path, {0, 1, 3, 7}, stack=stack)
    chosen = learning_frames([path], 4)
    assert len(chosen) == 4
    assert min(chosen) == 2
    assert not {0, 1, 3, 7} & set(chosen)
    frames = [image for _, image in images.frames([path])]
    for number, frame in chosen.items():
        np.testing.assert_array_equal(frame, frames[number])


def test_of_a_long_movie_only_some_frames_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "PLACES", 6)
    seen: list[float] = []
    judge = choosing.shows_something

    def counted(frame: np.ndarray) -> bool:
        seen.append(1)
        return judge(frame)

    monkeypatch.setattr(choosing, "shows_something", counted)
    chosen = learning_frames([movie(tmp_path, set(range(15)), count=40)], 3)
    assert len(chosen) == 3
    assert min(chosen) >= 15
    assert len(seen) == 3 + 6


def test_where_nothing_shows_the_first_frames_remain(tmp_path: Path) -> None:
    assert list(learning_frames([movie(tmp_path, set(range(20)))], 3)) == [0, 1, 2]
