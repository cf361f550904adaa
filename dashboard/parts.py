"""What every page has: its head, what it says when there is nothing to show, and how it tells of a problem."""

from __future__ import annotations

import re

import streamlit as st

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def head(title: str, question: str) -> None:
    """The title, one sentence that says what the page answers, and a button that forgets what was cached."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(title, anchor=False, width="content")
        reload = st.button("Reload", icon=":material/refresh:", type="tertiary", help="Read files and runs again")
    if reload:
        st.cache_data.clear()
        st.rerun()
    st.markdown(f":gray[{question}]")


def nothing_yet(what: str, command: str, advice: str = "This command makes it:") -> None:
    """There is nothing to show, and this command makes it."""
    with st.container(border=True):
        st.markdown(f"**{what}** {advice}")
        st.code(command, language="bash")


def problem(error: Exception | str) -> None:
    """An error that the user can mend."""
    st.error(plain(str(error)), icon=":material/error:")


def away(message: str | None) -> None:
    """Tell that MLflow does not answer, where it does not."""
    if message:
        st.warning(
            f"{plain(message)}  \nWhat comes from the project's files is shown all the same.",
            icon=":material/cloud_off:",
        )


def plain(text: str) -> str:
    """Text that comes from elsewhere, as it is: file names and messages must not become links, images or headings."""
    return _MARKDOWN.sub(r"\\\1", text)
