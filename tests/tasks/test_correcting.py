"""Corrections of the truth, each by a small image whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import params, tasks
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.tasks.correcting import Correcting, Step
from kinds import KINDS

BEADS = tasks.build("tracking", params.TrackingSettings()).correcting
CELLS = tasks.build("segmentation", params.SegmentationSettings(species=["Myxococcus", "E. coli"])).correcting
CROPS = tasks.build("classification", params.ClassificationSettings(size_px=32)).correcting


def crop(**row: object) -> Record:
    return Record("a", "g", np.zeros((32, 32, 3), np.uint8), {}, {"label": 0, **row})


def frame(*positions: tuple[float, float]) -> Record:
    return Record("a", "g", np.zeros((40, 60), np.uint16), {"positions": np.array(positions, float).reshape(-1, 2)})


def field(**row: object) -> Record:
    """Cells 1 and 2 side by side, of species 1 and 2."""
    labels = np.zeros((20, 30), np.int32)
    labels[5:10, 2:8], labels[5:10, 12:18] = 1, 2
    fields = {"labels": labels, "species": np.array([0, 1, 2], np.uint8)}
    return Record("a", "g", np.zeros((20, 30), np.uint16), fields, row)


def changed(how: Correcting | None, record: Record, *steps: Step) -> Record:
    assert how is not None
    return how.apply(record, steps)


def test_the_class_of_an_image_is_another_one_and_its_kind_is_not_known_any_more() -> None:
    found = changed(CROPS, crop(kind="sick", defocus_um=2.0), Step(action="class", to="good"))
    assert dict(found.row) == {"label": 1, "kind": "", "defocus_um": 2.0}


def test_the_class_that_an_image_has_changes_nothing() -> None:
    record = crop(kind="sick")
    assert changed(CROPS, record, Step(action="class", to="bad")).row == record.row


def test_an_image_without_truth_has_one_then() -> None:
    assert changed(CROPS, crop(labelled=0), Step(action="class", to="good")).row["labelled"] == 1


def test_beads_are_added_and_the_nearest_is_dropped() -> None:
    record = frame((10, 10), (30, 20))
    more = changed(BEADS, record, Step(action="add", at=(45.25, 30.5)))
    np.testing.assert_array_equal(more.fields["positions"], [[10, 10], [30, 20], [45.25, 30.5]])
    fewer = changed(BEADS, record, Step(action="drop", at=(28, 22)))
    np.testing.assert_array_equal(fewer.fields["positions"], [[10, 10]])
    np.testing.assert_array_equal(record.fields["positions"], [[10, 10], [30, 20]])  # the original stays


def test_what_was_known_of_the_beads_alone_is_not_true_any_more() -> None:
    record = frame((10, 10))
    with_more = Record("a", "g", record.image, {**record.fields, "transmission": np.ones((40, 60), np.float32)})
    assert set(changed(BEADS, with_more, Step(action="add", at=(3, 3))).fields) == {"positions"}


def test_a_frame_that_was_not_labelled_gets_its_first_bead() -> None:
    bare = Record("a", "g", np.zeros((40, 60), np.uint16), {}, {"labelled": 0})
    found = changed(BEADS, bare, Step(action="add", at=(5, 6)))
    np.testing.assert_array_equal(found.fields["positions"], [[5, 6]])


def test_an_erased_cell_leaves_no_gap_in_the_numbers() -> None:
    found = changed(CELLS, field(cells=2, cover=0.1), Step(action="erase", at=(3, 6)))
    assert np.unique(found.fields["labels"]).tolist() == [0, 1]
    assert found.fields["labels"][6, 13] == 1
    assert found.fields["species"].tolist() == [0, 2]
    assert dict(found.row) == {"cells": 1, "cover": 30 / 600}


def test_a_painted_cell_takes_what_is_inside_its_outline() -> None:
    corners = [(4, 4), (15, 4), (15, 12), (4, 12)]
    found = changed(CELLS, field(), Step(action="paint", outline=corners, to="E. coli"))
    labels = found.fields["labels"]
    assert labels[6, 3] == 1  # a piece of the first is left of the outline
    assert labels[6, 17] == 2
    assert labels[11, 10] == labels[6, 6] == labels[6, 14] == 3
    assert found.fields["species"].tolist() == [0, 1, 2, 2]


def test_a_cell_that_is_painted_over_is_gone() -> None:
    around = [(10, 3), (20, 3), (20, 12), (10, 12)]
    found = changed(CELLS, field(), Step(action="paint", outline=around, to="Myxococcus"))
    assert np.unique(found.fields["labels"]).tolist() == [0, 1, 2]
    assert found.fields["species"].tolist() == [0, 1, 1]


def test_the_species_of_a_cell_is_another_one() -> None:
    found = changed(CELLS, field(), Step(action="species", at=(3, 6), to="E. coli"))
    assert found.fields["species"].tolist() == [0, 2, 2]
    np.testing.assert_array_equal(found.fields["labels"], field().fields["labels"])


def test_steps_are_taken_one_after_the_other() -> None:
    steps = [Step(action="erase", at=(3, 6)), Step(action="species", at=(13, 6), to="Myxococcus")]
    assert changed(CELLS, field(), *steps).fields["species"].tolist() == [0, 1]


REFUSED = [
    (CROPS, crop(), {"action": "erase", "at": (1, 1)}, "no correction; known: class"),
    (CROPS, crop(), {"action": "class", "to": "excellent"}, r"a class \(bad, good\), got 'excellent'"),
    (CROPS, crop(), {"action": "class"}, "a class"),
    (CROPS, crop(), {"action": "class", "to": "good", "at": (1, 1)}, "takes no place"),
    (BEADS, frame((10, 10)), {"action": "drop", "at": (40, 30)}, "no bead within 15 px"),
    (BEADS, frame(), {"action": "drop", "at": (4, 3)}, "no bead within"),
    (BEADS, frame(), {"action": "add", "at": (60, 3)}, "outside the image of 60 x 40"),
    (BEADS, frame(), {"action": "add"}, "takes a point"),
    (BEADS, frame(), {"action": "add", "at": (1, 1), "to": "good"}, "takes no class"),
    (CELLS, field(), {"action": "erase", "at": (0, 0)}, "no cell at x = 0, y = 0"),
    (CELLS, field(), {"action": "paint", "at": (0, 0), "to": "E. coli"}, "takes no place|takes an outline"),
    (CELLS, field(), {"action": "paint", "outline": [(-9, -9), (-8, -9), (-8, -8)], "to": "E. coli"}, "no pixel"),
]


@pytest.mark.parametrize(("how", "record", "content", "why"), REFUSED)
def test_what_cannot_be_corrected_says_why(
    how: Correcting | None, record: Record, content: dict[str, object], why: str
) -> None:
    with pytest.raises(BrightfieldError, match=why):
        changed(how, record, Step.model_validate(content))


def test_cells_without_species_have_none_to_change() -> None:
    record = field()
    bare = Record("a", "g", record.image, {"labels": record.fields["labels"]})
    with pytest.raises(BrightfieldError, match="no species"):
        changed(CELLS, bare, Step(action="species", at=(3, 6), to="E. coli"))
    painted = changed(CELLS, bare, Step(action="paint", outline=[(20, 2), (28, 2), (24, 8)], to="E. coli"))
    assert painted.fields["labels"].max() == 3
    assert "species" not in painted.fields


@pytest.mark.parametrize("content", [{"action": "add", "at": (float("nan"), 1)}, {"action": "add", "more": 1}, {}])
def test_what_is_no_step_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Step.model_validate(content)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_tool_says_what_to_do_and_makes_steps_of_its_own(kind: str) -> None:
    how = tasks.build(kind, KINDS[kind].settings).correcting
    if how is None:
        pytest.skip(f"nobody corrects the truth of {kind}")
    for tool in how.tools():
        assert tool.title
        assert tool.use.endswith(".")
        assert tool.step().action == tool.action
