"""Labels that are probably wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield import layout
from brightfield.errors import BrightfieldError
from queries import suspects

HEAD = "rank,id,group,split,label,probability_of_label,margin,suspected\n"


def write(rows: str) -> None:
    folder = layout.report("labels-rbc")
    folder.mkdir(parents=True)
    (folder / layout.LABEL_ERRORS).write_text(HEAD + rows)


def test_only_suspected_ones_in_their_order(empty: Path) -> None:
    assert suspects.found("rbc") is None
    write("1,007,g,train,good,0.01,-0.98,1\n2,b,g,validation,bad,0.2,-0.6,1\n3,c,g,train,bad,0.9,0.8,0\n")
    table = suspects.found("rbc")
    assert table is not None
    assert table["id"].tolist() == ["007", "b"]  # text, not numbers
    assert table["probability_of_label"].tolist() == [0.01, 0.2]


def test_a_damaged_list_is_said(empty: Path) -> None:
    folder = layout.report("labels-rbc")
    folder.mkdir(parents=True)
    (folder / layout.LABEL_ERRORS).write_text("id\n1\n")
    with pytest.raises(BrightfieldError, match="suspected|column"):
        suspects.found("rbc")
