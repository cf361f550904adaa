"""Bundles: whole or not at all, never pickled, and nothing but a whole one is read."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import tiny
from brightfield import tasks
from brightfield.data.coverage import Coverage
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle
from brightfield.inference.bundle import Source
from brightfield.inference.predictor import Predictor
from brightfield.system.files import atomic_folder

Edit = Callable[[dict[str, Any]], Any]


def write(folder: Path, name: str = "small", seed: int = 0, kind: str = "tracking", baseline: bool = False) -> Path:
    """The bundle of an untrained network, written as a stage does."""
    torch.manual_seed(seed)
    entry = tiny.baseline(kind) if baseline else tiny.model(kind, seed=seed)
    network = tasks.build(kind, tiny.SETTINGS[kind]).learning.network(entry)
    with atomic_folder(folder) as partial:
        bundle.write(partial, name, "beads", tiny.SETTINGS[kind], entry, network, {"lineage": {"commit": "c0ffee"}})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "models" / "small")


def covered() -> Coverage:
    """What images of random light and focus covered."""
    rng = np.random.default_rng(0)
    names = ("light", "contrast", "noise", "focus", "density")
    return Coverage.fit(pd.DataFrame(rng.uniform(0.1, 0.9, (40, 5)), columns=names).assign(group=range(40)))


def edit(folder: Path, change: Edit) -> None:
    content = json.loads((folder / "bundle.json").read_text())
    change(content)
    (folder / "bundle.json").write_text(json.dumps(content))


# --- what is written --------------------------------------------------------------------------------------------------


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    read = bundle.read(folder)
    torch.manual_seed(0)
    original = tasks.build("tracking", tiny.SETTINGS["tracking"]).learning.network(tiny.model("tracking"))
    assert (read.name, read.task_name, read.model) == ("small", "beads", tiny.model("tracking"))
    assert read.task.settings == tiny.SETTINGS["tracking"]
    assert read.provenance == {"lineage": {"commit": "c0ffee"}}
    assert not read.network.training
    state = original.state_dict()
    assert read.network.state_dict().keys() == state.keys()
    assert all(torch.equal(tensor, state[key]) for key, tensor in read.network.state_dict().items())


def test_the_folder_holds_json_and_safetensors_and_no_pickle(folder: Path) -> None:
    assert sorted(file.name for file in folder.iterdir()) == ["bundle.json", "weights.safetensors"]
    weights = (folder / "weights.safetensors").read_bytes()
    header = int.from_bytes(weights[:8], "little")
    assert "down.0.0.weight" in json.loads(weights[8 : 8 + header])
    for file in folder.iterdir():
        start = file.read_bytes()[:4]
        assert not start.startswith((b"\x80", b"PK"))  # pickle, and torch's zip of pickles


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_what_the_training_covered_is_kept(tmp_path: Path) -> None:
    entry = tiny.model("tracking")
    network = tasks.build("tracking", tiny.SETTINGS["tracking"]).learning.network(entry)
    with atomic_folder(tmp_path / "bundle") as partial:
        bundle.write(partial, "small", "beads", tiny.SETTINGS["tracking"], entry, network, {}, covered())
    read = bundle.read(tmp_path / "bundle").coverage
    assert read is not None
    assert read.as_dict() == covered().as_dict()
    edit(tmp_path / "bundle", lambda content: content["coverage"].pop("limit"))
    with pytest.raises(BrightfieldError, match="is damaged .coverage: 'limit'"):
        bundle.read(tmp_path / "bundle")


def test_a_bundle_of_an_earlier_version_covers_nothing(folder: Path) -> None:
    assert "coverage" not in json.loads((folder / "bundle.json").read_text())
    assert bundle.read(folder).coverage is None


# --- what is refused --------------------------------------------------------------------------------------------------


def damage_weights(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


def truncate_weights(folder: Path) -> None:
    content = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(content[: len(content) // 2])


def cut(folder: Path) -> None:
    text = (folder / "bundle.json").read_text()
    (folder / "bundle.json").write_text(text[: len(text) // 2])


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "one bit of the weights": (damage_weights, "weights.safetensors is missing or was changed"),
    "half of the weights": (truncate_weights, "weights.safetensors is missing or was changed"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors is missing or was changed"),
    "no description": (
        lambda f: (f / "bundle.json").unlink(),
        "There is no trained model in .*: bundle.json is missing",
    ),
    "half a description": (cut, r"bundle.json is damaged"),
    "an empty description": (lambda f: (f / "bundle.json").write_text(""), "bundle.json is damaged"),
    "a list": (lambda f: (f / "bundle.json").write_text("[]"), "bundle.json is damaged"),
    "no format": (lambda f: edit(f, lambda c: c.pop("format")), "bundle.json is damaged"),
    "a format of tomorrow": (lambda f: edit(f, lambda c: c.update(format=2)), "has format 2: expected 1"),
    "no checksums": (lambda f: edit(f, lambda c: c.pop("sha256")), "bundle.json is damaged"),
    "checksums that are a list": (lambda f: edit(f, lambda c: c.update(sha256=[])), "bundle.json is damaged"),
    "weights without a checksum": (lambda f: edit(f, lambda c: c["sha256"].clear()), "bundle.json is damaged"),
    "a checksum of nothing": (
        lambda f: edit(f, lambda c: c["sha256"].update(other="0")),
        "other is missing or was changed",
    ),
    "no kind": (lambda f: edit(f, lambda c: c.pop("kind")), "bundle.json is damaged"),
    "no name": (lambda f: edit(f, lambda c: c.pop("name")), "bundle.json is damaged"),
    "no model": (lambda f: edit(f, lambda c: c.pop("model")), "bundle.json is damaged"),
    "an unknown kind": (lambda f: edit(f, lambda c: c.update(kind="counting")), "no kind of task 'counting'"),
    "an unknown key of the model": (
        lambda f: edit(f, lambda c: c["model"].update(colour=1)),
        "bundle.json is not valid",
    ),
    "an unknown setting": (lambda f: edit(f, lambda c: c["settings"].update(colour=1)), "bundle.json is not valid"),
    "a model that the weights do not fit": (
        lambda f: edit(f, lambda c: c["model"]["network"].update(filters=5)),
        "weights.safetensors does not fit",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bundle_that_is_not_whole_is_refused_with_one_message(folder: Path, damage: str) -> None:
    harm, message = DAMAGES[damage]
    harm(folder)
    with pytest.raises(BrightfieldError, match=message):
        bundle.read(folder)


# --- a full disk ------------------------------------------------------------------------------------------------------


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next weights fail half-way, as on a full disk."""
    original = Path.write_bytes

    def fail(path: Path, data: Any) -> int:
        original(path, bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)


def test_on_a_full_disk_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_disk(monkeypatch)
    with pytest.raises(
        BrightfieldError, match="small could not be written: No space left on device. Nothing was kept."
    ):
        write(tmp_path / "models" / "small")
    assert list((tmp_path / "models").iterdir()) == []
    with pytest.raises(BrightfieldError, match="There is no trained model"):
        bundle.read(tmp_path / "models" / "small")


def test_on_a_full_disk_the_older_bundle_stays_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    fill_disk(monkeypatch)
    with pytest.raises(BrightfieldError, match="No space left on device"):
        write(folder, seed=1)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert list(folder.parent.iterdir()) == [folder]
    bundle.read(folder)


def test_a_folder_written_half_way_is_never_read_as_whole(folder: Path, tmp_path: Path) -> None:
    """Whatever prefix of the files a killed process leaves, in whatever order, it is refused."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    for name, content in files.items():
        for share in (0.0, 0.3, 0.7, 0.99):
            for others in ({}, {n: c for n, c in files.items() if n != name}):
                half = tmp_path / "half"
                shutil.rmtree(half, ignore_errors=True)
                half.mkdir()
                for other, whole in others.items():
                    (half / other).write_bytes(whole)
                (half / name).write_bytes(content[: int(len(content) * share)])
                with pytest.raises(BrightfieldError):
                    bundle.read(half)


# --- ensembles --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ensemble(tmp_path: Path) -> Path:
    shares = enumerate((("a", 0.75), ("b", 0.25)))
    members = [Source(write(tmp_path / name, name, seed), weight) for seed, (name, weight) in shares]
    with atomic_folder(tmp_path / "both") as partial:
        bundle.write_ensemble(partial, "both", "beads", tiny.SETTINGS["tracking"], members, {"method": "greedy"})
    for source in members:
        shutil.rmtree(source.folder)  # an ensemble stands on its own
    return tmp_path / "both"


def test_an_ensemble_holds_its_members_and_their_weights(ensemble: Path) -> None:
    members = bundle.read_members(ensemble)
    assert [(m.bundle.name, m.weight, m.bundle.model.seed) for m in members] == [("a", 0.75, 0), ("b", 0.25, 1)]
    content = bundle.describe(ensemble)
    assert (content["name"], content["kind"], content["provenance"]) == ("both", "tracking", {"method": "greedy"})


def test_how_an_ensemble_combines_its_members_is_part_of_its_bundle(tmp_path: Path) -> None:
    sources = [Source(write(tmp_path / "a", "a"), 0.5), Source(tmp_path / "a", 0.5, views=8)]
    with atomic_folder(tmp_path / "both") as partial:
        bundle.write_ensemble(partial, "both", "beads", tiny.SETTINGS["tracking"], sources, {}, "median")
    once, turned = bundle.read_members(tmp_path / "both")
    assert (once.views, turned.views) == (None, 8)
    assert once.bundle is turned.bundle  # one network, which takes part twice
    assert [path.name for path in (tmp_path / "both" / "members").iterdir()] == ["a"]
    assert Predictor.load(tmp_path / "both").way == "median"
    assert bundle.read_way(tmp_path / "a") == "mean"
    edit(tmp_path / "both", lambda content: content.update(way="mode"))
    with pytest.raises(BrightfieldError, match="by 'mode': expected one of mean, median, vote"):
        bundle.read_way(tmp_path / "both")


def test_an_ensemble_answers_by_its_own_settings(tmp_path: Path) -> None:
    source = write(tmp_path / "a", "a", kind="classification")
    own = tiny.SETTINGS["classification"].model_copy(update={"threshold": 0.25, "temperature": 1.5})
    with atomic_folder(tmp_path / "both") as partial:
        bundle.write_ensemble(partial, "both", "rbc", own, [Source(source, 1.0)], {})
    assert bundle.read_task(tmp_path / "both").settings == own
    assert bundle.read_task(source).settings == tiny.SETTINGS["classification"]
    assert Predictor.load(tmp_path / "both").task.settings == own
    edit(tmp_path / "both", lambda content: content.pop("settings"))
    with pytest.raises(BrightfieldError, match="'settings' is missing"):
        bundle.read_task(tmp_path / "both")


def test_a_single_model_is_an_ensemble_of_one(folder: Path) -> None:
    assert [(m.bundle.name, m.weight) for m in bundle.read_members(folder)] == [("small", 1.0)]


def test_an_ensemble_is_not_read_as_a_model(ensemble: Path) -> None:
    with pytest.raises(BrightfieldError, match="bundle.json is damaged"):
        bundle.read(ensemble)


@pytest.mark.parametrize(
    "harm", [damage_weights, lambda f: (f / "bundle.json").unlink(), lambda f: edit(f, lambda c: c.update(name="c"))]
)
def test_a_damaged_member_is_refused(ensemble: Path, harm: Callable[[Path], Any]) -> None:
    harm(ensemble / "members" / "b")
    with pytest.raises(BrightfieldError, match="members/b/.* is missing or was changed"):
        bundle.read_members(ensemble)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["members"][0].update(weight=-0.5), "weight -0.5"),
        (lambda c: c["members"][0].update(weight=float("nan")), "weight nan"),
        (lambda c: c["members"][0].update(weight="a"), "could not convert"),
        (lambda c: c["members"][0].update(views=3), "views 3"),
        (lambda c: c["members"][0].pop("folder"), "'folder'"),
        (lambda c: c["members"][0].update(folder="../a"), "has no checksum"),
        (lambda c: c.update(members=None), "NoneType"),
        (lambda c: c.update(sha256={}), "has no checksum"),
    ],
)
def test_a_member_that_makes_no_sense_is_refused(ensemble: Path, change: Callable[[Any], Any], said: str) -> None:
    edit(ensemble, change)
    with pytest.raises(BrightfieldError, match=f"members: .*{said}"):
        bundle.read_members(ensemble)


def test_members_are_of_one_kind_and_count_votes_where_they_can(tmp_path: Path) -> None:
    sources = [Source(write(tmp_path / "a", "a"), 0.5), Source(write(tmp_path / "b", "b", kind="classification"), 0.5)]
    with atomic_folder(tmp_path / "both") as partial:
        bundle.write_ensemble(partial, "both", "beads", tiny.SETTINGS["tracking"], sources, {}, "vote")
    with pytest.raises(BrightfieldError, match="has a member of another kind of task, 'b'"):
        bundle.read_members(tmp_path / "both")
    with pytest.raises(BrightfieldError, match="counts votes, and answers of its task are not classes"):
        bundle.read_way(tmp_path / "both")


def test_an_ensemble_is_not_made_of_what_is_not_whole(tmp_path: Path) -> None:
    damage_weights(write(tmp_path / "a", "a"))
    with pytest.raises(BrightfieldError, match="was changed"), atomic_folder(tmp_path / "both") as partial:
        bundle.write_ensemble(partial, "both", "beads", tiny.SETTINGS["tracking"], [Source(tmp_path / "a", 1.0)], {})
    assert not (tmp_path / "both").exists()


def test_a_baseline_is_a_bundle_like_any_other(tmp_path: Path) -> None:
    read = bundle.read(write(tmp_path / "baseline", kind="segmentation", baseline=True))
    assert read.model.is_baseline
    assert np.isfinite(float(read.network.get_buffer("offset")))
