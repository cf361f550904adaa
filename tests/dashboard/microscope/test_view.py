"""What a page tells the browser to show."""

from __future__ import annotations

import json

import numpy as np

from microscope import view
from microscope.shelf import SHELF
from microscope.tiles import Cells, Photograph
from microscope.view import Marks, Pane

PIXELS = np.random.default_rng(0).integers(0, 4000, (40, 60), dtype=np.uint16)


def test_panes_of_one_image_share_its_tiles() -> None:
    told = view.described([Pane("truth", "a", PIXELS), Pane("net", "a", PIXELS)], 0.1, steps=False)
    first, second = told["panes"]
    assert first["image"] == second["image"]
    assert (first["width"], first["height"]) == (60, 40)
    kept = SHELF.get(first["image"])
    assert isinstance(kept, Photograph)
    assert kept.pixels is PIXELS
    assert (first["black"], first["white"]) == kept.black_and_white
    assert told["pixel_um"] == 0.1
    json.dumps(told)


def test_cells_have_the_colours_of_their_verdicts() -> None:
    instances = np.zeros((40, 60), np.int32)
    instances[5:9, 5:9], instances[20:30, 20:30] = 1, 2
    pane = Pane("net", "b", PIXELS, instances=instances, verdicts=("", "right", "invented"))
    told = view.described([pane], None, steps=True)
    cells = SHELF.get(told["panes"][0]["cells"][0])
    assert isinstance(cells, Cells)
    assert list(cells.colours)[1:] == [view.COLOURS["right"], view.COLOURS["invented"]]
    assert [word for _, word in told["legend"]] == ["right", "invented"]  # no other word needs to be explained
    assert told["steps"]


def test_the_same_cells_beside_another_answer_have_their_own_colours() -> None:
    """The truth stays, and what is wrong with it depends on the model that is looked at."""
    instances = np.ones((40, 60), np.int32)
    shown = []
    for verdict in ("right", "missed", "right"):
        pane = Pane("truth", "b", PIXELS, instances=instances, verdicts=("", verdict))
        (name,) = view.described([pane], None, steps=False)["panes"][0]["cells"]
        cells = SHELF.get(name)
        assert isinstance(cells, Cells)
        assert cells.colours[1] == view.COLOURS[verdict]
        shown.append(name)
    assert shown[0] == shown[2] != shown[1]


def test_positions_are_crosses_and_true_ones_rings() -> None:
    crosses, rings = Marks(np.array([[1.00001, 2.0]]), ("right",)), Marks(np.array([[1.5, 2.0]]), ("missed",))
    pane = Pane("net", "c", PIXELS, crosses=crosses, rings=rings, residuals=np.array([[1.5, 2, 1, 2]]))
    told = view.described([pane], None, steps=False)["panes"][0]
    assert told["points"] == [(1.5, 2.0, "#d55e00", "ring"), (1.0, 2.0, "#56b4e9", "cross")]
    assert told["residuals"] == [[1.5, 2, 1, 2]]


def test_what_is_the_same_is_not_shown_anew_and_what_differs_is() -> None:
    """A run of the page must not throw away the place that somebody looks at."""

    def told(words: str) -> str:
        return str(view.described([Pane("net", "d", PIXELS, words)], None, steps=True)["identity"])

    assert told("3 cells") == told("3 cells") != told("4 cells")


def test_colours_are_told_apart() -> None:
    assert len(set(view.COLOURS.values())) == len(view.COLOURS)
