"""Every dataset is a row, whether it is there or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brightfield import layout, params
from brightfield.data import listing
from brightfield.data.listing import NOT_HERE, NOT_MADE
from brightfield.stages import prepare, simulate


def row(name: str) -> listing.DatasetRow:
    return {each.name: each for each in listing.rows()}[name]


def test_what_is_not_made_is_a_row_that_says_so(project: Path) -> None:
    assert [each.name for each in listing.rows()] == list(params.load().datasets)
    found = row("denoise")
    assert (found.images, found.splits, found.size_bytes, found.hash, found.state) == (None, None, 0, None, NOT_MADE)
    assert found.origin == "simulation denoise, seed 4"
    assert listing.as_text().count(NOT_MADE) == len(params.load().datasets)


def test_a_dataset_that_is_there_is_described(project: Path) -> None:
    simulate.run("denoise")
    assert row("denoise").state == NOT_MADE  # not split yet
    prepare.run("denoise")
    found = row("denoise")
    simulation = params.load().simulations["denoise"]
    shifted = len(simulation.suites) * simulation.suite_groups
    assert found.state == "ready"
    assert found.images == found.groups == 10 + shifted
    assert found.splits is not None
    assert list(found.splits) == ["train", "validation", "test", *sorted(simulation.suites)]
    assert sum(found.splits.values()) == found.images
    folders = (layout.raw("denoise"), layout.prepared("denoise"))
    assert found.size_bytes == sum(path.stat().st_size for folder in folders for path in folder.iterdir())
    assert found.origin == "simulated by denoise, seed 4"
    assert found.models == [name for name, model in params.load().models.items() if model.dataset == "denoise"]
    assert json.loads(listing.as_json())[list(params.load().datasets).index("denoise")]["splits"] == found.splits


@pytest.mark.parametrize("content", ["", "nothing\n1\n", "id,group,split\n"])
def test_a_damaged_index_is_a_row_too(content: str, project: Path) -> None:
    for folder in (layout.raw("rbc"), layout.prepared("rbc")):
        folder.mkdir(parents=True)
        (folder / "index.csv").write_text(content)
    assert row("rbc").name == "rbc"
    assert "rbc" in listing.as_text()
    if not content.startswith("id"):
        assert row("rbc").state.startswith("damaged")


def test_imports_name_their_source_and_licence(project: Path) -> None:
    layout.raw("rbc").mkdir(parents=True)
    about = {"origin": "imported", "source": "crops", "licence": "CC0", "date": "2026-01-02"}
    (layout.raw("rbc") / "about.json").write_text(json.dumps(about))
    assert row("rbc").origin == "imported from crops on 2026-01-02, CC0"
    assert row("rbc").licence == "CC0"


def test_the_hash_is_dvcs_and_the_cache_is_looked_at(project: Path) -> None:
    lock = "schema: '2.0'\nstages:\n  prepare@rbc:\n    outs:\n    - path: data/prepared/rbc\n      md5: aabb.dir\n"
    (project / "dvc.lock").write_text(lock)
    assert (row("rbc").hash, row("rbc").cached, row("rbc").state) == ("aabb.dir", False, NOT_HERE)
    cache = project / ".dvc/cache/files/md5"
    (cache / "aa").mkdir(parents=True)
    (cache / "aa/bb.dir").write_text(json.dumps([{"md5": "ccdd", "relpath": "index.csv"}]))
    assert row("rbc").cached is False
    (cache / "cc").mkdir()
    (cache / "cc/dd").write_text("x")
    assert row("rbc").cached is True
