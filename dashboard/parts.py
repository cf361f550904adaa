"""Parts of every page: its head, notes where there is nothing to show, errors and warnings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from wording import day

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def head(title: str, question: str) -> None:
    """Show the title, the question that the page answers, and a button that clears the cache."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(title, anchor=False, width="content")
        reload = st.button("Reload", icon=":material/refresh:", type="tertiary", help="Read files and runs again")
    if reload:
        st.cache_data.clear()
        st.rerun()
    st.markdown(f":gray[{question}]")


_drawing = st.components.v2.component(
    "brightfield_drawing",
    html='<div class="drawing"></div>',
    css=".drawing { color: var(--st-text-color); font-family: var(--st-font); }",
    js="""
export default function (component) {
  component.parentElement.querySelector(".drawing").innerHTML = component.data
}
""",
)


def drawing(svg: str, key: str) -> None:
    """Show a picture that is written out: Streamlit's own elements take no SVG in which text has the colour of the page.

    Args:
        svg: the picture; names in it are escaped.
        key: of the element on its page.
    """
    _drawing(data=svg, key=key, height="content")


def nothing_yet(what: str, command: str, advice: str = "This command makes it:") -> None:
    """Show what is missing, and the command that makes it."""
    with st.container(border=True):
        st.markdown(f"**{what}** {advice}")
        st.code(command, language="bash")


def problem(error: Exception | str) -> None:
    """Show an error that the user can fix."""
    st.error(plain(str(error)), icon=":material/error:")


def away(message: str | None) -> None:
    """Show a warning that MLflow does not answer, if there is a message."""
    if message:
        st.warning(
            f"{plain(message)}  \nOnly data from the project's files is shown.",
            icon=":material/cloud_off:",
        )


def decision(entry: Mapping[Any, Any]) -> None:
    """Show a decision about a champion with its reasons, see :func:`brightfield.experiments.registry.decisions`."""
    what = f"{entry['decision']}: {entry['model']} (version {entry['version']})"
    st.markdown(f"**{plain(what)}** :gray[{day(entry['at'])}, by {plain(entry['who'])}]")
    st.caption(plain(" ".join(entry["why"])))


def plain(text: str) -> str:
    """Escape Markdown in foreign text: file names and messages must not become links, images or headings."""
    return _MARKDOWN.sub(r"\\\1", text)
