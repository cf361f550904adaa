"""Page Overview: the champion of each task beside the baseline and the best single model."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import parts
from brightfield.errors import BrightfieldError
from figures import scores, style
from queries import project, remote, reports, tracking
from queries.attention import notices
from queries.reports import TEST
from wording import DASH, day, interval, number, short, words

PER_ROW, SIDE_PX = 3, 640  # number of examples per row, and longest side of an example
FETCHED = "overview-fetched"  # in the session: why reports could not be fetched
NUMBER_PX = 112  # width of a score
MOST_DECISIONS = 8  # shown of a task


def attention(champions: pd.DataFrame) -> None:
    """Show what somebody should know of, each with the next step."""
    found = notices(champions)
    if not found:
        return
    with st.expander(
        f"{len(found)} thing{'s need' if len(found) > 1 else ' needs'} attention",
        icon=":material/notification_important:",
    ):
        for place, notice in enumerate(found):
            left, right = st.columns([6, 1], vertical_alignment="center")
            left.markdown(f"{parts.plain(notice.what)}  \n:gray[{notice.step}]")
            right.page_link(notice.page, label="Show", icon=":material/arrow_forward:", query_params=dict(notice.place))
            if place < len(found) - 1:
                st.divider()


def elsewhere(champions: pd.DataFrame) -> None:
    """Offer to bring reports that are with the tracking server alone."""
    said = st.session_state.pop(FETCHED, None)
    if said:
        parts.problem(said)
    names = remote.missing(champions)
    if not names:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"Not on this machine: the reports of {parts.plain(', '.join(names))}. With them the pages show scores, confusion and "
            "comparisons.",
            width="stretch",
        )
        st.button(
            "Fetch from the tracking server", icon=":material/cloud_download:", key="fetch-reports", on_click=_fetch
        )


def _fetch() -> None:
    try:
        with st.spinner("Fetching reports"):
            for name in remote.fetch():
                st.toast(f"{name} has arrived")
        st.cache_data.clear()
    except BrightfieldError as error:
        st.session_state[FETCHED] = str(error)


def card(task: str, champions: pd.DataFrame, colours: dict[str, str]) -> None:
    """Show one task: its champion, and the scores of all models."""
    entry = project.settings().tasks[task]
    metric, direction = reports.objective(task)
    table = reports.on_test(task)
    champion = champions[champions["task"] == task]
    with st.container(border=True, height="stretch"):
        st.markdown(f"### {parts.plain(task)} :gray-badge[{entry.kind}]")
        if table.empty and champion.empty:
            st.markdown("Nothing has been trained and evaluated yet: run `make repro`.")
            return
        who(champion)
        numbers(champion, table, metric)
        possible(task, metric)
        if len(table):
            name = champion["model"].iloc[0] if len(champion) else None
            parts.drawing(scores.dots(table, colours, metric, direction, name), f"dots-{task}")
            st.download_button(
                "Scores",
                table.to_csv(index=False, lineterminator="\n"),
                f"{task}-scores.csv",
                "text/csv",
                type="tertiary",
                icon=":material/download:",
                key=f"scores-{task}",
                on_click="ignore",
            )
        origin(task, champion, table)
        decisions(task)


def who(champion: pd.DataFrame) -> None:
    """Show name, version and date of the champion."""
    if champion.empty:
        st.markdown("No champion yet: `dvc repro` registers one.")
        return
    row = champion.iloc[0]
    since = f" · since {day(row['since'])}" if row["since"] else ""
    st.markdown(f"Champion **{parts.plain(row['model'])}** :gray[· version {row['version']}{since}]")


def numbers(champion: pd.DataFrame, table: pd.DataFrame, metric: str) -> None:
    """Show the scores of champion, best single model and baseline; the first with its interval."""
    row = st.container(horizontal=True)  # on a narrow page they stand below each other
    left, middle, right = (row.container(width=NUMBER_PX) for _ in range(3))
    single, baseline = best(table, "member"), best(table, "baseline")
    if len(champion):
        best_one = champion.iloc[0]
        said = f"{words(metric)} on the test split of the task's dataset, with its {confidence()} interval"
        left.metric("Champion", number(best_one["value"]), help=said)
        left.caption(interval(best_one["low"], best_one["high"]))
    else:
        left.metric("Champion", DASH)
    for place, label, other in ((middle, "Best single model", single), (right, "Baseline", baseline)):
        if other is None:
            place.metric(label, DASH)
            continue
        place.metric(label, number(other["value"]))
        place.caption(parts.plain(str(other["model"])))


def possible(task: str, metric: str) -> None:
    """Show the best that any model could reach, where it is known."""
    best_possible = reports.ceilings(task, metric).get(TEST)
    if best_possible is not None:
        st.caption(
            f"No model can reach more than {number(best_possible)} on the test split: its labels are partly chance."
        )


def confidence() -> str:
    """The confidence of intervals, such as ``95 %``."""
    return f"{100 * project.settings().evaluation.confidence:g} %"


def best(table: pd.DataFrame, role: str) -> pd.Series | None:
    """The best model of a role, from a table that begins with the best."""
    some = table[table["role"] == role]
    return some.iloc[0] if len(some) else None


def origin(task: str, champion: pd.DataFrame, table: pd.DataFrame) -> None:
    """Show the versions of data and code."""
    row = champion.iloc[0] if len(champion) else table.iloc[0]
    made = project.provenance(task, str(row["model"]), str(row["role"]))
    data = next((value for value in [*table["data_hash"], made.get("data_hash")] if isinstance(value, str)), None)
    dirty = " with uncommitted changes" if made.get("dirty") else ""
    st.caption(f"test data `{short(data)}` · commit `{short(made.get('commit'))}`{dirty}")


def decisions(task: str) -> None:
    """Show the newest decisions about the champion, each with its reasons."""
    log = tracking.decisions(task).table
    if log.empty:
        return
    looks = log["look"].dropna()
    asked = f", {int(looks.max())} of them on the same test images" if len(looks) else ""
    with st.expander(f"{len(log)} decision{'s' if len(log) > 1 else ''} about the champion{asked}"):
        for row in log.head(MOST_DECISIONS).to_dict("records"):
            parts.decision(row)
        if len(log) > MOST_DECISIONS:
            st.caption("`brightfield champions --why` shows all of them.")


def examples(colours: dict[str, str], champions: list[str]) -> None:
    """Show test images with the answers of one model, by default a champion."""
    names = [name for name in colours if reports.examples(name)]
    if not names:
        return
    st.subheader("Examples of answers", anchor=False)
    first = next((names.index(model) for model in champions if model in names), 0)
    name = st.selectbox("Model", names, index=first, key="example", bind="query-params", width=320)
    pictures = reports.examples(name)
    project.ahead(lambda path: project.thumbnail(path, SIDE_PX), pictures)
    columns = st.columns(min(PER_ROW, len(pictures)))
    for i, path in enumerate(pictures):
        columns[i % PER_ROW].image(
            project.thumbnail(path, SIDE_PX), caption=path.stem, width="stretch", output_format="PNG"
        )
    st.caption(
        "Test images of this model's report. Crosses, outlines and frames are answers; circles and dashes are the truth."
    )


parts.head(
    "Overview", "Which model answers each task today, how good is it, and is it better than the classical baseline?"
)
known = project.models()
found = tracking.champions()
parts.away(found.problem)
palette = style.colours(known)
if found.table.empty and reports.scores().empty:
    parts.nothing_yet("Nothing has been trained and evaluated yet.", "make repro")
    st.stop()
elsewhere(found.table)
attention(found.table)
tasks = list(project.settings().tasks)
for pair in (tasks[i : i + 2] for i in range(0, len(tasks), 2)):
    for column, task_name in zip(st.columns(2), pair, strict=False):
        with column:
            card(task_name, found.table, palette)
examples(palette, list(found.table["model"]))
