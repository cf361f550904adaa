"""Corrections become versions of a dataset, wholly or not at all, and move no image to another split."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tiny
from brightfield import layout, params
from brightfield.data import store, versions
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.evaluation import relabelling
from brightfield.params import editing
from brightfield.stages import prepare
from brightfield.system import versioning
from brightfield.tasks.correcting import Step


@pytest.fixture
def repository(project: Path) -> Path:
    """A project under git and DVC with a lab's own crops, and simulated ones."""
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=project, check=True)
    for name in ("lab", "rbc"):
        layout.raw(name).mkdir(parents=True)
        store.write_raw(layout.raw(name), tiny.records("classification", 24, groups=8), {"origin": "imported"})
    versioning.track(layout.raw("lab"))
    editing.add_entry("datasets", "lab", {"task": "rbc"})
    return project


def first(name: str = "lab") -> tuple[str, str]:
    """The first image of a dataset, and the class that it has not."""
    row = ImageSet.raw(layout.raw(name)).index.iloc[0]
    return str(row["id"]), ("good", "bad")[int(row["label"])]


def label(dataset: str, image: str) -> int:
    index = ImageSet.raw(layout.raw(dataset)).index.set_index("id")
    return int(index.loc[image, "label"])


def test_a_correction_is_a_new_version_with_who_when_and_why(repository: Path) -> None:
    image, other = first()
    before = label("lab", image)
    saved = relabelling.save("lab", {image: [Step(action="class", to=other)]}, who="Anna", why="out of focus")
    assert (saved.dataset, saved.is_new, saved.version.number) == ("lab", False, 2)
    assert str(saved).startswith("1 image corrected: version 2 of lab. `dvc repro`")
    assert label("lab", image) == 1 - before
    kept = versions.history("lab")[1]
    assert (kept.who, kept.why, kept.of) == ("Anna", "out of focus", 1)
    assert kept.corrections == {image: [{"action": "class", "to": other}]}
    versions.restore("lab", 1)
    assert label("lab", image) == before


def test_a_simulation_stays_and_a_dataset_beside_it_has_the_corrections(repository: Path) -> None:
    image, other = first("rbc")
    saved = relabelling.save("rbc", {image: [Step(action="class", to=other)]})
    assert (saved.dataset, saved.is_new) == ("rbc-corrected", True)
    assert "`brightfield use rbc-corrected`" in str(saved)
    assert label("rbc-corrected", image) == 1 - label("rbc", image)
    settings = params.load().datasets
    assert settings["rbc-corrected"] == settings["rbc"]
    about = json.loads((layout.raw("rbc-corrected") / layout.ABOUT).read_text())
    assert (about["origin"], about["of"]) == ("corrected", "rbc")
    second = str(ImageSet.raw(layout.raw("rbc")).index["id"].iloc[1])
    word = ("good", "bad")[label("rbc", second)]
    again = relabelling.save("rbc", {second: [Step(action="class", to=word)]})
    assert (again.dataset, again.is_new, again.version.number) == ("rbc-corrected", False, 2)
    assert label("rbc-corrected", image) == 1 - label("rbc", image)  # the first correction is still there


def test_no_image_moves_to_another_split(repository: Path) -> None:
    prepare.run("lab")
    before = store.read_index(layout.prepared("lab")).set_index("id")["split"]
    index = ImageSet.raw(layout.raw("lab")).index
    wrong = index[index["label"] == 0]["id"].iloc[:9]  # so many that the classes of groups are quite different
    relabelling.save("lab", {str(image): [Step(action="class", to="good")] for image in wrong})
    relabelling.save("lab", {str(wrong.iloc[0]): [Step(action="class", to="bad")]})  # and once more
    prepare.run("lab")
    after = store.read_index(layout.prepared("lab")).set_index("id")
    assert after["split"].to_dict() == before.to_dict()
    assert int((after["label"] == 0).sum()) == int((index["label"] == 0).sum()) - 8


def test_what_fails_leaves_everything_as_it_was(repository: Path) -> None:
    image, other = first()
    good = {image: [Step(action="class", to=other)]}
    same = ("bad", "good")[label("lab", image)]
    for corrections, why in (
        ({**good, "stranger": good[image]}, "no image 'stranger'"),
        ({image: [Step(action="erase", at=(1, 1))]}, "is no correction"),
        ({image: [Step(action="class", to=same)]}, "Nothing would change"),
        ({}, "Nothing would change"),
    ):
        with pytest.raises(BrightfieldError, match=why):
            relabelling.save("lab", corrections)
    assert len(versions.history("lab")) == 1
    assert not layout.versions("lab").exists()
    with pytest.raises(BrightfieldError, match="no such dataset|dataset 'nobody'"):
        relabelling.save("nobody", good)
    with pytest.raises(BrightfieldError, match="kind restoration: only the truth of .* can be corrected"):
        relabelling.save("denoise", good)


def test_a_table_of_classes(repository: Path, tmp_path: Path) -> None:
    image, other = first()
    table = tmp_path / "corrected.csv"
    table.write_text(f"id;Label;split\n{image};{other};test\n")
    assert relabelling.read_file(table, "lab") == {image: [Step(action="class", to=other)]}
    with pytest.raises(BrightfieldError, match="Write JSON"):
        relabelling.read_file(table, "beads")


def test_what_the_dashboard_writes_is_read_back(repository: Path, tmp_path: Path) -> None:
    corrections = {
        "a": [Step(action="paint", outline=[(1, 2), (3, 4), (5.5, 6)], to="E. coli"), Step(action="erase", at=(1, 2))],
        "b": [Step(action="add", at=(0.25, 7))],
    }
    path = tmp_path / "corrections.json"
    path.write_text(relabelling.as_json(corrections))
    assert relabelling.read_file(path, "beads") == corrections


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": {"action": "add"}}', "image a: expected a list"),
        ('{"a": [{"action": "add", "at": [1]}]}', "image a: at"),
        ('{"a": [{"action": "add", "at": [1, 2], "os": "rm"}]}', "image a: os"),
        ("[]", "expected an object"),
        ("nothing", "not readable as JSON"),
    ],
)
def test_a_file_that_holds_no_corrections(repository: Path, tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "corrections.json"
    path.write_text(text)
    with pytest.raises(BrightfieldError, match=why):
        relabelling.read_file(path, "beads")
    with pytest.raises(BrightfieldError, match="There is no file"):
        relabelling.read_file(tmp_path / "none.json", "beads")


def test_positions_are_corrected_in_a_file_of_images(repository: Path) -> None:
    layout.raw("movies").mkdir(parents=True)
    store.write_raw(layout.raw("movies"), tiny.records("tracking", 4), {})
    versioning.track(layout.raw("movies"))
    editing.add_entry("datasets", "movies", {"task": "beads"})
    before = ImageSet.raw(layout.raw("movies"))[2]
    relabelling.save("movies", {before.id: [Step(action="add", at=(3.5, 4.25))]})
    after = ImageSet.raw(layout.raw("movies"))[2]
    np.testing.assert_array_equal(after.fields["positions"], np.vstack([before.fields["positions"], [3.5, 4.25]]))
    np.testing.assert_array_equal(after.image, before.image)
