"""Controls that correct the truth of the image in the microscope, and what becomes of the corrections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

import parts
from brightfield.errors import BrightfieldError
from queries import drafts, evaluated, project

# in the session: what could not be corrected, and what was saved
PROBLEM, SAID = "correcting-problem", "correcting-said"


def used(name: str, split: str, image: str, content: Mapping[str, Any] | None) -> None:
    """Take a correction from the microscope; what is wrong with it is said at the next drawing."""
    if content is None:
        return
    try:
        drafts.add(name, split, image, content)
    except BrightfieldError as error:
        st.session_state[PROBLEM] = str(error)


def controls(name: str, split: str, image: str) -> None:
    """Show what can be changed of the whole image, how many corrections it has, and a button that takes the last one back."""
    dataset = evaluated.entry_of(name).dataset
    steps = drafts.of_image(dataset, image)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for tool in drafts.tools(name):
            if tool.by == "image":
                key = f"correct-{tool.action}-{dataset}-{image}"

                def choose(key: str = key, action: str = tool.action) -> None:
                    if st.session_state[key] is None:  # chosen once more: not corrected
                        drafts.undo(dataset, image)
                    else:
                        used(name, split, image, {"action": action, "to": st.session_state[key]})

                now = next((step.to for step in reversed(steps) if step.action == tool.action), None)
                st.session_state[key] = now
                st.segmented_control(
                    f"{tool.title} (corrected)", tool.classes, key=key, on_change=choose, help=tool.use
                )
        if steps:
            st.button(
                f"Undo ({len(steps)})",
                icon=":material/undo:",
                key=f"correct-undo-{image}",
                help="Take the last correction of this image back",
                on_click=lambda: drafts.undo(dataset, image),
            )
    problem = st.session_state.pop(PROBLEM, None)
    if problem:
        st.warning(parts.plain(problem))


def tick(dataset: str, image: str, known: Mapping[str, Any]) -> None:
    """A box to tick where the truth of an image is wrong."""
    key = f"doubt-{dataset}-{image}"

    def ticked() -> None:
        drafts.doubt(dataset, image, known, bool(st.session_state[key]))

    st.session_state[key] = image in drafts.doubted(dataset)
    st.checkbox("Truth is wrong", key=key, on_change=ticked, help="Collected below the filters, to be exported")


def pending(dataset: str) -> None:
    """Show what was ticked and corrected in a dataset, with the ways to keep it; nothing where nothing was.

    Its place is there always: what stands below, the microscope, would be made anew if it came and went.
    """
    with st.container():
        _pending(dataset)


def _pending(dataset: str) -> None:
    said = st.session_state.pop(SAID, None)
    if said:
        show, text = said
        show(parts.plain(text))
    steps, doubted = drafts.of_dataset(dataset), drafts.doubted(dataset)
    if not steps and not doubted:
        return
    with st.container(border=True, key="pending"):
        st.markdown(f"**{_images(len(steps))} corrected, {_images(len(doubted))} ticked as wrong**; not saved yet")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if steps and project.may_change():
                who = st.text_input(
                    "Your name", key="correct-who", placeholder="as this machine knows you", max_chars=100
                )
                why = st.text_input("Why", key="correct-why", placeholder="for the list of versions", max_chars=500)
                st.button(
                    "Save as a new version",
                    type="primary",
                    key="correct-save",
                    on_click=lambda: _save(dataset, who, why),
                )
            if steps:
                st.download_button(
                    "Corrections",
                    lambda: drafts.as_file(dataset),
                    f"{dataset}-corrections.json",
                    "application/json",
                    icon=":material/download:",
                    help=f"For `brightfield relabel {dataset} FILE`",
                )
            if doubted:
                st.download_button(
                    "Ticked images",
                    lambda: drafts.as_table(dataset),
                    f"{dataset}-doubted.csv",
                    "text/csv",
                    icon=":material/download:",
                    help="A table of what was ticked, for whoever labels again",
                )
            st.button("Discard", type="tertiary", key="correct-discard", on_click=lambda: drafts.discard(dataset))
        if steps and not project.may_change():
            st.caption(
                f"`brightfield relabel {parts.plain(dataset)} FILE` makes a new version of the dataset from the file. "
                "Started with `make dashboard CHANGES=1`, this page does so itself."
            )


def _save(dataset: str, who: str, why: str) -> None:
    try:
        st.session_state[SAID] = st.success, str(drafts.save(dataset, who, why))
    except BrightfieldError as error:
        st.session_state[SAID] = st.error, str(error)


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"
