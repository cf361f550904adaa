"""An address shows a colleague what one sees oneself: the choices of every page are in it."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages import PAGES, open_page, start


def choices(app: AppTest) -> dict[str, Any]:
    """What can be chosen on a page of two options and more, by its key."""
    found = [*app.segmented_control, *app.selectbox, *app.multiselect]
    return {str(widget.key): widget for widget in found if len(widget.options) > 1}


def chosen(widget: Any) -> list[str]:
    """As it is shown."""
    indices = widget.indices if hasattr(widget, "indices") else [widget.index]
    return [widget.options[i] for i in indices]


@pytest.mark.usefixtures("project", "confirmed")
@pytest.mark.parametrize("name", PAGES)
def test_an_address_chooses_what_is_chosen_on_a_page(name: str) -> None:
    able = choices(open_page(name))
    assert able or name in ("tuning", "beads")
    for key, widget in able.items():
        last = widget.options[-1]
        app = start()
        app.query_params[key] = last
        open_page(name, app)
        assert chosen(choices(app)[key]) == [last], key
        assert app.query_params.get(key) or chosen(widget) == [last], key  # else it is no part of the address
