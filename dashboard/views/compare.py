"""Page Compare: two to six models or ensembles on the same images."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

import parts
from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import declared
from figures import differences, style
from microscope import opening
from queries import comparing, errors, project, sending
from wording import number, words

SHOWN = 3  # images on which models differ most, at first
SIDE_PX = 600  # longest side of a picture


def chosen(task: str, names: list[str]) -> list[str]:
    """The model that the others are compared with, then those."""
    left, right = st.columns([1, 2])
    first = left.selectbox(
        "Reference", names, index=len(names) - 1, key=f"compare-reference-{task}", bind="query-params"
    )
    others = [name for name in names if name != first]
    against = right.multiselect(
        "Compared with it",
        others,
        default=others[:1],
        max_selections=comparing.MOST - 1,
        key=f"compare-models-{task}",
        bind="query-params",
    )
    return [first, *against]


def numbers(found: comparing.Comparison, figure: go.Figure) -> None:
    """Show the verdicts, the objective on each part, and all metrics on the test split."""
    for name, line in found.verdicts.items():
        st.markdown(f"**{parts.plain(name)}**: {parts.plain(line)}")
    for line in found.notes:
        st.caption(parts.plain(line))
    st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="forest")
    st.caption(
        "Test split, then the shift suites, on the same images; bars are intervals over groups. A filled mark is more than chance "
        "explains, all comparisons here counted."
    )
    st.subheader("All metrics on the test split", anchor=False)
    st.dataframe(table(found.metrics), hide_index=True, key="compare-metrics")


def sentences(found: comparing.Comparison) -> list[str]:
    """What was found, in words."""
    return [*(f"{name}: {line}" for name, line in found.verdicts.items()), *found.notes]


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Rows of metrics as they are shown."""
    return pd.DataFrame(
        {
            "model": metrics["b"],
            "metric": metrics["metric"].map(words),
            "reference": metrics["value_a"].map(number),
            "value": metrics["value_b"].map(number),
            "difference": [
                declared(metric).difference(value, low, high)
                for metric, value, low, high in metrics[["metric", "difference", "low", "high"]].itertuples(index=False)
            ],
            "p": metrics["p_corrected"].map(number),
            "better": metrics["better"].replace("", "may be chance").where(metrics["difference"] != 0, "equal"),
        }
    )


def images(task: str, names: list[str]) -> list[tuple[str, list[bytes]]]:
    """Show the images on which the models differ most; returns their names with the pictures, for the report."""
    able = comparing.measures(names)
    if not able:
        return []
    st.subheader("Where they differ most", anchor=False)
    metric = st.selectbox("By", able, format_func=words, key=f"compare-by-{task}", bind="query-params", width=260)
    apart = comparing.apart(names, metric)
    if apart.empty:
        st.markdown("Their answers score alike on every image.")
        return []
    identities = [opening.identity(split, image) for split, image in apart[["split", "id"]].itertuples(index=False)]
    opening.show("compare", identities, lambda place: f"**{parts.plain(identities[place])}**", names)
    kept = []
    for _, row in apart.head(SHOWN).iterrows():
        with st.container(border=True):
            kept.append(pictures(row, names, metric))
    return kept


def pictures(row: pd.Series, names: list[str], metric: str) -> tuple[str, list[bytes]]:
    """Show one image with the answer of each model."""
    identity = opening.identity(row["split"], row["id"])
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        apart = f"apart by {declared(metric).difference(row[comparing.SPREAD]).lstrip('+')}"
        st.markdown(f"**{parts.plain(identity)}** :gray[{parts.plain(apart)}]", width="content")
        opening.button("compare", identity)
    drawn = []
    for place, name in zip(st.columns(len(names)), names, strict=True):
        drawn.append(errors.picture(name, str(row["split"]), str(row["id"]), SIDE_PX))
        place.image(drawn[-1], width="stretch")
        place.caption(f"{parts.plain(name)}: {number(row[name])}")
    return f"{identity}, {declared(metric).label}: {', '.join(f'{name} {number(row[name])}' for name in names)}", drawn


def show(task: str) -> None:
    """Show models of one task."""
    names = chosen(task, errors.scored(task))
    if len(names) < 2:
        st.markdown("Choose a model to compare with the reference.")
        return
    found = comparing.compared(names)
    figure = differences.forest(found.on_parts, names[0], style.colours(project.models()))
    numbers(found, figure)
    try:
        shown = images(task, names)
    except BrightfieldError as error:  # scores are shared without images and models
        st.markdown(f"There are no pictures here. {parts.plain(str(error))}")
        shown = []
    st.download_button(
        "Download this comparison",
        data=lambda: sending.comparison(names, sentences(found), figure, table(found.metrics), shown),
        file_name=f"{'-'.join(names)}.html",
        mime="text/html",
        icon=":material/download:",
        help="One file that opens in any browser without a network",
        on_click="ignore",
    )


parts.head("Compare", "Which model is better, on which images, and is that more than chance?")
tasks = [task for task in project.settings().tasks if len(errors.scored(task)) > 1]
if tasks:
    wanted = st.segmented_control(
        "Task", tasks, default=tasks[0], required=True, key="compare-task", bind="query-params"
    )
    show(wanted or tasks[0])
else:
    parts.nothing_yet("No two models of a task have been evaluated yet.", "make repro")
