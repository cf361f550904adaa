"""Folders that are there whole or not at all, and JSON."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from brightfield.errors import BrightfieldError
from brightfield.system.files import atomic_file, atomic_folder, write_json


def contents(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()}


def fill(folder: Path, error: BaseException) -> None:
    """Write a half of what a folder should hold, and fail."""
    with atomic_folder(folder) as partial:
        (partial / "half.txt").write_text("ha")
        raise error


def test_a_folder_appears_at_the_end_and_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "rbc" / "convnet"
    for text in ("old", "new"):
        with atomic_folder(folder) as partial:
            (partial / f"{text}.txt").write_text(text)
            assert contents(folder) == ({} if text == "old" else {"old.txt": "old"})
        assert contents(folder) == {f"{text}.txt": text}
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_after_an_error_the_older_folder_stays_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    folder = tmp_path / "convnet"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    with pytest.raises(type(error)):
        fill(folder, error)
    assert list(tmp_path.iterdir()) == [folder]
    assert contents(folder) == {"old.txt": "old"}


def write_half(path: Path) -> None:
    """Write a half of what a file should hold, and fail."""
    with atomic_file(path) as partial:
        partial.write_text("ha")
        raise ValueError("half way")


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(ValueError, match="half way"):
        write_half(path)
    assert contents(tmp_path) == {"table.csv": "old"}
    with atomic_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert contents(tmp_path) == {"table.csv": "new"}


def test_a_full_disk_is_one_message(tmp_path: Path) -> None:
    folder = tmp_path / "convnet"
    with pytest.raises(
        BrightfieldError, match="convnet could not be written: No space left on device. Nothing was kept."
    ):
        fill(folder, OSError(errno.ENOSPC, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_a_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(BrightfieldError, match="could not be written"), atomic_folder(tmp_path / "models" / "rbc"):
        pytest.fail("there is nowhere to write")
    assert (tmp_path / "models").read_text() == "a file"


def test_what_a_killed_process_left_is_not_taken_over(tmp_path: Path) -> None:
    left = tmp_path / ".convnet.partial"
    left.mkdir()
    (left / "stale.txt").write_text("stale")
    with atomic_folder(tmp_path / "convnet") as partial:
        (partial / "new.txt").write_text("new")
    assert contents(tmp_path) == {"convnet/new.txt": "new"}


def test_an_older_folder_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "convnet"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name.endswith(".partial"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(BrightfieldError, match="Input/output error"), atomic_folder(folder) as partial:
        (partial / "new.txt").write_text("new")
    assert contents(tmp_path) == {"convnet/old.txt": "old"}


def test_an_older_folder_comes_back_after_a_process_was_killed_in_between(tmp_path: Path) -> None:
    (tmp_path / ".convnet.older").mkdir()
    (tmp_path / ".convnet.older" / "old.txt").write_text("old")
    with pytest.raises(ValueError, match="no"):
        fill(tmp_path / "convnet", ValueError("no"))
    assert contents(tmp_path) == {"convnet/old.txt": "old"}


def test_a_file_that_is_missing_is_not_called_unwritable(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fill(tmp_path / "convnet", FileNotFoundError(errno.ENOENT, "No such file"))


def test_json_is_for_any_reader(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"auc": float("nan"), "rows": [{"gain_low": float("nan"), "name": "naïve"}], "n": (1, 2.5)})
    assert "NaN" not in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "auc": None,
        "rows": [{"gain_low": None, "name": "naïve"}],
        "n": [1, 2.5],
    }
    assert path.read_text(encoding="utf-8").endswith("\n")


def test_infinity_is_a_mistake_and_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "metrics.json", {"auc": float("inf")})
    assert not (tmp_path / "metrics.json").exists()


def test_json_that_cannot_be_written_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"auc": 0.9})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"auc": float("inf")})
    assert json.loads(path.read_text()) == {"auc": 0.9}
    assert list(tmp_path.iterdir()) == [path]
