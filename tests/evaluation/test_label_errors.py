"""`brightfield labels` on crops of which a few are mislabelled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import images, layout
from brightfield.data import store
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.evaluation import label_errors

WRONG = {"image3", "image20", "image41", "image70"}


def fill(crops: list[Record], splits: list[str]) -> None:
    """``data/prepared/rbc`` from these crops."""
    raw, prepared = layout.raw("rbc"), layout.prepared("rbc")
    raw.mkdir(parents=True)
    prepared.mkdir(parents=True)
    store.write_raw(raw, crops, {"origin": "test"})
    known = store.ImageSet.raw(raw)
    store.write_prepared(prepared, known, known.index.assign(split=splits))


@pytest.fixture
def mislabelled(project: Path) -> Path:
    """96 crops in eight groups, four of the first 80 with the label of the other class; the last group is the test split."""
    crops = tiny.records("classification", 96, groups=8)
    crops = [replace(c, row={"label": 1 - int(str(c.row["label"]))}) if c.id in WRONG else c for c in crops]
    # group i % 8 of tiny has one class only, as every second crop is good: groups of twelve in a row have both
    crops = [replace(crop, group=f"g{i // 12}") for i, crop in enumerate(crops)]
    fill(crops, [("validation" if i >= 60 else "train") if i < 84 else "test" for i in range(96)])
    return project


@pytest.mark.usefixtures("mislabelled")
def test_the_mislabelled_crops_come_first() -> None:
    found = label_errors.write("rbc", folds=3, top=12)
    table = pd.read_csv("reports/labels-rbc/label_errors.csv")
    assert list(table.columns) == list(label_errors.COLUMNS)
    assert set(table["id"][:4]) == WRONG
    assert set(table["split"]) == {"train", "validation"}  # the test split is left alone
    assert len(table) == 84
    assert table["probability_of_label"].is_monotonic_increasing
    assert table["label"][table["id"] == "image3"].item() == "bad"  # a disc, good, given as bad
    assert table["suspected"].sum() == found.suspected
    sheet = images.read(Path("reports/labels-rbc/label_errors.png"))
    assert sheet.shape == (2 * 170 + 8, 10 * 136 + 8, 3)
    assert "84 labels" in str(found)


@pytest.mark.usefixtures("mislabelled")
def test_the_same_crops_give_the_same_list() -> None:
    label_errors.write("rbc", folds=3)
    first = Path("reports/labels-rbc/label_errors.csv").read_bytes()
    label_errors.write("rbc", folds=3)
    assert Path("reports/labels-rbc/label_errors.csv").read_bytes() == first


def test_no_image_is_judged_by_its_own_group() -> None:
    groups = np.repeat([f"g{i}" for i in range(6)], 20)
    labels = np.tile([0, 1], 60)
    own = (groups[:, None] == np.unique(groups)) * (2.0 * labels - 1)[:, None]  # tells the label within a group only
    probabilities = label_errors.out_of_fold(own, labels, groups, 6)
    assert np.abs(probabilities[:, 1] - 0.5).max() < 0.1
    assert probabilities.sum(axis=1) == pytest.approx(1)


@pytest.mark.usefixtures("mislabelled")
@pytest.mark.parametrize(
    ("name", "folds", "message"),
    [
        ("rbc", 9, "2 to the number of groups, 7, got 9"),
        ("beads", 4, "of kind tracking: only labels of classification"),
        ("rbcs", 4, "Did you mean 'rbc'"),
    ],
)
def test_what_cannot_be_judged_is_said(name: str, folds: int, message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        label_errors.write(name, folds=folds)


def test_a_class_in_one_fold_only_is_said() -> None:
    labels = np.array([1] * 4 + [0] * 8)
    with pytest.raises(BrightfieldError, match="One class lies in one fold only"):
        label_errors.out_of_fold(np.eye(12), labels, np.repeat(["a", "b", "c"], 4), 3)


def test_a_dataset_that_is_not_prepared_is_said(project: Path) -> None:
    with pytest.raises(BrightfieldError, match="dvc repro"):
        label_errors.write("rbc")


# --- confident learning on tables small enough to count by hand


def test_a_table_counted_by_hand() -> None:
    # of class 0 four sure and one that looks like class 1; of class 1 four sure and none that looks like class 0
    positive = np.array([0.1, 0.1, 0.2, 0.2, 0.95, 0.9, 0.9, 0.8, 0.8])
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    found = label_errors.find_label_errors(labels, np.column_stack([1 - positive, positive]))
    assert found.order[0] == 4
    assert found.suspected.tolist() == [i == 4 for i in range(9)]
    assert found.confidence == pytest.approx([0.9, 0.9, 0.8, 0.8, 0.05, 0.9, 0.9, 0.8, 0.8])
    assert found.margin[4] == pytest.approx(0.05 - 0.95)
    # thresholds: mean of each class's own probability, 0.69 and 0.85; confident: four of (0, 0), one of (0, 1), two of (1, 1),
    # each row then scaled to the number of its labels, 5 and 4 of 9
    assert found.joint == pytest.approx(np.array([[4 / 9, 1 / 9], [0, 4 / 9]]))


def test_the_rate_of_flipped_labels_is_estimated_and_the_flips_come_first() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 3000)
    flipped = rng.uniform(size=3000) < 0.1
    labels = np.where(flipped, (truth + 1) % 3, truth)
    probabilities = rng.dirichlet([1, 1, 1], 3000) * 0.3
    probabilities[np.arange(3000), truth] += 0.7
    found = label_errors.find_label_errors(labels, probabilities)
    assert np.trace(found.joint) == pytest.approx(0.9, abs=0.02)
    assert found.joint.sum() == pytest.approx(1)
    assert flipped[found.order[: flipped.sum()]].mean() > 0.99
    assert flipped[found.suspected].mean() > 0.95


@pytest.mark.parametrize(
    ("labels", "shape"), [([0, 1, 1], (2, 2)), ([0, 0, 0], (3, 2)), ([0, 1, 2], (3, 2)), ([0, 1], (2,))]
)
def test_what_does_not_fit_is_refused(labels: list[int], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected|needs"):
        label_errors.find_label_errors(np.array(labels), np.full(shape, 0.5))
