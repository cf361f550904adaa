"""Tables of text."""

from __future__ import annotations

import pytest

from brightfield.system.tables import text_table


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    text = text_table(("task", "value"), [("rbc", "0.98"), ("denoise", "28.4 dB"), ("beads", "")])
    assert text.split("\n") == ["task     value", "rbc      0.98", "denoise  28.4 dB", "beads"]


def test_a_table_without_rows_is_its_head() -> None:
    assert text_table(("task", "value"), []) == "task  value"


def test_a_row_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        text_table(("task", "value"), [("rbc",)])
