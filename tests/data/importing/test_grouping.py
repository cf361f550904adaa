"""Groups come from a table, a pattern, or the default rule, and a file without one is a problem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightfield.data.importing import import_dataset
from brightfield.data.importing.grouping import Grouping
from brightfield.data.store import read_index
from brightfield.errors import BrightfieldError
from brightfield.params import RestorationSettings

SETTINGS = RestorationSettings()
Put = Callable[..., np.ndarray]


def groups(source: Path, destination: Path, **options: object) -> list[str]:
    import_dataset("restoration", source, destination, settings=SETTINGS, **options)
    return read_index(destination)["group"].tolist()


@pytest.fixture
def plates(source: Path, put: Put) -> Path:
    for i, name in enumerate(["001_a_1", "001_b_2", "002_a_1", "lone"]):
        put(f"{name}.tif", i)
    return source


def test_the_default_is_the_name_up_to_the_first_underscore(plates: Path, destination: Path) -> None:
    assert groups(plates, destination) == ["001", "001", "002", "lone"]


@pytest.mark.parametrize("pattern", [r"^\d*_?([a-z]+)", r"^(\d*_?)(?P<group>[a-z]+)"])
def test_a_pattern_of_the_users(plates: Path, destination: Path, pattern: str) -> None:
    assert groups(plates, destination, group_pattern=pattern) == ["a", "b", "a", "lone"]


def test_a_pattern_may_look_at_the_folders() -> None:
    grouping = Grouping.from_options(r"^day(\d+)/", None)
    assert grouping.of("cell_1", "day12/cell_1.png", "unused", "unused") == "12"


def test_a_name_that_does_not_match_is_a_problem(plates: Path, destination: Path) -> None:
    with pytest.raises(BrightfieldError, match="lone.tif has no group: neither its name nor its path matches"):
        groups(plates, destination, group_pattern=r"^(\d+)_")
    assert not destination.exists()


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("(", "is not a regular expression"), ("abc", "has 0 groups"), ("(a)(b)", "has 2 groups in parentheses")],
)
def test_a_pattern_that_cannot_work(pattern: str, says: str) -> None:
    with pytest.raises(BrightfieldError, match=says):
        Grouping.from_options(pattern, None)


def test_a_table_names_files_by_path_name_or_stem(plates: Path, destination: Path) -> None:
    (plates / "groups.csv").write_text("file,group\n001_a_1.tif,7\n001_b_2,007\n002_a_1.tif,7\nlone,x\ngone.tif,y\n")
    report = import_dataset("restoration", plates, destination, settings=SETTINGS, groups_csv=plates / "groups.csv")
    assert read_index(destination)["group"].tolist() == ["7", "007", "7", "x"]  # text, not numbers
    assert "1 files of the table of groups are not there, the first is 'gone.tif'" in report.warnings
    assert not any("not an image" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("file,group\nlone,x\n", "001_a_1.tif has no group: it is not in the column 'file'"),
        ("name,group\nlone,x\n", "has the columns name, group; missing: file"),
        ("file,group\nlone,x\nlone,y\n", "gives 'lone' several groups"),
        ("file,group\nlone,\n", "has rows without file or group, the first in line 2"),
        ("file,group\nlone.tif,x\nsub\\a,y\nsub/a,z\n", "gives 'sub/a' several groups, 'y' and, in line 4, 'z'"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_table_that_cannot_work(plates: Path, destination: Path, content: str, says: str) -> None:
    (plates / "groups.csv").write_text(content)
    with pytest.raises(BrightfieldError, match=says):
        groups(plates, destination, groups_csv=plates / "groups.csv")
    assert not destination.exists()


def test_names_match_across_unicode_forms_and_systems(source: Path, destination: Path, put: Put) -> None:
    for i, name in enumerate(["e\u0301_1", "ü_1", "c_1"]):  # as a Mac writes the first
        put(f"{name}.tif", i)
    table = "file;group;\r\né_1.tif;1;\r\n.\\ü_1.tif ;2;\r\nc_1;3;\r\n"
    (source / "groups.csv").write_bytes(table.encode("cp1252"))
    report = import_dataset("restoration", source, destination, settings=SETTINGS, groups_csv=source / "groups.csv")
    index = read_index(destination)
    assert index["group"].tolist() == ["3", "1", "2"]
    assert not any("are not there" in warning for warning in report.warnings)


def test_two_files_of_one_name_but_for_its_unicode_form(source: Path, destination: Path, put: Put) -> None:
    put("é.tif", 0)
    put("e\u0301.tif", 1)
    (source / "groups.csv").write_text("file,group\né.tif,1\n", encoding="utf-8")
    with pytest.raises(
        BrightfieldError, match=r"'e\\u0301.tif' and '\\xe9.tif' are the same name for a table of groups"
    ):
        groups(source, destination, groups_csv=source / "groups.csv")


def test_pattern_and_table_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match="got both"):
        Grouping.from_options("(a)", tmp_path / "groups.csv")


def test_names_without_a_group_and_too_few_groups_are_told(plates: Path, destination: Path) -> None:
    report = import_dataset("restoration", plates, destination, settings=SETTINGS)
    assert any(
        "1 names do not match the rule for groups" in warning and "'lone'" in warning for warning in report.warnings
    )
    few = import_dataset("restoration", plates, destination.with_name("few"), settings=SETTINGS, group_pattern="(.)")
    assert few.groups == 2
    assert any("at least 3 groups, found 2" in warning for warning in few.warnings)
