"""Versions of a dataset, with DVC itself: each can be gone back to, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny
from brightfield import layout
from brightfield.data import differences, store, versions
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.system import lineage, versioning


@pytest.fixture
def repository(project: Path) -> Path:
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=project, check=True)
    return project


def crops(count: int) -> Callable[[Path], None]:
    return lambda folder: store.write_raw(folder, tiny.records("classification", count), {"origin": "test"})


def add(count: int, why: str = "") -> versions.Version:
    return versions.add("lab", crops(count), who="Anna", why=why, corrections={"a": [{"action": "class", "to": "bad"}]})


def test_each_version_is_listed_and_can_be_gone_back_to(repository: Path) -> None:
    assert versions.history("lab") == []
    first, second = add(3, "first"), add(4, "one more")
    assert [each.number for each in versions.history("lab")] == [1, 2]
    assert (second.of, second.who, second.why) == (1, "Anna", "one more")
    assert second.at.endswith("+00:00")
    assert versions.current("lab") == second
    assert len(ImageSet.raw(layout.raw("lab"))) == 4
    assert versions.restore("lab", 1) == first
    assert versions.current("lab") == first
    assert len(ImageSet.raw(layout.raw("lab"))) == 3
    assert len(versions.images("lab", 2)) == 4  # out of the cache
    assert versions.images("lab", 2)[3].image.shape == (32, 32, 3)
    third = add(5)
    assert (third.number, third.of) == (3, 1)
    status = subprocess.run([sys.executable, "-m", "dvc", "status"], capture_output=True, text=True, check=True)
    assert "up to date" in status.stdout


def test_an_imported_dataset_has_one_version_before_anything_is_corrected(repository: Path) -> None:
    crops(3)(_made(layout.raw("lab")))
    versioning.track(layout.raw("lab"))
    (only,) = versions.history("lab")
    assert (only.number, only.hash) == (1, lineage.data_hash(layout.raw("lab")))
    assert versions.restore("lab", 1) == only
    add(4)
    assert [each.number for each in versions.history("lab")] == [1, 2]
    assert versions.restore("lab", 1).number == 1
    assert len(ImageSet.raw(layout.raw("lab"))) == 3


def test_where_dvc_refuses_the_version_before_stays(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(3)
    before = versioning.pointer_of(layout.raw("lab")).read_text()

    def refuse(folder: Path) -> None:
        versioning.pointer_of(folder).write_text("half")
        raise BrightfieldError("DVC could not track it")

    monkeypatch.setattr(versioning, "track", refuse)
    with pytest.raises(BrightfieldError, match="could not track"):
        add(4)
    assert len(ImageSet.raw(layout.raw("lab"))) == 3
    assert versioning.pointer_of(layout.raw("lab")).read_text() == before
    assert len(versions.history("lab")) == 1
    with pytest.raises(BrightfieldError, match="could not track"):
        versions.add("other", crops(3), who="", why="", corrections={})
    assert sorted(path.name for path in layout.raw("lab").parent.iterdir()) == [
        ".gitignore",
        "lab",
        "lab.dvc",
        "lab.versions.json",
    ]


def test_where_writing_fails_the_version_before_stays(repository: Path) -> None:
    add(3)

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise BrightfieldError("no")

    with pytest.raises(BrightfieldError, match="no"):
        versions.add("lab", fail, who="", why="", corrections={})
    assert len(ImageSet.raw(layout.raw("lab"))) == 3


def test_files_that_are_nowhere_leave_all_as_it_was(repository: Path) -> None:
    first = add(3)
    add(4)
    cached = versioning.cached_file(first.hash)
    assert cached is not None
    cached.unlink()
    with pytest.raises(BrightfieldError, match=r"not in DVC's cache here. `brightfield data restore lab 1`"):
        versions.images("lab", 1)
    with pytest.raises(BrightfieldError, match="no files of that version"):
        versions.restore("lab", 1)
    assert versions.current("lab") == versions.history("lab")[1]
    assert len(ImageSet.raw(layout.raw("lab"))) == 4


def test_files_that_somebody_changed_are_not_thrown_away(repository: Path) -> None:
    add(3)
    add(4)
    index = layout.raw("lab") / layout.INDEX
    index.write_text(index.read_text().replace(",1\n", ",0\n"))
    with pytest.raises(BrightfieldError, match="somebody changed its files"):
        versions.restore("lab", 1)
    assert ",1\n" not in index.read_text()


def test_a_version_that_is_not_there(repository: Path) -> None:
    with pytest.raises(BrightfieldError, match="no version 7. It has none; only datasets that were imported"):
        versions.restore("lab", 7)
    add(3)
    with pytest.raises(BrightfieldError, match="no version 7. It has 1"):
        versions.images("lab", 7)


def test_a_damaged_list_is_said(repository: Path) -> None:
    add(3)
    layout.versions("lab").write_text('{"versions": [{"number": 1, "surprise": 2}]}')
    with pytest.raises(BrightfieldError, match="no list of versions.*git checkout"):
        versions.history("lab")


def test_versions_are_compared(repository: Path) -> None:
    add(3)
    add(4)
    found = differences.between("lab@1", "lab@2")
    assert (found.images, found.same) == ((3, 4), 3)
    assert found.table["difference"].tolist() == ["only in the second"]
    with pytest.raises(BrightfieldError, match="got 'lab@two'"):
        differences.between("lab@two", "lab")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
