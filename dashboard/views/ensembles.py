"""Page Ensembles: members, weights, and gain over single models."""

from __future__ import annotations

import streamlit as st

import parts
from figures import scores, style
from queries import project, reports
from queries.reports import EnsembleReport
from wording import in_tables, number, words

NAMES = {"single": "alone", "soft_vote": "soft vote", "greedy": "greedy", "bagged": "bagged"}
VERDICTS = {
    "alone": "No mixture was better on the validation split, so the answers are those of **{best}** alone.",
    "better": "It is better than its best member, **{best}**: the whole interval of the gain is above zero.",
    "unsure": "It is not shown to be better than its best member, **{best}**: the interval of the gain holds zero.",
    "worse": "It is worse than its best member, **{best}**, on the test split.",
}
PAIR_WORDS = {
    "a": "member",
    "b": "and",
    "correlation": "correlation of errors",
    "disagreement": "one alone is right",
    "double_fault": "both are wrong",
}
PAIR_HELP = {
    "correlation": "Of the errors of single images: near 1 they err alike, and together gain little.",
    "disagreement": "Share of test images that one of the two alone answers correctly.",
    "double_fault": "Share of test images that both answer wrongly: no weights make these right.",
}
LEAST_WARNING = 0.2  # rank correlation from which disagreement is called a warning
METHODS = {
    "single": "the best member alone: no way of combining was better on groups that had no part in its choice",
    "soft_vote": "soft vote (all members have the same weight)",
    "greedy": "greedy selection",
    "bagged": "bagged greedy selection (the mean of ten, each on groups drawn anew)",
}


def makeup(report: EnsembleReport, colours: dict[str, str]) -> None:
    """Show members, weights, and how the method was chosen."""
    st.subheader("Members and weights", anchor=False)
    st.plotly_chart(scores.weights(report.weights, colours), theme=None, config=style.CONFIG, key="weights")
    st.markdown(f"Combined by **{METHODS.get(report.method, report.method)}**.")
    left_out = set(report.rows.query("role == 'member'")["name"]) - set(report.weights["name"])
    if left_out:
        st.markdown(f":gray[Left out: {', '.join(parts.plain(name) for name in sorted(left_out))}.]")
    st.markdown(
        f":gray[{words(report.metric)} on groups of the validation split that had no part in choosing the weights:]"
    )
    values = report.validation.to_dict("records")
    for place, row in zip(st.columns(len(values)), values, strict=True):
        place.metric(NAMES.get(row["method"], row["method"]), number(row["value"]))


def gain(report: EnsembleReport, colours: dict[str, str]) -> None:
    """Show the forest plot and its figures."""
    st.subheader("Gain on the test split", anchor=False)
    rows = report.rows.replace({"name": NAMES})
    others = rows[report.rows["name"] != report.method]  # its gain over itself is zero
    figure = scores.gains(others, colours, report.metric, report.direction)
    st.plotly_chart(figure, theme=None, config=style.CONFIG, key="gains")
    st.caption(
        "Bars are paired bootstrap intervals over whole groups of images; a filled diamond means that the interval "
        "excludes zero."
    )
    table = scores.oriented(rows, report.direction)
    st.dataframe(
        table.rename(columns={"value": words(report.metric), "low": "gain, low", "high": "gain, high"}),
        hide_index=True,
        column_config={
            column: st.column_config.NumberColumn(format=in_tables(report.metric))
            for column in (words(report.metric), "gain", "gain, low", "gain, high")
        },
    )


def alike(report: EnsembleReport) -> None:
    """Show whether the members err on different images, what each contributes, and what their disagreement says."""
    if report.pairs.empty:
        return
    st.subheader("Do the members err on different images?", anchor=False)
    left, right = st.columns([3, 2], gap="large") if len(report.without) else (st.container(), st.container())
    pairs = report.pairs.dropna(axis="columns", how="all")
    left.dataframe(
        pairs.rename(columns=PAIR_WORDS),
        hide_index=True,
        column_config={
            words: st.column_config.NumberColumn(
                format="percent" if key != "correlation" else "%.2f", help=PAIR_HELP[key]
            )
            for key, words in PAIR_WORDS.items()
            if key in PAIR_HELP
        },
    )
    if len(report.without):
        right.dataframe(
            report.without.rename(columns={"name": "without", "value": words(report.metric)}),
            hide_index=True,
            column_config={words(report.metric): st.column_config.NumberColumn(format=in_tables(report.metric))},
        )
    if report.warns is not None:
        st.markdown(
            f"Where the members disagree, the ensemble is wrong more often: rank correlation **{report.warns:.2f}** of their "
            "disagreement on an image with the error of its answer."
            if report.warns > LEAST_WARNING
            else f"The members' disagreement says little about errors: rank correlation **{report.warns:.2f}**."
        )


def show(name: str) -> None:
    """Show one ensemble."""
    report = reports.ensemble(name)
    if report is None:
        parts.nothing_yet(f"{name} has not been made yet.", f"dvc repro ensemble@{name}")
        return
    colours = style.colours(project.models())
    test = reports.scores().query(
        "model == @name and part == 'test' and metric == @report.metric and answers == @reports.AS_THEY_ARE"
    )
    if len(test):
        row = test.iloc[0]
        st.markdown(
            f"{words(report.metric)} **{number(row['value'])}** on the test split "
            f":gray[({number(row['low'])} to {number(row['high'])})]"
        )
    found, best = scores.verdict(report.rows, report.weights, report.direction)
    if best is not None:
        st.markdown(VERDICTS[found].format(best=parts.plain(best)))
    left, right = st.columns([2, 3], gap="large")
    with left:
        makeup(report, colours)
    with right:
        gain(report, colours)
    alike(report)


parts.head("Ensembles", "Are several models together better than each of them alone, and by how much?")
names = list(project.settings().ensembles)
if names:
    chosen = st.segmented_control("Ensemble", names, default=names[0], required=True, key="ensemble")
    show(chosen or names[0])
else:
    st.markdown("`params.yaml` has no section `ensembles`.")
