"""Page Ensembles: members, weights, and gain over single models."""

from __future__ import annotations

import streamlit as st

import builder
import parts
from figures import scores, style
from queries import project, reports
from queries.reports import EnsembleReport
from wording import in_tables, interval, number, words

NAMES = {
    "single": "alone",
    "soft_vote": "soft vote",
    "median": "median",
    "majority_vote": "majority vote",
    "stacking": "stacking",
    "greedy": "greedy",
    "bagged": "bagged",
    "soup": "soup",
    "given": "by hand",
}
MADE, BY_HAND = "by the pipeline", "by hand"
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
    "median": "the median of all members",
    "majority_vote": "majority vote: each member answers by itself, and the answers are counted",
    "stacking": "stacking: the weights with the least squared error",
    "greedy": "greedy selection",
    "bagged": "bagged greedy selection (the mean of ten, each on groups drawn anew)",
    "given": "the weights of its entry in params.yaml, which somebody chose",
    "soup": "a soup: one network with the mean of their weights, which costs as much as one of them",
}


def makeup(report: EnsembleReport, colours: dict[str, str]) -> None:
    """Show members, weights, and how the method was chosen."""
    st.subheader("Members and weights", anchor=False)
    st.plotly_chart(scores.weights(report.weights, colours), theme="streamlit", config=style.CONFIG, key="weights")
    st.markdown(f"Combined by **{METHODS.get(report.method, report.method)}**.")
    left_out = set(report.rows.query("role == 'member'")["name"]) - set(report.weights["name"])
    if left_out:
        st.markdown(f":gray[Left out: {', '.join(parts.plain(name) for name in sorted(left_out))}.]")
    st.markdown(
        f":gray[{words(report.metric)} on groups of the validation split that had no part in choosing the weights:]"
    )
    chosen = report.validation["method"] == report.method
    st.dataframe(
        report.validation.assign(
            method=report.validation["method"].replace(NAMES), chosen=chosen.map({True: "✓", False: ""})
        ).rename(columns={"value": words(report.metric), "chosen": ""}),
        hide_index=True,
        column_config={words(report.metric): st.column_config.NumberColumn(format=in_tables(report.metric))},
    )


def gain(report: EnsembleReport, colours: dict[str, str]) -> None:
    """Show the forest plot and its figures."""
    st.subheader("Gain on the test split", anchor=False)
    rows = report.rows.replace({"name": NAMES})
    others = rows[report.rows["name"] != report.method]  # its gain over itself is zero
    figure = scores.gains(others, colours, report.metric, report.direction)
    st.plotly_chart(figure, theme="streamlit", config=style.CONFIG, key="gains")
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


def beside(report: EnsembleReport) -> None:
    """Say whether one training as long as those of all members does as well."""
    for row in scores.oriented(report.rows, report.direction).query("role == 'beside'").to_dict("records"):
        verdict = (
            "better than" if row["low"] > 0 else "worse than" if row["high"] < 0 else "not shown to be better than"
        )
        st.markdown(
            f"Trained alone for longer, **{parts.plain(row['name'])}** has {number(row['value'])}: the ensemble is {verdict} it "
            f":gray[({number(row['gain'], signed=True)}, {interval(row['low'], row['high'])})]."
        )


def cost(report: EnsembleReport) -> None:
    """Show what the ensemble costs beside its members, and its calibration."""
    lines = []
    if report.calibration is not None:
        known = report.calibration
        before, after = (
            f"{number(known[key]['value'])} :gray[({interval(known[key]['low'], known[key]['high'])})]"
            for key in ("before", "after")
        )
        lines.append(f"{words(known['metric'])} of {parts.plain(known['best'])} {before}, of the ensemble {after}.")
    if report.costs.empty and not lines:
        return
    st.subheader("What it costs", anchor=False)
    for line in lines:
        st.markdown(line)
    if len(report.costs):
        st.dataframe(
            report.costs.rename(columns={"milliseconds": "ms an image", "megabytes": "MB"}),
            hide_index=True,
            column_config={column: st.column_config.NumberColumn(format="%.1f") for column in ("ms an image", "MB")},
        )
        st.caption(
            "Time on this machine for single images of the test split, models in turn; size on disk, with members."
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
    beside(report)
    left, right = st.columns([2, 3], gap="large")
    with left:
        makeup(report, colours)
    with right:
        gain(report, colours)
    alike(report)
    cost(report)


parts.head("Ensembles", "Are several models together better than each of them alone, and by how much?")
names = list(project.settings().ensembles)
way = st.segmented_control(
    "Made", [MADE, BY_HAND], default=MADE, required=True, key="ensembles-made", bind="query-params"
)
if way == BY_HAND:
    builder.show()
elif names:
    chosen = st.segmented_control(
        "Ensemble", names, default=names[0], required=True, key="ensemble", bind="query-params"
    )
    show(chosen or names[0])
else:
    st.markdown("`params.yaml` has no section `ensembles`.")
