"""The models that are part of the package: found by the name of their task."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle, starters
from trained import write_starter


def test_a_task_has_a_starter_when_its_bundle_is_there(starters_folder: Path) -> None:
    assert starters.tasks() == []
    for kind in ("segmentation", "classification"):
        write_starter(kind)
    (starters_folder / "beads").mkdir()  # half of one is none
    (starters_folder / "beads" / layout.WEIGHTS).write_bytes(b"")
    assert starters.tasks() == ["bacteria", "rbc"]
    assert starters.folder("rbc") == starters_folder / "rbc"
    assert bundle.read(starters.folder("rbc")).name == layout.STARTER


def test_a_task_without_one_is_told_which_have_one(starters_folder: Path) -> None:
    with pytest.raises(BrightfieldError, match=r"'beads' has no starter: expected one of none\. .*`dvc repro`"):
        starters.folder("beads")
    write_starter("segmentation")
    with pytest.raises(BrightfieldError, match=r"'beads' has no starter: expected one of bacteria\."):
        starters.folder("beads")


def test_starters_lie_in_the_package_whatever_the_current_folder() -> None:
    assert layout.STARTERS.is_absolute()
    assert layout.RECIPE.is_file()
    assert layout.starter("rbc").parent == layout.STARTERS
