"""Page Tuning: whether a study found something better, how it searched, and the next command."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import parts
from figures import studies as figures
from figures import style
from queries import project, reports
from queries import studies as queries
from wording import in_tables, words

MORE_TRIALS = 20  # the suggested number of trials is a multiple of it
SMALL = ("slices", "contour", "parallel", "rank", "epochs", "workers")  # shown one at a time
TOO_FEW = "There are too few complete trials."
HELP = {
    "given up": "Trials that did badly, or that broke a bound.",
    "epochs saved": "Epochs that trials had left when they were given up, and their share of all.",
    "search": "Time of all trials, summed over workers.",
    "training again": "Time of training the best again, summed over workers.",
    "seed noise": "Standard deviation of the objective over seeds, of the entry as it is.",
}
VERDICTS = {
    "better": (st.success, "verified"),
    "unsure": (st.info, "balance"),
    "front": (st.info, "stacked_line_chart"),
}


def goal(model: str) -> tuple[str, str]:
    """Metric and direction of a model's study."""
    entry = project.settings().models[model]
    return reports.objective(entry.task, entry.dataset)


def choice(model: str) -> str | None:
    """The name of the study to show: the newest, unless another one is chosen; None without any."""
    known = {each.name: each for each in queries.of_model(model)}
    if len(known) < 2:
        return next(iter(known), None)
    newest = next(iter(known))

    def said(name: str) -> str:
        each = known[name]
        changed = f", changed: {', '.join(each.changed)}" if each.changed else ""
        when = "newest, " if name == newest else ""
        return f"{when}{each.begun.astimezone():%d %b %Y %H:%M}, {each.trials} trials{changed}"

    chosen = st.selectbox("Study", list(known), format_func=said, key=f"study-{model}", bind="query-params")
    return str(chosen or newest)


def show(model: str, name: str) -> None:
    """Show one study."""
    metric = goal(model)[0]
    trials = queries.trials(model, name)
    if trials["value"].notna().sum() == 0:
        parts.nothing_yet("No trial of this study has a value yet.", command(model), "This command goes on:")
        _table(trials, metric, expanded=True)
        return
    found = queries.found(model, name, metric)
    _verdict(found)
    _numbers(found)
    _draw(model, name, metric, "front" if found.summary.front else "best")
    _settings(found, metric)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw(model, name, metric, "history")
    with right:
        _draw(model, name, metric, "importances", TOO_FEW)
    _more(model, name, metric)
    _table(trials, metric)
    _next(model, found, trials)


def _verdict(found: queries.Found) -> None:
    head, *others = (parts.plain(line) for line in found.sentences)
    box, icon = VERDICTS.get(found.summary.verdict, (st.info, "search"))
    box("  \n".join([f"**{head}**", *others]), icon=f":material/{icon}:")


def _numbers(found: queries.Found) -> None:
    with st.container(horizontal=True, gap="medium"):
        for label, value in found.numbers:
            st.metric(label.capitalize(), value, width="content", help=HELP.get(label))
    if found.summary.stopped:
        st.caption(f"Stopped: {parts.plain(found.summary.stopped)}.")


def _draw(model: str, name: str, metric: str, which: str, instead: str | None = None) -> None:
    """Show a figure with its heading; where it cannot be drawn yet, ``instead`` or nothing."""
    about = queries.about()[which]
    figure = queries.figure(model, name, metric, which)
    if figure is None and instead is None:
        return
    st.subheader(about.title, anchor=False)
    if figure is None:
        st.markdown(f":gray[{instead}]")
        return
    st.plotly_chart(figures.fit(figure), theme="streamlit", config=style.CONFIG, key=f"{which}-{name}")
    st.caption(about.caption)


def _settings(found: queries.Found, metric: str) -> None:
    """Show what the best setting changes, and all settings that were trained again."""
    if len(found.changes):
        st.subheader("What the best setting changes", anchor=False)
        st.dataframe(found.changes, hide_index=True, width="content")
    if found.settings.empty:
        return
    signed = st.column_config.NumberColumn(format=in_tables(metric, signed=True))
    formats = dict.fromkeys(("gain", "low", "high"), signed)
    formats["mean"] = st.column_config.NumberColumn(words(metric), format=in_tables(metric))
    with st.expander(f"All {len(found.settings)} settings that were trained again"):
        st.dataframe(found.settings, hide_index=True, column_config=formats)
        st.caption(
            "Gains are over the entry as it is; a setting with fewer trainings was given up as worse than the best."
        )


def _more(model: str, name: str, metric: str) -> None:
    """Show one of the other figures."""
    about = queries.about()
    titles = {which: about[which].title for which in SMALL}
    st.subheader("A closer look", anchor=False)
    which = st.segmented_control(
        "Figure",
        list(titles),
        default=SMALL[0],
        required=True,
        format_func=lambda each: titles[each],
        key="figure",
        bind="query-params",
        label_visibility="collapsed",
    )
    which = str(which or SMALL[0])
    figure = queries.figure(model, name, metric, which)
    if figure is None:
        st.markdown(f":gray[There is nothing to draw: {_why(which)}.]")
        return
    st.plotly_chart(figures.fit(figure), theme="streamlit", config=style.CONFIG, key=f"{which}-{name}")
    st.caption(about[which].caption)


def _why(which: str) -> str:
    """Why a figure cannot be drawn."""
    if which == "epochs":
        return "trials of a baseline have no epochs, and those of a front report none"
    return "it takes more complete trials, or more parameters that vary"


def _table(trials: pd.DataFrame, metric: str, expanded: bool = False) -> None:
    """Show all trials, without columns that are empty."""
    used = [name for name in trials if trials[name].notna().any()]
    formats = {
        "value": st.column_config.NumberColumn(words(metric), format=in_tables(metric)),
        "duration_s": st.column_config.NumberColumn("seconds", format="%.0f"),
        "milliseconds": st.column_config.NumberColumn("ms an image", format="%.1f"),
        "megabytes": st.column_config.NumberColumn("MB", format="%.1f"),
        "started": st.column_config.DatetimeColumn("started (UTC)", format="D MMM, HH:mm:ss"),
        "reason": st.column_config.TextColumn("reason", width="medium"),
    }
    with st.expander(f"All {len(trials)} trials" if len(trials) > 1 else "The trial", expanded=expanded):
        st.dataframe(trials[used].drop(columns="ended", errors="ignore"), hide_index=True, column_config=formats)


def _next(model: str, found: queries.Found, trials: pd.DataFrame) -> None:
    """Show the commands that come next."""
    finished = int(trials["state"].isin(["complete", "pruned"]).sum())
    verdict = found.summary.verdict
    if verdict == "better":
        st.markdown("Write it into `params.yaml`, or go on searching:")
        lines = [f"brightfield adopt {model}", command(model, finished)]
    elif verdict == "front":
        st.markdown("Choose a setting of the front, or go on searching:")
        number = next((each for each in found.summary.front if each), 0)  # 0 is the entry as it is
        lines = [f"brightfield adopt {model} --trial {number} --force", command(model, finished)]
    elif verdict in ("searching", "unfinished"):
        st.markdown("Go on: the search, and then the training again that shows what is better.")
        lines = [command(model, finished)]
    else:
        st.markdown("Go on searching, or take a trial that was not shown to be better:")
        lines = [command(model, finished), f"brightfield adopt {model} --trial {found.summary.best} --force"]
    st.code("\n".join(lines), language="bash")


def command(model: str, finished: int = 0) -> str:
    """The command that continues a study to the next multiple of ``MORE_TRIALS`` finished trials."""
    return f"make tune MODEL={model} TRIALS={(finished // MORE_TRIALS + 1) * MORE_TRIALS}"


def live(model: str, name: str) -> bool:
    """Whether trials run or are lined up: in the search, or in the training again."""
    summary = queries.found(model, name, goal(model)[0]).summary
    return any(
        states.get(state) for states in (summary.trials, summary.confirmations) for state in ("running", "waiting")
    )


parts.head("Tuning", "Did tuning find something better, how far is the search, and which parameters matter?")
known = [name for name in queries.tuned() if name in project.settings().models]
trained = [name for name, model in project.settings().models.items() if not model.is_baseline]
if known:
    model = str(
        st.segmented_control("Model", known, default=known[0], required=True, key="study", bind="query-params")
        or known[0]
    )
    study = choice(model)
    if study is not None:
        every = queries.TTL_S if live(model, study) else None
        st.fragment(show, run_every=every)(model, study)
else:
    parts.nothing_yet("No model has been tuned yet.", "\n".join(map(command, trained)), "Each of these starts a study:")
