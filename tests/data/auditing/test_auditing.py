"""Each defect is found, named, and told apart from what is merely worth knowing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from brightfield.data.auditing import audit, fingerprint
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError


def sound() -> tuple[list[Record], pd.DataFrame]:
    """Twelve records in six groups, two a split, with all kinds of truth and both classes everywhere."""
    rng = np.random.default_rng(0)
    records, rows = [], []
    for i in range(12):
        fields = {
            "labels": np.eye(20, 30, dtype=np.int32),
            "species": np.array([0, 1], np.uint8),
            "fluorescence": np.ones((20, 30), np.float32),
            "clean": np.ones((20, 30), np.float32),
            "positions": np.array([[-0.5, 19.5], [29.5, -0.5]]),
        }
        records.append(Record(f"r{i}", f"g{i // 2}", rng.integers(0, 200, (20, 30), dtype=np.uint8), fields))
        split = ("train", "validation", "test")[i // 4]
        rows.append({"id": f"r{i}", "group": f"g{i // 2}", "split": split, "label": i % 2})
    return records, pd.DataFrame(rows)


def with_field(record: Record, name: str, value: object) -> Record:
    return replace(record, fields={**record.fields, name: np.asarray(value)})


def test_a_sound_dataset_has_no_problems() -> None:
    found = audit(*sound())
    found.raise_if_failed()
    assert found.problems == []
    assert found.warnings == []
    assert found.counts == {split: {"images": 4, "groups": 2} for split in ("train", "validation", "test")}
    assert found.classes == {split: {"0": 2, "1": 2} for split in ("train", "validation", "test")}
    assert json.loads(json.dumps(found.as_dict()))["saturated"] == 0.0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("labels", np.zeros((20, 31), np.int32), r"labels have shape \(20, 31\), the image has \(20, 30\)"),
        ("fluorescence", np.zeros((30, 20)), r"fluorescence values have shape \(30, 20\)"),
        ("clean", np.zeros((20, 30, 1)), r"clean values have shape \(20, 30, 1\)"),
        ("species", [0, 1, 1], r"species has shape \(3,\), expected \(2,\)"),
        ("positions", [[5, 5], [30.0, 3]], "1 positions outside the image of 30 x 20, the first x = 30, y = 3"),
        ("positions", [[3, 20.0]], "1 positions outside"),
        ("positions", [[np.nan, 3]], "positions must be finite"),
    ],
)
def test_truth_that_does_not_fit_its_image(name: str, value: object, says: str) -> None:
    records, index = sound()
    records[3] = with_field(records[3], name, value)
    with pytest.raises(BrightfieldError, match=f"r3: {says}"):
        audit(records, index).raise_if_failed()


def test_constant_and_infinite_images() -> None:
    records, index = sound()
    records[0] = replace(records[0], image=np.full((20, 30), 7, np.uint8))
    records[1] = replace(records[1], image=np.r_[np.ones((19, 30)), np.full((1, 30), np.inf)].astype(np.float32))
    assert audit(records, index).problems == [
        "r0: the image is constant",
        "r1: the image has values that are nan or infinite",
    ]


def test_the_same_pixels_in_two_splits_stop_and_within_one_warn() -> None:
    records, index = sound()
    records[1] = replace(records[1], image=records[0].image.copy())
    records[11] = replace(records[11], image=records[4].image.copy())
    found = audit(records, index)
    assert found.problems == ["r4, r11: the same pixels in the splits test, validation"]
    assert found.warnings == ["r0, r1: the same pixels 2 times in train"]


def test_a_group_in_two_splits() -> None:
    records, index = sound()
    index.loc[0, "split"] = "test"
    assert audit(records, index).problems == ["group g0: in several splits (test, train), expected in one"]


def test_an_empty_split() -> None:
    records, index = sound()
    index["split"] = index["split"].replace("test", "train")
    assert audit(records, index).problems == ["split test: has no images"]


def test_index_and_images_must_agree() -> None:
    records, index = sound()
    problems = audit(records[:-1], index.drop(index=0)).problems
    assert problems == ["r0: not in the index", "r11: in the index, but has no image"]


def test_missing_classes() -> None:
    records, index = sound()
    index.loc[index["split"] == "train", "label"] = 0
    assert audit(records, index).problems == [
        "split train: has no image of class 1; import more groups, or split with another seed"
    ]
    index["label"] = [0, 1] * 2 + [0] * 8
    found = audit(records, index)
    assert found.problems == []
    assert [warning[:40] for warning in found.warnings] == [
        "split validation: has no image of class ",
        "split test: has no image of class 1; imp",
    ]
    index["label"] = 1
    assert audit(records, index).problems == ["all images are of class 1, expected two classes"]


def test_rare_classes_and_saturation_are_warned_of() -> None:
    records, index = sound()
    image = records[2].image.copy()
    image[:, :15] = 255
    records[2] = replace(records[2], image=image)
    found = audit(records, index)
    assert found.problems == []
    assert found.saturated == pytest.approx(0.5 / 12)
    assert found.warnings[-1].startswith("1 of 12 images")
    assert "the worst is r2 with 50.0%" in found.warnings[-1]


def test_a_near_copy_in_another_split_is_a_warning_naming_both() -> None:
    records, index = sound()
    records[11] = replace(records[11], image=records[0].image // 2 + 20)
    found = audit(records, index)
    assert found.problems == []
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("1 pairs of images in different splits look alike: r0 and r11 (train, test; ")


def test_torn_masks_are_warned_of() -> None:
    records, index = sound()
    torn = np.zeros((20, 30), np.int32)
    torn[2:9, 2:9] = 1
    torn[5, 5] = 0
    torn[15, 15] = 1
    records[3] = with_field(records[3], "labels", torn)
    found = audit(records, index)
    assert found.problems == []
    assert found.warnings == [
        "1 masks in 1 images are in several pieces: r3 label 1",
        "1 masks in 1 images have holes: r3 label 1",
    ]


def test_every_check_is_a_row_whatever_it_found() -> None:
    records, index = sound()
    rows = {check.name: check for check in audit(records, index).checks}
    assert {check.outcome for check in rows.values()} == {"ok"}
    assert len(rows) == 12
    records[1] = replace(records[1], image=records[0].image.copy())
    records[11] = replace(records[11], image=records[4].image.copy())
    records[5] = replace(records[5], image=np.full((20, 30), 7, np.uint8))
    after = audit(records, index).as_dict()["checks"]
    assert [row["name"] for row in after] == list(rows)
    changed = {row["name"]: row for row in after if row["outcome"] != "ok"}
    assert changed == {
        "no constant image": {"name": "no constant image", "outcome": "problem", "count": 1, "examples": ["r5"]},
        "no image twice": {
            "name": "no image twice",
            "outcome": "problem",
            "count": 4,
            "examples": ["r0", "r1", "r4", "r11"],
        },
    }


def test_checks_that_do_not_apply_are_left_out() -> None:
    records, index = sound()
    records = [replace(record, fields={}) for record in records]
    names = {check.name for check in audit(records, index.drop(columns="label")).checks}
    assert names.isdisjoint({"masks in one piece", "masks without holes", "classes in every split"})
    assert len(names) == 9


def test_a_shift_suite_is_a_split_of_its_own() -> None:
    records, index = sound()
    index.loc[index["group"] == "g5", "split"] = "focus"
    found = audit(records, index)
    assert found.problems == []
    assert found.counts["focus"] == {"images": 2, "groups": 1}
    assert found.classes["focus"] == {"0": 1, "1": 1}


def test_many_problems_are_counted_and_twenty_shown() -> None:
    records, index = sound()
    records = [with_field(record, "positions", [[99, 99]]) for record in records]
    records = [with_field(record, "labels", np.zeros((2, 2), np.int32)) for record in records]
    with pytest.raises(BrightfieldError) as caught:
        audit(records, index).raise_if_failed()
    lines = str(caught.value).splitlines()
    assert "has 36 problems" in lines[0]  # species no longer fits either
    assert len(lines) == 22
    assert lines[-1].strip() == "... and 16 more"


def test_fingerprints_tell_pixels_and_shapes_apart() -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert fingerprint(image) == fingerprint(image.astype(">u2")) == fingerprint(np.asfortranarray(image))
    assert fingerprint(image) != fingerprint(image.reshape(4, 3))
    assert fingerprint(image) != fingerprint(image + 1)
