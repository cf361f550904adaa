"""One image for the microscope: the truth and each model's answer in panes that belong together."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.errors import BrightfieldError
from queries import closeup, errors


@pytest.mark.usefixtures("answered")
def test_cells_of_the_truth_and_of_two_models() -> None:
    image = errors.scores("bacteria-watershed")["id"][0]
    panes = closeup.panes(["bacteria-watershed", "bacteria-again"], "test", image)
    assert [pane.title for pane in panes] == ["truth", "bacteria-watershed", "bacteria-again"]
    assert len({pane.identity for pane in panes}) == 1  # the same photograph
    truth, first, second = panes
    assert truth.instances is not None
    assert first.instances is not None
    assert truth.instances.shape == first.instances.shape == truth.pixels.shape[:2]
    assert np.array_equal(first.instances, second.instances)  # the two models are the same method
    assert not np.array_equal(first.instances, truth.instances)
    assert "cells" in first.words
    assert {*truth.verdicts} <= {"", "right", "missed", "merged", "split"}
    assert {*first.verdicts} <= {"", "right", "invented", "merged", "split"}


@pytest.mark.usefixtures("answered")
def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(BrightfieldError):
        closeup.panes(["rbc-convnet"], "test", "test0")  # scores are here, images and the model are not
