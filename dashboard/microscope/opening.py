"""An image of a page's list in the microscope: a button beside each opens it, and its place is in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

import parts
from microscope import correcting, view
from queries import closeup, drafts, evaluated

MOST = 3  # models beside the truth


def identity(split: str, image: str) -> str:
    """An image in the address of a page."""
    return f"{split}/{image}"


def button(page: str, image: str) -> None:
    """A button that opens an image.

    Args:
        page: its name, in lower case.
        image: its :func:`identity`.
    """

    def look_closer() -> None:
        st.query_params[_place(page)] = image

    st.button(
        "Look closer",
        icon=":material/zoom_in:",
        type="tertiary",
        key=f"{page}-open-{image}",
        help="Open it in the microscope, above the others",
        on_click=look_closer,
    )


def show(
    page: str,
    images: Sequence[str],
    headline: Callable[[int], str],
    names: Sequence[str],
    known: Callable[[int], Mapping[str, Any]] | None = None,
) -> None:
    """Show the image of the address in the microscope, if it is among those of the page; above it corrections that are not saved.

    Args:
        page: its name, in lower case.
        images: :func:`identity` of each, in the order in which one steps through them.
        headline: what is said of the image at a place, as Markdown.
        names: of the models whose answers are shown; the first ``MOST``.
        known: what is collected of the image at a place when somebody marks its truth as wrong; None: nobody can.

    Raises:
        BrightfieldError: a model or the image is not there any more.
    """
    dataset, tools = evaluated.entry_of(names[0]).dataset, drafts.tools(names[0])
    if tools:
        correcting.pending(dataset)
    asked = st.query_params.get(_place(page))
    key = f"{page}-microscope"
    if asked is None or asked not in images:
        view.prepare(key)
        return
    place = images.index(asked)

    def step() -> None:
        st.query_params[_place(page)] = images[(place + st.session_state[key].step) % len(images)]

    def close() -> None:
        st.query_params.pop(_place(page), None)

    split, _, image = asked.partition("/")

    def correct() -> None:
        correcting.used(names[0], split, image, st.session_state[key].correction)

    def mark() -> None:
        assert known is not None
        drafts.doubt(dataset, image, known(place), image not in drafts.doubted(dataset))

    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"{headline(place)} :gray[{place + 1} of {len(images)}]", width="content")
            st.button("Close", icon=":material/close:", type="tertiary", key=f"{page}-close", on_click=close)
        pixel_size_um = evaluated.task_of(names[0]).settings.pixel_size_um
        panes = closeup.panes(names[:MOST], split, image, drafts.of_image(dataset, image))
        marking = (image in drafts.doubted(dataset), mark if tools and known is not None else None)
        view.show(panes, key, pixel_size_um, step if len(images) > 1 else None, tools, correct, *marking)
        if len(names) > MOST:
            st.caption(f"Of the first {MOST} models: {parts.plain(', '.join(names[:MOST]))}.")
        if tools:
            correcting.controls(names[0], split, image)


def _place(page: str) -> str:
    return f"{page}-image"
