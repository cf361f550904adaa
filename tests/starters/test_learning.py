"""What a starter learns from, and trainings that are kept and gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from brightfield.data.records import Record
from brightfield.starters import learning
from brightfield.starters.learning import WATCHED, hashes
from brightfield.training import checkpointing

SCRATCH = Path("scratch")


class Stopped(BaseException):
    """As Ctrl+C."""


@pytest.mark.usefixtures("recipe")
def test_the_simulations_of_a_task_are_those_whose_names_begin_with_its_own() -> None:
    known = learning.recipe()
    train, watched = learning.simulated("bacteria", known)
    assert (len(train), len(watched)) == (6, 2)  # of five and three fields, the first of each chooses the epoch
    assert {record.image.shape for record in (*train, *watched)} == {(64, 64)}
    assert not hashes(train) & hashes(watched)
    assert learning.simulated("beads", known) == ([], [])


@pytest.mark.usefixtures("recipe")
def test_every_so_manieth_group_chooses_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Record(f"{i}-{frame}", f"{i}", np.full((2, 2), i)) for i in range(30) for frame in range(2)]
    monkeypatch.setattr(learning, "simulate", lambda *_: made)
    known = learning.recipe()
    only = known.model_copy(update={"simulations": {"bacteria-wide": known.simulations["bacteria-wide"]}})
    train, watched = learning.simulated("bacteria", only)
    assert [record.group for record in watched] == [str(i) for i in range(0, 30, WATCHED) for _ in range(2)]
    assert not {record.group for record in train} & {record.group for record in watched}


def test_hashes_tell_images_apart_by_pixels_shape_and_type() -> None:
    image = np.arange(12, dtype=np.uint8)

    def of(*arrays: np.ndarray) -> set[str]:
        return hashes(Record(f"{i}", "g", array) for i, array in enumerate(arrays))

    assert of(image) == of(image.copy()) == of(np.repeat(image, 2)[::2])  # whatever its memory is like
    assert len(of(image, image.reshape(3, 4), image.reshape(4, 3), image.view(np.int8), image + 1)) == 5
    assert {len(each) for each in of(image)} == {learning.DIGITS}


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The descriptions of the trainings that were begun, in their order."""
    begun: list[str] = []
    fit = learning.training.fit

    def watch(*given: Any, description: str, **options: Any) -> Any:
        begun.append(description)
        return fit(*given, description=description, **options)

    monkeypatch.setattr(learning.training, "fit", watch)
    return begun


@pytest.mark.usefixtures("recipe")
def test_the_long_training_is_done_once_for_the_same_entry_and_images(trained: list[str]) -> None:
    known = learning.recipe()
    train, watched = learning.simulated("bacteria", known)
    first = learning.from_simulations("bacteria", known, train, watched, SCRATCH)
    again = learning.from_simulations("bacteria", known, train, watched, SCRATCH)
    assert trained == ["bacteria: simulations"]
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
    learning.from_simulations("bacteria", known, train[1:], watched, SCRATCH)
    assert len(trained) == 2
    assert len(list(SCRATCH.iterdir())) == 2  # the two that are kept, and nothing of an unfinished one


@pytest.mark.usefixtures("recipe")
def test_a_long_training_that_is_interrupted_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    known = learning.recipe()
    train, watched = learning.simulated("bacteria", known)
    whole = learning.from_simulations("bacteria", known, train, watched, Path("undisturbed"))
    epochs: list[int] = []
    end = checkpointing.BestCheckpoint.epoch

    def counted(self: checkpointing.BestCheckpoint, *given: Any, **named: Any) -> Any:
        epochs.append(len(self.rows))
        if epochs == [0, 1]:
            raise Stopped
        return end(self, *given, **named)

    monkeypatch.setattr(checkpointing.BestCheckpoint, "epoch", counted)
    with pytest.raises(Stopped):
        learning.from_simulations("bacteria", known, train, watched, SCRATCH)
    assert [path.name for path in SCRATCH.iterdir()] == ["bacteria-unfinished.safetensors"]
    resumed = learning.from_simulations("bacteria", known, train, watched, SCRATCH)
    assert epochs == [0, 1, 1, 2]  # the first was saved, the second had not ended
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name])
    assert not list(SCRATCH.glob("*-unfinished*"))


@pytest.mark.usefixtures("recipe")
def test_real_images_are_learnt_from_beside_simulated_ones_by_what_was_learnt_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = learning.recipe()
    train, watched = learning.simulated("bacteria", known)
    begun = learning.from_simulations("bacteria", known, train, watched, SCRATCH)
    given: dict[str, Any] = {}
    fit = learning.training.fit

    def watch(task: Any, model: Any, *images: Any, **options: Any) -> Any:
        given.update(options, model=model, learnt=images[0], chosen=images[1])
        return fit(task, model, *images, **options)

    monkeypatch.setattr(learning.training, "fit", watch)
    real = tiny.records("segmentation", 12, seed=1, groups=12, prefix="real")
    after = learning.from_real("bacteria", known, begun, real, train, watched, SCRATCH)
    assert given["model"] == known.models["bacteria-real"]
    assert all(torch.equal(given["initial"][k], v) for k, v in begun.network.state_dict().items())
    groups = [{record.group for record in given[part]} for part in ("learnt", "chosen")]
    real_groups = {record.group for record in real}
    assert groups[0] & real_groups
    assert groups[1] & real_groups  # some choose the epoch,
    assert not groups[0] & groups[1] & real_groups  # and from those nothing is learnt
    assert (groups[0] | groups[1]) & real_groups == real_groups
    assert groups[0] & {record.group for record in train}
    assert {record.id for record in watched} <= {record.id for record in given["chosen"]}
    assert after.network is not begun.network


def test_which_real_images_choose_the_epoch_depends_on_their_group_alone() -> None:
    groups = [Record("a", f"g{i}", np.zeros((2, 2))) for i in range(200)]
    share = np.mean([learning._watches(record) for record in groups])
    assert share == pytest.approx(1 / learning.WATCHED_REAL, abs=0.1)
    assert all(learning._watches(r) == learning._watches(Record("b", r.group, np.ones((3, 3)))) for r in groups)
